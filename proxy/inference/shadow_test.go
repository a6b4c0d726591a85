package inference

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const shadowed = twoModels + `
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: watched}
spec:
  graph: {run: shout, shadows: [{to: letters, percent: 100, in-flight: 1000, timeout: 20s}]}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: compared}
spec:
  graph: {run: shout, shadows: [{to: loud-too, percent: 100, in-flight: 1000, timeout: 20s, compare: {loud: exact}}]}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: late}
spec:
  graph:
    steps:
      first: {call: shout, in: {text: request.text}}
      second:
        call: letters-watched
        in: {text: first.loud}
    out: {letters: second.letters}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: letters-watched}
spec:
  graph: {run: letters, shadows: [{to: loud-too, percent: 100, in-flight: 1000, timeout: 20s, compare: {letters: exact}}]}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: loud-too}
spec:
  protocol: oip
  urls: [$SLOW]
  model: m
  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1]}}
  outputs: {loud: {tensor: l, type: string, shape: [rows, 1]}}
`

// held is a server that keeps its requests until it is opened.
type held struct {
	next http.Handler
	open <-chan struct{}
}

func (h held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b)) // read, so that the end of the connection is noticed
	select {
	case <-h.open:
	case <-r.Context().Done():
		return
	}
	h.next.ServeHTTP(w, r)
}

// TestShadowsReadTheirRequestAfterItsAnswer has shadows decode, send and compare when the request that they shadow is long
// over and its memory serves others.
func TestShadowsReadTheirRequestAfterItsAnswer(t *testing.T) {
	open := make(chan struct{})
	slow, count := held{upper("m"), open}, held{lengths(), open}
	var mu sync.Mutex
	seen := map[string]int{}
	servers := map[string]http.Handler{"UP": upper("m"), "SLOW": slow, "LEN": count}
	p := start(t, shadowed, servers)
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 20 {
				text := fmt.Sprintf("text %d %d %s", c, i, strings.Repeat("x", i*50))
				code, got := p.post("/ask/watched?full=1", fmt.Sprintf(`{"text": %q}`, text))
				if code != 200 || !strings.Contains(got, strings.ToUpper(text)) {
					t.Errorf("watched: %d %s", code, got)
				}
				code, got = p.post("/v2/models/compared/infer", fmt.Sprintf(`{"inputs":[{"name":"text","shape":[1,1],"datatype":"BYTES","data":[%q]}]}`, text))
				if code != 200 || !strings.Contains(got, strings.ToUpper(text)) {
					t.Errorf("compared: %d %s", code, got)
				}
				mu.Lock()
				seen[text]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	close(open)
	p.filter.Taps().Wait()
	same := uint64(0)
	for _, key := range []string{"watched", "compared"} {
		p.filter.Taps().Each(func(k string, c *counts) {
			if !strings.Contains(k, "/"+key+"#") {
				return
			}
			if c.Failed.Load() != 0 || c.Different.Load() != 0 || c.Dropped.Load() != 0 || c.Sent.Load() != uint64(len(seen)) {
				t.Errorf("%s: sent %d, dropped %d, failed %d, same %d, different %d", k, c.Sent.Load(), c.Dropped.Load(), c.Failed.Load(), c.Same.Load(), c.Different.Load())
			}
			same += c.Same.Load()
		})
	}
	if same != uint64(len(seen)) {
		t.Errorf("%d of %d comparisons found the same", same, len(seen))
	}
}

// TestAShadowOfAnIntermediateValueKeepsItsBytes shadows a message that was made of the bytes of an earlier reply.
func TestAShadowOfAnIntermediateValueKeepsItsBytes(t *testing.T) {
	open := make(chan struct{})
	slow := held{nil, open}
	var mu sync.Mutex
	got, want := map[string]bool{}, map[string]bool{}
	recorder := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := new(strings.Builder)
		_, _ = fmt.Fprint(b, readAll(r))
		mu.Lock()
		got[b.String()] = true
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"outputs":[{"name":"l","shape":[1,1],"datatype":"BYTES","data":["x"]}]}`)
	})
	slow.next = recorder
	p := start(t, shadowed, map[string]http.Handler{"UP": upper("m"), "LEN": lengths(), "SLOW": slow})
	for i := range 50 {
		text := fmt.Sprintf("value %d %s", i, strings.Repeat("y", i*20))
		if code, body := p.post("/ask/late", fmt.Sprintf(`{"text": %q}`, text)); code != 200 || !strings.Contains(body, fmt.Sprint(len(text))) {
			t.Fatalf("%d %s", code, body)
		}
		want[strings.ToUpper(text)] = true
	}
	close(open)
	p.filter.Taps().Wait()
	mu.Lock()
	defer mu.Unlock()
	for text := range want {
		found := false
		for body := range got {
			found = found || strings.Contains(body, `"`+text+`"`)
		}
		if !found {
			t.Fatalf("no shadow was sent %q; one was sent %.200s", text, anyOf(got))
		}
	}
}

// TestClosingTheFilterCancelsItsShadows: a shadow's own time is long, and nobody waits for it.
func TestClosingTheFilterCancelsItsShadows(t *testing.T) {
	never := held{upper("m"), make(chan struct{})}
	p := start(t, shadowed, map[string]http.Handler{"UP": upper("m"), "LEN": lengths(), "SLOW": never})
	if code, got := p.post("/ask/compared", `{"text":"a"}`); code != 200 {
		t.Fatalf("%d %s", code, got)
	}
	began := time.Now()
	p.filter.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}
