package cluster

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

const a1, a2, a3 = "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"

// exchange makes one call and returns the status and body, or the error.
func exchange(t *testing.T, req Request) (int, string, *Error) {
	t.Helper()
	if req.Head == nil {
		req.Head = head("/p")
	}
	c := Begin(&req)
	defer c.Close()
	h, b, _, err := c.Wait()
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%T is not an *Error: %v", err, err)
		}
		return 0, "", e
	}
	defer b.Release()
	return h.Status, string(b.Bytes()), nil
}

func TestACallBringsTheResponse(t *testing.T) {
	w := newWorld()
	w.set(a1, &server{answer: func(u *fakeUpstream) error {
		u.status, u.body = 404, []string{"a", "b", string(u.sent), u.path}
		return nil
	}})
	c := w.cluster(t, w.registry(t), static("c", a1))
	b := body.Of([]byte("q"))
	defer b.Release()
	for range 3 {
		status, text, err := exchange(t, Request{Cluster: c, Body: b})
		if err != nil || status != 404 || text != "abq/p" {
			t.Fatalf("got %d %q %v", status, text, err)
		}
	}
	if n := w.dialed(a1); n != 1 {
		t.Errorf("%d connections for requests one after another", n)
	}
	requests, pending, conns, retries := c.Load()
	if requests != 0 || pending != 0 || conns != 1 || retries != 0 {
		t.Errorf("left over: %d requests, %d pending, %d connections, %d retries", requests, pending, conns, retries)
	}
}

func TestHeadsBeforeTheFinalOneAreToldApartFrom100(t *testing.T) {
	w := newWorld()
	statuses := []int{100, 103, 200}
	w.set(a1, &server{answer: func(u *fakeUpstream) error {
		u.status, statuses = statuses[0], statuses[1:]
		return nil
	}})
	var told []int
	c := w.cluster(t, w.registry(t), static("c", a1))
	status, _, err := exchange(t, Request{Cluster: c, Informational: func(h *stream.ResponseHead) { told = append(told, h.Status) }})
	if err != nil || status != 200 || len(told) != 1 || told[0] != 103 {
		t.Errorf("got %d %v, told %v", status, err, told)
	}
}

func TestADeadEndpointCostsNoRequest(t *testing.T) {
	w := newWorld()
	w.set(a1, &server{down: true})
	w.set(a2, &server{down: true})
	w.set(a3, &server{})
	c := w.cluster(t, w.registry(t), static("c", a1, a2, a3))
	for i := range 9 {
		if status, _, err := exchange(t, Request{Cluster: c}); err != nil || status != 200 {
			t.Fatalf("request %d: %d %v", i, status, err)
		}
	}
}

