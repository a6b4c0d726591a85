package client_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/status"
)

func TestFirstRequestNamesTheNodeAndLaterOnesDoNot(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, accept)
	c.Subscribe(typeA, client.Wildcard)
	c.Subscribe(typeB, "x", "y")
	l := s.stream()
	first, second := l.next(), l.next()
	if first.GetNode().GetId() != "n" || first.GetTypeUrl() != typeA || !slices.Equal(first.GetResourceNamesSubscribe(), []string{"*"}) || first.GetResponseNonce() != "" {
		t.Errorf("first request %v", first)
	}
	if second.GetNode() != nil || second.GetTypeUrl() != typeB || !slices.Equal(second.GetResourceNamesSubscribe(), []string{"x", "y"}) {
		t.Errorf("second request %v", second)
	}
}

func TestEachResponseIsAnsweredByItsNonce(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, accept)
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	for i := range 3 {
		nonce := fmt.Sprint("n", i)
		l.send(response(nonce, resource("a", nonce)))
		if ack := l.next(); ack.GetResponseNonce() != nonce || ack.GetErrorDetail() != nil || len(ack.GetResourceNamesSubscribe()) != 0 {
			t.Errorf("ack %v", ack)
		}
	}
	if st := c.Status().Types[0]; st.Accepted != 3 || st.Refused != 0 || st.Resources != 1 || st.Version != "v-n2" {
		t.Errorf("status %+v", st)
	}
}

func TestBadResourcesAreNamedAndTheOthersUsed(t *testing.T) {
	wrapped, err := anypb.New(resource("wrapped", "1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sent    []*discovery.Resource
		removed []string
		applied []string
		refused map[string]string // name to code
	}{
		"a resource that the handler refuses": {
			sent: []*discovery.Resource{resource("a", "1"), resource("bad", "1"), resource("c", "1")}, applied: []string{"a", "bad", "c"},
			refused: map[string]string{"bad": "MR100"},
		},
		"a name that occurs twice": {
			sent: []*discovery.Resource{resource("a", "1"), resource("b", "1"), resource("a", "2")}, applied: []string{"b"},
			refused: map[string]string{"a": status.CodeDuplicate},
		},
		"a name that is sent and removed": {
			sent: []*discovery.Resource{resource("a", "1"), resource("b", "1")}, removed: []string{"a"}, applied: []string{"b"},
			refused: map[string]string{"a": status.CodeDuplicate},
		},
		"a body of another type": {
			sent:    []*discovery.Resource{{Name: "a", Resource: &anypb.Any{TypeUrl: typeB}}, resource("b", "1")},
			applied: []string{"b"}, refused: map[string]string{"a": status.CodeType},
		},
		"no body": {
			sent: []*discovery.Resource{{Name: "a", Version: "1"}, resource("b", "1")}, applied: []string{"b"},
			refused: map[string]string{"a": status.CodeEmpty},
		},
		"no name": {
			sent: []*discovery.Resource{resource("", "1"), resource("b", "1")}, applied: []string{"b"},
			refused: map[string]string{"": status.CodeEmpty},
		},
		"a resource that is wrapped is unwrapped": {
			sent: []*discovery.Resource{{Name: "wrapped", Version: "1", Resource: wrapped}}, applied: []string{"wrapped"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, addr := startScript(t)
			got := make(chan client.Update, 1)
			cl := start(t, addr, func(u client.Update) []client.ResourceError {
				got <- u
				var errs []client.ResourceError
				for _, r := range u.Resources {
					if r.Name == "bad" {
						errs = append(errs, client.ResourceError{Name: r.Name, Code: "MR100", Message: "no"})
					}
				}
				return errs
			})
			cl.Subscribe(typeA, client.Wildcard)
			l := s.stream()
			l.next()
			r := response("1", c.sent...)
			r.RemovedResources = c.removed
			l.send(r)
			answer := l.next()
			var applied []string
			for _, r := range (<-got).Resources {
				applied = append(applied, r.Name)
				if string(r.Body.GetValue()) != r.Name || r.Version != "1" {
					t.Errorf("resource %v", r)
				}
			}
			refused := make(map[string]string)
			for _, e := range status.Errors(answer.GetErrorDetail()) {
				refused[e.Name] = e.Code
				if !strings.Contains(answer.GetErrorDetail().GetMessage(), e.Name+": ") && e.Name != "" {
					t.Errorf("%q does not name %s", answer.GetErrorDetail().GetMessage(), e.Name)
				}
			}
			if !slices.Equal(applied, c.applied) || !maps.Equal(refused, c.refused) && len(refused)+len(c.refused) > 0 {
				t.Errorf("applied %v, refused %v; want %v, %v", applied, refused, c.applied, c.refused)
			}
		})
	}
}

func TestTypeThatWasNotAskedForIsRefusedByName(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		t.Errorf("applied %v", u)
		return nil
	})
	c.Subscribe(typeB, client.Wildcard)
	l := s.stream()
	l.next()
	l.send(response("1", resource("a", "1")))
	errs := status.Errors(l.next().GetErrorDetail())
	if len(errs) != 1 || errs[0].Name != "a" || errs[0].Code != status.CodeType {
		t.Errorf("got %v", errs)
	}
}

