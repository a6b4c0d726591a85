package inference

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// seldonNode answers as Seldon's wrapper: transform-input adds "t(", predict "p(", and so on; route answers 1.
func seldonNode(name string, calls *sync.Map) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if ct := r.Header.Get("Content-Type"); ct != "application/json" {
			http.Error(w, "the body is said to be "+ct, http.StatusUnsupportedMediaType)
			return
		}
		n, _ := calls.LoadOrStore(name+r.URL.Path, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/aggregate" {
			var parts []struct{ Data struct{ Ndarray []string } }
			if err := json.Unmarshal(raw, &parts); err != nil {
				http.Error(w, string(raw), 500)
				return
			}
			var all []string
			for _, p := range parts {
				all = append(all, p.Data.Ndarray...)
			}
			fmt.Fprintf(w, `{"data":{"ndarray":[%q]}}`, strings.Join(all, "&"))
			return
		}
		if r.URL.Path == "/route" {
			fmt.Fprint(w, `{"data":{"ndarray":[[1]]}}`)
			return
		}
		var in struct{ Data struct{ Ndarray []string } }
		if err := json.Unmarshal(raw, &in); err != nil || len(in.Data.Ndarray) != 1 {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"status":{"status":1,"info":"bad data","code":-1,"reason":"MICROSERVICE_BAD_DATA"}}`)
			return
		}
		fmt.Fprintf(w, `{"meta":{"puid":%q},"data":{"ndarray":[%q]}}`, r.Header.Get("Seldon-Puid"), name+"("+in.Data.Ndarray[0]+")")
	})
}

const seldonObjects = `
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: dep}
spec:
  predictors:
    - name: main
      graph:
        name: tr
        type: TRANSFORMER
        endpoint: {service_host: $TRH, httpPort: $TRP}
        children:
          - name: comb
            type: COMBINER
            endpoint: {service_host: $COH, httpPort: $COP}
            children:
              - {name: a, type: MODEL, endpoint: {service_host: $AH, httpPort: $AP}}
              - {name: b, type: MODEL, endpoint: {service_host: $BH, httpPort: $BP}}
    - name: dark
      shadow: true
      graph: {name: b, type: MODEL, endpoint: {service_host: $BH, httpPort: $BP}}
---
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: routed}
spec:
  predictors:
    - name: main
      graph:
        name: rt
        type: ROUTER
        endpoint: {service_host: $COH, httpPort: $COP}
        children:
          - {name: a, type: MODEL, endpoint: {service_host: $AH, httpPort: $AP}}
          - {name: b, type: MODEL, endpoint: {service_host: $BH, httpPort: $BP}}
`

func TestASeldonDeploymentAnswersAsTheExecutorDoes(t *testing.T) {
	var calls sync.Map
	names := map[string]http.Handler{"TR": seldonNode("t", &calls), "CO": seldonNode("c", &calls), "A": seldonNode("a", &calls), "B": seldonNode("b", &calls)}
	text := seldonObjects
	for n := range names {
		text = strings.ReplaceAll(text, "service_host: $"+n+"H, httpPort: $"+n+"P", "service_host: 127.0.0.1, httpPort: $PORT"+n)
	}
	p := start(t, withPorts(t, text, names), nil)
	code, got, head := p.do("POST", "/seldon/default/dep/api/v1.0/predictions", `{"data":{"ndarray":["x"]}}`, "Seldon-Puid", "p1", "Content-Type", "application/x-www-form-urlencoded")
	if code != 200 || got != `{"data":{"ndarray":["a(t(x))&b(t(x))"]}}` || head.Get("Seldon-Puid") != "p1" {
		t.Errorf("%d %s %v", code, got, head)
	}
	p.filter.Taps().Wait()
	if n, _ := calls.Load("b/predict"); n == nil || n.(*atomic.Int64).Load() != 2 {
		t.Errorf("b was not asked once by the graph and once by the shadow")
	}
	if code, got := p.post("/seldon/default/routed/api/v0.1/predictions", `{"data":{"ndarray":["x"]}}`); code != 200 || !strings.Contains(got, `"b(x)"`) {
		t.Errorf("routed: %d %s", code, got)
	}
	// A node's own error is the answer, with its status.
	if code, got := p.post("/seldon/default/dep/api/v1.0/predictions", `{"data":{"ndarray":[]}}`); code != 400 || !strings.Contains(got, "MICROSERVICE_BAD_DATA") {
		t.Errorf("bad data: %d %s", code, got)
	}
	// The graph answers other protocols and /ask too.
	if code, got := p.post("/seldon/default/nothing/api/v1.0/predictions", `{}`); code != 404 || !strings.Contains(got, `"status"`) {
		t.Errorf("no such deployment: %d %s", code, got)
	}
}

func TestAKServeGraphPassesBodiesByteForByte(t *testing.T) {
	echo := func(name string, status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Secret", "1")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"%s":%s, "n": 9007199254740993}`, name, b)
		})
	}
	p := start(t, `
apiVersion: serving.kserve.io/v1alpha1
kind: InferenceGraph
metadata: {name: g}
spec:
  nodes:
    root:
      routerType: Sequence
      steps:
        - {name: one, serviceUrl: "$ONE/v1/models/x:predict"}
        - {name: all, nodeName: both, data: "$response"}
    both:
      routerType: Ensemble
      steps:
        - {name: l, serviceUrl: "$TWO/"}
        - {name: r, nodeName: pick}
    pick:
      routerType: Switch
      steps:
        - {name: yes, condition: "one.a", serviceUrl: "$THREE/"}
        - {name: other, condition: "@this", serviceUrl: "$TWO/"}
`, map[string]http.Handler{"ONE": echo("one", 200), "TWO": echo("two", 200), "THREE": echo("three", 418)})
	const one = `{"one":{"a": 1.0}, "n": 9007199254740993}`
	want := `{"l":{"two":` + one + `, "n": 9007199254740993},"r":{"three":` + one + `, "n": 9007199254740993}}`
	for _, at := range []struct{ path, host string }{{"/serving/default/g", ""}, {"/", "g.default.example.com"}, {"/anything", "g-default.example.com"}} {
		fields := []string{}
		if at.host != "" {
			fields = []string{"Host", at.host}
		}
		code, got, head := p.do("POST", at.path, `{"a": 1.0}`, fields...)
		if code != 200 || got != want || head.Get("X-Secret") != "" || head.Get("Content-Type") != "application/json" {
			t.Errorf("%v: %d %s %v\nwant %s", at, code, got, head, want)
		}
	}
}

