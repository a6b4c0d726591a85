package http2

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

func TestARequestWithBodyAndTrailersComesBackWhole(t *testing.T) {
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		got, err := readAll(d)
		if err != nil {
			t.Error(err)
		}
		tr := d.RecvTrailers()
		if tr == nil || string(tr.Get("x-end")) != "yes" {
			t.Error("the request's trailers are missing")
		}
		h := d.Head()
		reply(d, 200, string(h.Method)+" "+string(h.Authority)+string(h.Path)+" "+string(h.Header.Get("x-a"))+" "+got, "grpc-status", "0")
	}))
	u := open(t, dial(t, s.addr, ClientOptions{}))
	defer u.Close()
	h := request("POST", "/v2?x=%20", "X-A", "1", "connection", "close")
	h.ContentLength = -1
	if err := u.SendHead(h, false); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"one ", "two ", strings.Repeat("x", 100_000)} {
		if err := u.Send(body.Of([]byte(part)), false); err != nil {
			t.Fatal(err)
		}
	}
	tr := &stream.Header{}
	tr.Add("X-End", "yes")
	if err := u.SendTrailers(tr); err != nil {
		t.Fatal(err)
	}
	head, err := u.RecvHead()
	if err != nil || head.Status != 200 {
		t.Fatal(head, err)
	}
	got, err := readAll(u)
	if want := "POST models.test/v2?x=%20 1 one two " + strings.Repeat("x", 100_000); err != nil || got != want {
		t.Fatalf("%.60q %v", got, err)
	}
	if tr := u.RecvTrailers(); tr == nil || string(tr.Get("grpc-status")) != "0" {
		t.Fatal("the response's trailers are missing")
	}
}

func TestAWindowOpensOnlyAsTheReceiverConsumes(t *testing.T) {
	hold, held := make(chan struct{}), make(chan struct{})
	budget := body.NewBudget(0)
	s := serve(t, ServerOptions{Budget: budget, StreamWindow: 65535}, handlerFunc(func(d stream.Downstream) {
		close(held)
		<-hold
		got, err := readAll(d)
		if err != nil {
			t.Error(err)
		}
		reply(d, 200, got[:1])
	}))
	u := open(t, dial(t, s.addr, ClientOptions{}))
	defer u.Close()
	h := request("POST", "/")
	h.ContentLength = 1 << 20
	_ = u.SendHead(h, false)
	sent := make(chan error, 1)
	go func() { sent <- u.Send(body.Of(make([]byte, 1<<20)), true) }()
	<-held
	eventually(t, "the window is used up", func() bool { return budget.Used() >= 65535 })
	if used := budget.Used(); used > 4*65535 {
		t.Fatalf("%d bytes are held for a window of 65535", used)
	}
	close(hold)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if h, err := u.RecvHead(); err != nil || h.Status != 200 {
		t.Fatal(h, err)
	}
	if _, err := readAll(u); err != nil {
		t.Fatal(err)
	}
}

func TestACancelReachesTheHandler(t *testing.T) {
	started, over := make(chan struct{}), make(chan error, 1)
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		close(started)
		<-d.Context().Done()
		_, err := d.Recv()
		over <- err
	}))
	u := open(t, dial(t, s.addr, ClientOptions{}))
	h := request("POST", "/")
	h.ContentLength = -1
	_ = u.SendHead(h, false)
	go func() {
		<-started
		u.Cancel()
	}()
	if _, err := u.RecvHead(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	u.Close()
}

func TestADeadlineEndsEveryWait(t *testing.T) {
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) { <-d.Context().Done() }))
	cc := dial(t, s.addr, ClientOptions{})
	for name, wait := range map[string]func(u stream.Upstream) error{
		"receiving a head": func(u stream.Upstream) error { _, err := u.RecvHead(); return err },
		"sending":          func(u stream.Upstream) error { return u.Send(body.Of(make([]byte, 1<<20)), true) },
	} {
		t.Run(name, func(t *testing.T) {
			u, err := cc.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			h := request("POST", "/")
			h.ContentLength = -1
			_ = u.SendHead(h, false)
			_ = u.SetDeadline(time.Now().Add(20 * time.Millisecond))
			if err := wait(u); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		})
	}
	if cc.Closed() {
		t.Fatal("a deadline of one request ended the connection")
	}
}