func TestReconnectingClientSaysWhatItHasButNotWhatItRefused(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		var errs []client.ResourceError
		for _, r := range u.Resources {
			if r.Version == "bad" {
				errs = append(errs, client.ResourceError{Name: r.Name, Code: "MR100", Message: "no"})
			}
		}
		return errs
	})
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	if v := l.next().GetInitialResourceVersions(); len(v) != 0 {
		t.Errorf("a new client says it has %v", v)
	}
	l.send(response("1", resource("a", "1"), resource("b", "1"), resource("c", "1")))
	l.next()
	r := response("2", resource("a", "2"), resource("b", "bad"), resource("d", "bad"))
	r.RemovedResources = []string{"c"}
	l.send(r)
	l.next()
	l.hangUp()
	again := s.stream().next()
	if want := map[string]string{"a": "2", "b": "1"}; !maps.Equal(again.GetInitialResourceVersions(), want) || again.GetNode().GetId() != "n" || again.GetResponseNonce() != "" {
		t.Errorf("comes back with %v, want the versions %v", again, want)
	}
}

func TestFirstEmptyResponseIsHandedOverAndLaterOnesAreNot(t *testing.T) {
	s, addr := startScript(t)
	calls := make(chan client.Update, 10)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		calls <- u
		return nil
	})
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	for _, nonce := range []string{"1", "2"} {
		l.send(response(nonce))
		l.next()
	}
	l.hangUp()
	l = s.stream()
	l.next()
	l.send(response("1"))
	l.next()
	if len(calls) != 1 || (<-calls).TypeURL != typeA {
		t.Errorf("%d more calls", len(calls))
	}
}

func TestHeartbeatChangesNothing(t *testing.T) {
	s, addr := startScript(t)
	calls := make(chan client.Update, 10)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		calls <- u
		return nil
	})
	c.Subscribe(typeA, "a")
	l := s.stream()
	l.next()
	l.send(response("1", resource("a", "1")))
	l.next()
	l.send(response("2", &discovery.Resource{Name: "a", Version: "1", Ttl: durationpb.New(time.Second)}))
	if ack := l.next(); ack.GetErrorDetail() != nil || len(calls) != 1 {
		t.Errorf("answered %v after %d calls", ack, len(calls))
	}
}

func TestResourceThatTheControlPlaneCannotGiveIsReportedAndNotRefused(t *testing.T) {
	s, addr := startScript(t)
	got := make(chan client.Update, 1)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		got <- u
		return nil
	})
	c.Subscribe(typeA, "a")
	l := s.stream()
	l.next()
	r := response("1")
	r.ResourceErrors = []*discovery.ResourceError{{
		ResourceName: &discovery.ResourceName{Name: "a"}, ErrorDetail: &rpcstatus.Status{Code: 7, Message: "not for you"},
	}}
	l.send(r)
	if ack := l.next(); ack.GetErrorDetail() != nil {
		t.Errorf("got %v", ack)
	}
	want := client.ResourceError{Name: "a", Code: "PermissionDenied", Message: "not for you"}
	if u := <-got; len(u.Failed) != 1 || u.Failed[0] != want {
		t.Errorf("got %v, want %v", u.Failed, want)
	}
}

func TestHandlerMaySubscribeToWhatItLearnsOf(t *testing.T) {
	s, addr := startScript(t)
	var c *client.Client
	ready := make(chan struct{})
	c = start(t, addr, func(u client.Update) []client.ResourceError {
		<-ready
		for _, r := range u.Resources {
			c.Subscribe(typeB, r.Name)
		}
		return nil
	})
	close(ready)
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	l.send(response("1", resource("a", "1"), resource("b", "1")))
	if ack := l.next(); ack.GetResponseNonce() != "1" {
		t.Errorf("the answer comes first, got %v", ack)
	}
	if sub := l.next(); sub.GetTypeUrl() != typeB || !slices.Equal(sub.GetResourceNamesSubscribe(), []string{"a", "b"}) {
		t.Errorf("got %v", sub)
	}
}

func TestNameThatIsGivenUpAndWantedAgainIsAskedForAgain(t *testing.T) {
	s, addr := startScript(t)
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		held <- struct{}{}
		<-hold
		return nil
	})
	c.Subscribe(typeA, "a", "b")
	l := s.stream()
	l.next()
	l.send(response("1", resource("a", "1"), resource("b", "1")))
	<-held
	c.Unsubscribe(typeA, "a", "b")
	c.Subscribe(typeA, "a")
	close(hold)
	l.next() // the ACK
	gone, again := l.next(), l.next()
	if !slices.Equal(gone.GetResourceNamesUnsubscribe(), []string{"a", "b"}) || len(gone.GetResourceNamesSubscribe()) != 0 {
		t.Errorf("got %v", gone)
	}
	if !slices.Equal(again.GetResourceNamesSubscribe(), []string{"a"}) || len(again.GetResourceNamesUnsubscribe()) != 0 {
		t.Errorf("got %v", again)
	}
	l.hangUp()
	if v := s.stream().next().GetInitialResourceVersions(); len(v) != 0 {
		t.Errorf("still says it has %v", v)
	}
}

func TestWhatIsNoLongerWantedIsLeftOutInSilence(t *testing.T) {
	s, addr := startScript(t)
	got := make(chan client.Update, 1)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		got <- u
		return nil
	})
	c.Subscribe(typeA, "a")
	l := s.stream()
	l.next()
	l.send(response("1", resource("a", "1"), resource("other", "1")))
	if ack := l.next(); ack.GetErrorDetail() != nil {
		t.Errorf("got %v", ack)
	}
	if u := <-got; len(u.Resources) != 1 || u.Resources[0].Name != "a" {
		t.Errorf("applied %v", u)
	}
}

func TestCloseMayBeCalledTwiceAndEndsTheStream(t *testing.T) {
	s, addr := startScript(t)
	c := start(t, addr, accept)
	c.Close()
	c.Close()
	c = start(t, addr, accept)
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	c.Close()
	<-l.str.Context().Done()
	if c.Status().Connected {
		t.Error("still connected")
	}
}