func TestASplitKeepsItsWeightsAndACascadeItsOrder(t *testing.T) {
	p := start(t, twoModels+`
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: ab}
spec:
  graph:
    split: {a: {weight: 100, to: shout}, b: {weight: 0, to: letters}}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: first-long}
spec:
  graph:
    cascade:
      - {to: letters, accept: "out.letters > 3"}
      - shout
    rows: each
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: by-length}
spec:
  graph:
    choose: [{when: 'n > 3', to: letters}]
    with: {n: letters.letters}
    else: {answer: {letters: 0}}
    rows: each
`, twoServers())
	for range 20 {
		if code, got := p.post("/ask/ab?full=1", `{"text":"x"}`); code != 200 || !strings.Contains(got, `"X"`) {
			t.Fatalf("%d %s", code, got)
		}
	}
	if code, got := p.post("/ask/by-length", `{"text":["abcdef","x","abcd"]}`); code != 200 || !strings.Contains(got, "[6,0,4]") {
		t.Errorf("rows: %d %s", code, got)
	}
	if code, got := p.post("/ask/ab|letters", `{"text":"x"}`); code != 400 || !strings.Contains(got, "MR2") {
		t.Errorf("a chain whose fields do not fit: %d %s", code, got)
	}
}

func TestAClientThatLeavesCancelsWhatWasSentForIt(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	p := start(t, twoModels, map[string]http.Handler{"LEN": lengths(), "UP": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(arrived)
		<-r.Context().Done()
		close(left)
	})})
	c := http.Client{}
	done := make(chan error, 1)
	req, _ := http.NewRequest("POST", p.url+"/ask/shout", strings.NewReader(`{"text":"x"}`))
	ctx, cancel := contextWithCancel()
	go func() {
		_, err := c.Do(req.WithContext(ctx))
		done <- err
	}()
	<-arrived
	cancel()
	if err := <-done; err == nil {
		t.Fatal("the canceled request was answered")
	}
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Fatal("the server's request goes on after the client left")
	}
	c.CloseIdleConnections()
}

func TestAPlainClientReachesAPlainServiceByItsOwnPath(t *testing.T) {
	var path atomic.Value
	inner := lengths()
	p := start(t, twoModels, map[string]http.Handler{"UP": upper("m"), "LEN": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.URL.Path)
		inner.ServeHTTP(w, r)
	})})
	code, got := p.post("/serving/default/letters/other/path", `{"passage": "abc"}`)
	if code != 200 || strings.TrimSpace(got) != `{"letters":3}` || path.Load() != "/other/path" {
		t.Errorf("%d %s at %v", code, got, path.Load())
	}
	if code, got := p.post("/serving/default/letters", `{"text": "abcd"}`); code != 200 || !strings.Contains(got, "4") || path.Load() != "/count" {
		t.Errorf("by fields: %d %s at %v", code, got, path.Load())
	}
	if code, got := p.post("/serving/default/nothing", `{}`); code != 404 {
		t.Errorf("nothing: %d %s", code, got)
	}
}

func TestASeldonClientAsksForModelsAndExpressions(t *testing.T) {
	p := start(t, twoModels, twoServers())
	const question = `{"data":{"names":["text"],"ndarray":[["I love it"]]}}`
	for _, c := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/seldon/default/shout/api/v1.0/predictions", 200, []string{`I LOVE IT`}},
		{"/seldon/default/shout+letters/api/v1.0/predictions", 200, []string{`"jsonData"`, `"shout"`, `I LOVE IT`, `"letters"`, `9`}},
		{"/seldon/default/shout%2Bletters/api/v1.0/predictions", 200, []string{`"letters"`}},
		{"/seldon/other/shout/api/v1.0/predictions", 404, []string{"namespace default, not other"}},
		{"/seldon/other/shout+letters/api/v1.0/predictions", 404, []string{"namespace default, not other"}},
		{"/seldon/default/shuot/api/v1.0/predictions", 404, []string{`did you mean \"shout\"?`}},
	} {
		status, got := p.post(c.path, question)
		if status != c.status {
			t.Errorf("%s: %d %s, want %d", c.path, status, got, c.status)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %s lacks %s", c.path, got, w)
			}
		}
	}
}