func TestAHandlerThatDoesNotEndHasItsResponseReset(t *testing.T) {
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		if string(d.Head().Path) == "/half" {
			_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: -1}, false)
			_ = d.Send(body.Of([]byte("half")), false)
		}
	}))
	cc := dial(t, s.addr, ClientOptions{})
	u := open(t, cc)
	_ = u.SendHead(request("GET", "/none"), true)
	if _, err := u.RecvHead(); !errors.Is(err, stream.ErrReset) || u.Unprocessed() {
		t.Fatal(err)
	}
	u.Close()
	u = open(t, cc)
	_ = u.SendHead(request("GET", "/half"), true)
	if _, err := u.RecvHead(); err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(u); got != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(got, err)
	}
	u.Close()
}

func TestContinueIsSentWhenTheBodyIsFirstRead(t *testing.T) {
	read := make(chan struct{})
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		if !d.Head().ExpectContinue || d.Head().Header.Has("expect") {
			t.Error("the expectation was not taken out of the header")
		}
		<-read
		got, _ := readAll(d)
		_ = d.SendInformational(&stream.ResponseHead{Status: 103, ContentLength: -1})
		reply(d, 200, got)
	}))
	u := open(t, dial(t, s.addr, ClientOptions{}))
	defer u.Close()
	h := request("POST", "/")
	h.ContentLength, h.ExpectContinue = 2, true
	_ = u.SendHead(h, false)
	close(read)
	var statuses []int
	for len(statuses) == 0 || statuses[len(statuses)-1] < 200 {
		h, err := u.RecvHead()
		if err != nil {
			t.Fatal(err)
		}
		if statuses = append(statuses, h.Status); h.Status == 100 {
			_ = u.Send(body.Of([]byte("hi")), true)
		}
	}
	if got, err := readAll(u); got != "hi" || err != nil || len(statuses) != 3 || statuses[0] != 100 || statuses[1] != 103 {
		t.Fatal(got, err, statuses)
	}
}

func TestBodilessResponsesKeepTheirLengthAndHaveNoBody(t *testing.T) {
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		h := stream.ResponseHead{Status: 200, ContentLength: 5}
		if string(d.Head().Path) == "/304" {
			h.Status = 304
		}
		_ = d.SendHead(&h, false)
		_ = d.Send(body.Of([]byte("12345")), true)
	}))
	cc := dial(t, s.addr, ClientOptions{})
	for _, c := range []struct{ method, path string }{{"HEAD", "/"}, {"GET", "/304"}} {
		u := open(t, cc)
		_ = u.SendHead(request(c.method, c.path), true)
		h, err := u.RecvHead()
		if err != nil || h.ContentLength != 5 {
			t.Fatal(h, err)
		}
		if got, err := readAll(u); got != "" || err != nil {
			t.Fatal(c, got, err)
		}
		u.Close()
	}
}

func TestADrainLetsRequestsEndAndRefusesNewOnes(t *testing.T) {
	started, goOn := make(chan struct{}), make(chan struct{})
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		close(started)
		<-goOn
		reply(d, 200, "done")
	}))
	cc := dial(t, s.addr, ClientOptions{})
	u := open(t, cc)
	_ = u.SendHead(request("GET", "/"), true)
	<-started
	s.drain()
	eventually(t, "the client learns of the drain", cc.Closed)
	if _, err := cc.Open(); !errors.Is(err, stream.ErrClosed) {
		t.Fatal(err)
	}
	close(goOn)
	if _, err := u.RecvHead(); err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(u); got != "done" || err != nil {
		t.Fatal(got, err)
	}
	u.Close()
	eventually(t, "the connection ends", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.errs) == 1 && s.errs[0] == nil
	})
}

func TestABodyBeyondTheLimitOrTheBudgetIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		opts   ServerOptions
		length int64
		want   func(error) bool
	}{
		"declared too large": {ServerOptions{MaxBodyBytes: 1000}, 5000, isTooLarge},
		"grown too large":    {ServerOptions{MaxBodyBytes: 1000}, -1, isTooLarge},
		"no budget":          {ServerOptions{Budget: body.NewBudget(4096)}, 5000, func(err error) bool { return errors.Is(err, body.ErrBudget) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.opts, handlerFunc(func(d stream.Downstream) {
				_, err := readAll(d)
				if !c.want(err) {
					t.Error(err)
				}
				reply(d, 413, "no")
			}))
			u := open(t, dial(t, s.addr, ClientOptions{}))
			defer u.Close()
			h := request("POST", "/")
			h.ContentLength = c.length
			_ = u.SendHead(h, false)
			_ = u.Send(body.Of(make([]byte, 5000)), true)
			if h, err := u.RecvHead(); err != nil || h.Status != 413 {
				t.Fatal(h, err)
			}
		})
	}
}

func isTooLarge(err error) bool {
	var large *body.TooLarge
	return errors.As(err, &large)
}
