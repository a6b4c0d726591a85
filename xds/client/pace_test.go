package client_test

import (
	"strconv"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/millrace/millrace/xds/client"
)

func refuse(u client.Update) []client.ResourceError {
	return []client.ResourceError{{Name: "a", Code: "MR100", Message: "no"}}
}

func TestServerThatAnswersARefusalWithTheSameThingDoesNotMakeTheClientSpin(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, refuse, client.WithNackPace(client.Backoff{Base: 20 * time.Millisecond, Max: 40 * time.Millisecond}))
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	begin := time.Now()
	const rounds = 6
	for i := range rounds {
		l.send(response(strconv.Itoa(i), resource("a", "1")))
		if nack := l.next(); nack.GetErrorDetail() == nil || nack.GetResponseNonce() != strconv.Itoa(i) {
			t.Fatalf("got %v", nack)
		}
	}
	// Five that were held, each for at least half of 20, 40, 40, 40 and 40 ms.
	if took := time.Since(begin); took < 90*time.Millisecond {
		t.Errorf("%d rounds took %s", rounds, took)
	}
	if n := c.Status().Types[0].Refused; n != rounds {
		t.Errorf("refused %d", n)
	}
}

func TestServerThatDoesNotWaitForAnswersIsNotRead(t *testing.T) {
	s, addr := startScript(t)
	calls := 0
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		calls++
		return refuse(u)
	}, client.WithNackPace(client.Backoff{Base: time.Minute, Max: time.Minute}))
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	for i := range 50 {
		l.send(response(strconv.Itoa(i), resource("a", "1")))
	}
	l.next()
	until(t, "the flood is seen", func() bool { return c.Status().Types[0].Refused == 3 })
	c.Close()
	if calls != 3 {
		t.Errorf("applied %d of the flood, want 3: one answered, one held, one that shows the flood", calls)
	}
}

func TestTypesThatWereNotAskedForDoNotMakeTheClientSpinEither(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, accept, client.WithNackPace(client.Backoff{Base: time.Minute, Max: time.Minute}))
	c.Subscribe(typeB, client.Wildcard)
	l := s.stream()
	l.next()
	l.send(response("1", resource("a", "1")))
	if nack := l.next(); nack.GetErrorDetail() == nil {
		t.Errorf("got %v", nack)
	}
	l.send(response("2", resource("a", "1"))) // its NACK is held
	l.send(&discovery.DeltaDiscoveryResponse{TypeUrl: typeB, Nonce: "3"})
	if ack := l.next(); ack.GetResponseNonce() != "3" {
		t.Errorf("got %v", ack)
	}
}

func TestHeldRefusalDoesNotDelayOtherTypes(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		if u.TypeURL == typeA {
			return refuse(u)
		}
		return nil
	}, client.WithNackPace(client.Backoff{Base: time.Minute, Max: time.Minute}))
	c.Subscribe(typeA, client.Wildcard)
	c.Subscribe(typeB, client.Wildcard)
	l := s.stream()
	l.next()
	l.next()
	l.send(response("1", resource("a", "1")))
	l.next()
	l.send(response("2", resource("a", "1"))) // its NACK is held
	l.send(&discovery.DeltaDiscoveryResponse{TypeUrl: typeB, Nonce: "3"})
	if ack := l.next(); ack.GetTypeUrl() != typeB || ack.GetResponseNonce() != "3" {
		t.Errorf("got %v", ack)
	}
}

func TestStreamThatAnsweredIsReplacedAtOnceAndOneThatDidNotIsNot(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, accept, client.WithRetry(client.Backoff{Base: time.Second, Max: time.Second}))
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	l.send(response("1"))
	l.next()
	begin := time.Now()
	l.hangUp()
	l = s.stream()
	if took := time.Since(begin); took > 400*time.Millisecond {
		t.Errorf("a good stream was replaced after %s", took)
	}
	begin = time.Now()
	l.hangUp()
	s.stream()
	if took := time.Since(begin); took < 490*time.Millisecond {
		t.Errorf("a silent stream was replaced after %s", took)
	}
}
