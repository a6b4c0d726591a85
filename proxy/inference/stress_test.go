package inference

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// moody serves as next, or late, or in pieces, or hugely, or not at all.
func moody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pause := func(d time.Duration) {
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
		}
		switch rand.IntN(12) {
		case 0:
			pause(time.Duration(rand.IntN(20)) * time.Millisecond)
		case 1:
			_, _ = io.ReadAll(r.Body)
			panic(http.ErrAbortHandler)
		case 2:
			_, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, `{"outputs":[{"na`)
			_ = http.NewResponseController(w).Flush()
			pause(time.Duration(rand.IntN(10)) * time.Millisecond)
			panic(http.ErrAbortHandler)
		case 3:
			_, _ = io.ReadAll(r.Body)
			_, _ = io.Copy(w, strings.NewReader(`{"x":"`+strings.Repeat("y", 2<<20)+`"}`))
			return
		case 4:
			_, _ = io.ReadAll(r.Body)
			w.WriteHeader(503)
			return
		case 5:
			_, _ = io.ReadAll(r.Body)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "no gzip")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestNothingIsLeftOfManyRequestsThatGoWrong: clients of every dialect leave at random moments, servers die, dawdle and
// exaggerate, and configurations come meanwhile. The kit and TestMain check that no byte and no goroutine is left; an answer
// that is good has the text that was asked about.
func TestNothingIsLeftOfManyRequestsThatGoWrong(t *testing.T) {
	text := strings.ReplaceAll(shadowed, "urls: [$SLOW]", `urls: ["grpc://`+startHTTP2(t, moody(grpcUpper(t)))+`"]`) + `
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: fastest}
spec: {graph: {parallel: [shout, loud-too], combine: first}}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: patient}
spec: {graph: {cascade: [{to: letters, timeout: 5ms}, letters, {answer: {letters: 0}}]}}
`
	servers := map[string]http.Handler{"UP": moody(upper("m")), "LEN": moody(lengths())}
	p := start(t, text, servers)
	calm := p.loaded
	conn := p.connect(t)
	transport := &http.Transport{MaxIdleConnsPerHost: 50}
	defer transport.CloseIdleConnections()
	over := http.Client{Transport: transport}
	stop := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
				p.load(calm)
			}
		}
	})
	var good, bad, left atomic.Int64
	var clients sync.WaitGroup
	paths := []string{"/ask/shout?full=1", "/ask/watched?full=1", "/ask/compared?full=1", "/ask/shout+letters?full=1", "/ask/fastest?full=1", "/ask/loud-too?full=1", "/ask/(shout%7Cx=shout)+loud-too", "/ask/late", "/ask/patient", "/v2/models/shout+loud-too/infer", "/v2/models/raw/infer"}
	for c := range 16 {
		clients.Go(func() {
			for i := range 25 {
				word := fmt.Sprintf("word-%d-%d-%s", c, i, strings.Repeat("z", rand.IntN(4000)))
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				if rand.IntN(3) == 0 {
					time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, cancel)
				}
				if rand.IntN(5) == 0 {
					out, _, _, err := conn.askIn(ctx, grpcRequest(t, "shout+loud-too", "text", word))
					switch {
					case err.Code() == 0 && !strings.Contains(string(out), strings.ToUpper(word)):
						t.Errorf("gRPC: the answer is not of the question")
					case err.Code() == 0:
						good.Add(1)
					default:
						bad.Add(1)
					}
					cancel()
					continue
				}
				path := paths[rand.IntN(len(paths))]
				ask := fmt.Sprintf(`{"text":%q}`, word)
				if strings.HasPrefix(path, "/v2") {
					name := "text"
					if strings.Contains(path, "raw") {
						name = "TXT"
					}
					ask = fmt.Sprintf(`{"inputs":[{"name":%q,"shape":[1,1],"datatype":"BYTES","data":[%q]}]}`, name, word)
				}
				req, _ := http.NewRequestWithContext(ctx, "POST", p.url+path, strings.NewReader(ask))
				resp, err := over.Do(req)
				if err != nil {
					left.Add(1)
					cancel()
					continue
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				cancel()
				switch {
				case err != nil:
					left.Add(1)
				case resp.StatusCode != 200:
					bad.Add(1)
				default:
					good.Add(1)
					if !strings.Contains(path, "late") && !strings.Contains(path, "patient") && !strings.Contains(path, "raw") && !strings.Contains(string(b), strings.ToUpper(word)) {
						t.Errorf("%s: the answer is not of the question: %.200s", path, b)
					}
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	swaps.Wait()
	p.filter.Taps().Wait()
	t.Logf("%d good, %d bad, %d left", good.Load(), bad.Load(), left.Load())
	if good.Load() == 0 || bad.Load() == 0 || left.Load() == 0 {
		t.Error("not everything was tried")
	}
	wait := time.Now().Add(5 * time.Second) // for those whose clients left
	for _, c := range p.registry.All() {
		for {
			requests, pending, _, _ := c.Load()
			if requests == 0 && pending == 0 {
				break
			}
			if time.Now().After(wait) {
				t.Errorf("cluster %s: %d requests are still open, %d wait", c.Name(), requests, pending)
				break
			}
			runtime.Gosched()
		}
	}
}