func TestTheRetryRule(t *testing.T) {
	reset := func(times int, unseen bool) func(u *fakeUpstream) error {
		var n atomic.Int32
		return func(u *fakeUpstream) error {
			if int(n.Add(1)) <= times {
				u.unseen = unseen
				return stream.ErrReset
			}
			return nil
		}
	}
	policy := func(on string, n uint32) *RetryPolicy {
		p, err := NewRetryPolicy(&routev3.RetryPolicy{RetryOn: on, NumRetries: wrapperspb.UInt32(n), RetryBackOff: &routev3.RetryPolicy_RetryBackOff{BaseInterval: durationpb.New(time.Microsecond)}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	cases := []struct {
		name       string
		answer     func(u *fakeUpstream) error
		idempotent bool
		policy     *RetryPolicy
		status     int
		tries      int
		flags      string
	}{
		{name: "an idempotent request is sent again after a reset", answer: reset(1, false), idempotent: true, status: 200, tries: 2},
		{name: "but only once", answer: reset(2, false), idempotent: true, tries: 2, flags: "UC"},
		{name: "another is not", answer: reset(1, false), tries: 1, flags: "UC"},
		{name: "unless the server is proven not to have seen it", answer: reset(3, true), status: 200, tries: 4},
		{name: "and that ends some time", answer: reset(100, true), tries: 6, flags: "UC"},
		{name: "a cut body is not retried", idempotent: true, tries: 1, flags: "UC", answer: func(u *fakeUpstream) error {
			u.body, u.bodyErr = []string{"x"}, stream.ErrReset
			return nil
		}},
		{name: "503 is the answer", idempotent: true, status: 503, tries: 1, answer: func(u *fakeUpstream) error { u.status = 503; return nil }},
		{name: "a policy decides alone", answer: reset(1, false), idempotent: true, policy: policy("retriable-4xx", 3), tries: 1, flags: "UC"},
		{name: "a policy can retry resets", answer: reset(3, false), policy: policy("reset", 3), status: 200, tries: 4},
		{name: "a policy has its number", answer: reset(9, false), policy: policy("reset", 3), tries: 4, flags: "UC,URX"},
		{name: "a policy can retry statuses", policy: policy("5xx", 2), status: 503, tries: 3, answer: func(u *fakeUpstream) error { u.status = 503; return nil }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			w.set(a1, &server{})
			c := w.cluster(t, w.registry(t), static("c", a1))
			// The first try is on a connection that was used before, where most requests are.
			if status, _, err := exchange(t, Request{Cluster: c}); err != nil || status != 200 {
				t.Fatalf("the request before: %d %v", status, err)
			}
			w.set(a1, &server{answer: tc.answer})
			call := Begin(&Request{Cluster: c, Head: head("/"), Idempotent: tc.idempotent, Policy: tc.policy})
			defer call.Close()
			h, b, _, err := call.Wait()
			b.Release()
			var e *Error
			switch {
			case err == nil && (tc.flags != "" || h.Status != tc.status):
				t.Errorf("got %d", h.Status)
			case err != nil && (!errors.As(err, &e) || e.Flags() != tc.flags):
				t.Errorf("got %v", err)
			}
			if call.Tries() != tc.tries {
				t.Errorf("%d tries, want %d", call.Tries(), tc.tries)
			}
		})
	}
}

func TestAFirstTryOnANewConnectionIsRetriedToo(t *testing.T) {
	w := newWorld()
	var tries atomic.Int32
	w.set(a1, &server{answer: func(*fakeUpstream) error {
		if tries.Add(1) == 1 {
			return stream.ErrReset
		}
		return nil
	}})
	c := w.cluster(t, w.registry(t), static("c", a1))
	if status, _, err := exchange(t, Request{Cluster: c, Idempotent: true}); err != nil || status != 200 {
		t.Errorf("got %d %v", status, err)
	}
}

func TestARetryGoesToAnotherEndpoint(t *testing.T) {
	w := newWorld()
	w.set(a1, &server{answer: func(*fakeUpstream) error { return stream.ErrReset }})
	w.set(a2, &server{answer: func(u *fakeUpstream) error { u.body = []string{"two"}; return nil }})
	c := w.cluster(t, w.registry(t), static("c", a1, a2))
	for range 4 {
		if _, text, err := exchange(t, Request{Cluster: c, Idempotent: true}); err != nil || text != "two" {
			t.Fatalf("got %q, %v", text, err)
		}
	}
}

func TestErrorsHaveEnvoysFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(a1, &server{down: true})
		w.set(a2, &server{hang: true})
		w.set(a3, &server{answer: (*fakeUpstream).hang})
		r := w.registry(t)
		defer r.Close()
		none := static("none")
		cases := []struct {
			name, flags string
			c           *Cluster
			status      int
		}{
			{"no cluster", "NC", nil, 503},
			{"no endpoint", "UH", w.cluster(t, r, none), 503},
			{"refused", "UF", w.cluster(t, r, static("refused", a1)), 503},
			{"connect timeout", "UF", w.cluster(t, r, static("late", a2)), 503},
			{"response timeout", "UT", w.cluster(t, r, static("slow", a3)), 504},
		}
		for _, tc := range cases {
			_, _, e := exchange(t, Request{Cluster: tc.c, Deadline: time.Now().Add(5 * time.Second), Idempotent: true})
			if e == nil || e.Flags() != tc.flags || e.Status() != tc.status {
				t.Errorf("%s: got %v", tc.name, e)
			}
		}
	})
}

func TestBeginDoesNotWaitForAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(a1, &server{hang: true})
		r := w.registry(t)
		defer r.Close()
		c := w.cluster(t, r, static("c", a1))
		start := time.Now()
		call := Begin(&Request{Cluster: c, Head: head("/")})
		if time.Since(start) != 0 {
			t.Error("Begin waited")
		}
		time.AfterFunc(10*time.Millisecond, call.Cancel)
		_, _, _, err := call.Wait()
		var e *Error
		if !errors.As(err, &e) || e.Reason != Canceled || time.Since(start) != 10*time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		call.Close()
		Begin(&Request{Cluster: c, Head: head("/")}).Close() // never waited for
	})
}

func TestTwoWaitsTakeAsLongAsTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		slow := func(u *fakeUpstream) error { <-time.After(time.Until(u.deadline) / 2); return nil }
		w.set(a1, &server{answer: slow})
		r := w.registry(t)
		defer r.Close()
		c := w.cluster(t, r, static("c", a1))
		deadline := time.Now().Add(2 * time.Second)
		var calls []*Call
		for range 3 {
			calls = append(calls, Begin(&Request{Cluster: c, Head: head("/"), Deadline: deadline}))
		}
		for _, k := range calls {
			if _, _, _, err := k.Wait(); err != nil {
				t.Error(err)
			}
			k.Close()
		}
		if n := w.dialed(a1); n != 3 {
			t.Errorf("%d connections for 3 requests at once", n)
		}
	})
}

func TestAPerTryTimeoutIsRetriedByPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var n atomic.Int32
		w.set(a1, &server{answer: func(u *fakeUpstream) error {
			if n.Add(1) == 1 {
				return u.hang()
			}
			return nil
		}})
		r := w.registry(t)
		defer r.Close()
		p, err := NewRetryPolicy(&routev3.RetryPolicy{RetryOn: "5xx", PerTryTimeout: durationpb.New(time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		c := w.cluster(t, r, static("c", a1))
		if status, _, e := exchange(t, Request{Cluster: c, Policy: p, Deadline: time.Now().Add(5 * time.Second)}); e != nil || status != 200 {
			t.Errorf("got %d %v", status, e)
		}
	})
}

func TestALargeResponseIsRefused(t *testing.T) {
	w := newWorld()
	w.set(a1, &server{answer: func(u *fakeUpstream) error { u.body = []string{"123", "456", "789"}; return nil }})
	c := w.cluster(t, w.registry(t), static("c", a1))
	if _, _, e := exchange(t, Request{Cluster: c, MaxBody: 8}); e == nil || e.Reason != TooLarge {
		t.Errorf("got %v", e)
	}
	if _, text, e := exchange(t, Request{Cluster: c, MaxBody: 9}); e != nil || text != "123456789" {
		t.Errorf("got %q, %v", text, e)
	}
}

func TestTheRetryBudgetBoundsRetries(t *testing.T) {
	w := newWorld()
	w.set(a1, &server{answer: func(*fakeUpstream) error { return stream.ErrReset }})
	c := w.cluster(t, w.registry(t), static("c", a1))
	c.spec.Limits.Budget = Budget{Min: 0, Percent: 20}
	call := Begin(&Request{Cluster: c, Head: head("/"), Idempotent: true})
	defer call.Close()
	if _, _, _, err := call.Wait(); err == nil || call.Tries() != 1 {
		t.Errorf("%d tries within a budget of none: %v", call.Tries(), err)
	}
	if n := c.Stats().RetryOverflows.Load(); n != 1 {
		t.Errorf("%d overflows counted", n)
	}
}

func ExampleError() {
	fmt.Println(&Error{Reason: ConnectFailed, Cluster: "vader", Host: a1, Tries: 2, Cause: errors.New("connection refused")})
	// Output: cluster vader endpoint 10.0.0.1:80: connect: connection refused (after 2 tries)
}

func BenchmarkACall(b *testing.B) {
	w := newWorld()
	w.set(a1, &server{})
	r := NewRegistry(Options{Dial: w.dial, HTTP1: w.http1})
	defer r.Close()
	c := w.cluster(b, r, static("c", a1))
	req := Request{Cluster: c, Head: head("/"), Idempotent: true, Deadline: time.Now().Add(time.Hour)}
	b.ReportAllocs()
	for b.Loop() {
		k := Begin(&req)
		if _, _, _, err := k.Wait(); err != nil {
			b.Fatal(err)
		}
		k.Close()
	}
}
