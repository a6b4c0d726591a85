package inference

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/tensor"
)

// startHTTP2 starts a server that speaks HTTP/2 without TLS and returns its host:port.
func startHTTP2(t testing.TB, h http.Handler) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// framedMessage is a gRPC message with its prefix.
func framedMessage(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(payload))), payload...)
}

// grpcUpper answers the input TXT in upper case as l, with metadata of its own.
func grpcUpper(t testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("X-Server", "grpc-upper")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message, X-Cost")
		fail := func(code int, text string) {
			w.Header().Set("Grpc-Status", fmt.Sprint(code))
			w.Header().Set("Grpc-Message", text)
			w.Header().Set("X-Cost", "1")
		}
		if len(raw) < 5 {
			fail(13, "no message")
			return
		}
		c, err := oip.GRPC{}.DecodeRequest(&message.Wire{Dialect: message.OpenInferenceGRPC, Body: body.Of(raw[5:]), JSONLength: -1})
		if err != nil || c.Tensor("TXT") == nil {
			fail(3, "expected input TXT")
			return
		}
		text, _ := c.Tensor("TXT").BytesAt(0)
		out := tensor.OfStrings("l", strings.ToUpper(string(text)))
		reply, err := oip.GRPC{}.EncodeReply(message.FromContent(&message.Content{Tensors: []tensor.Tensor{out}}), &message.Asking{Model: "m", ID: c.ID})
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = w.Write(framedMessage(reply.Body.AppendTo(nil)))
		fail(0, "")
	})
}

// until serves as next once it is opened.
func until(open <-chan struct{}, next http.Handler) http.Handler {
	return held{next, open}
}

// signals tells that it was asked, then serves as next.
func signals(asked chan<- struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		next.ServeHTTP(w, r)
	})
}

const raced = twoModels + `
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: slow}
spec:
  protocol: oip
  urls: ["$SLOW"]
  model: m
  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1]}}
  outputs: {loud: {tensor: l, type: string, shape: [rows, 1]}}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: stuck}
spec:
  protocol: plain
  urls: ["$STUCK"]
  path: /count
  inputs:  {text: {tensor: passage, type: string, shape: [rows]}}
  outputs: {letters: {type: int, shape: [rows]}}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: fallback}
spec:
  graph:
    parallel: [slow, {cascade: [{to: stuck, timeout: 50ms}, letters]}]
    names: [slow, count]
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: fastest}
spec: {graph: {parallel: [slow, shout], combine: first}}
`

// TestAPartThatIsDoneGoesOnWhileAnotherIsOut has the second part go on to letters, which opens the first part's server:
// whoever waits for the first part first waits for ever.
func TestAPartThatIsDoneGoesOnWhileAnotherIsOut(t *testing.T) {
	text := strings.Replace(raced, "    names: [slow, count]\n", "", 1)
	text = strings.Replace(text, "{cascade: [", "{as: count, cascade: [", 1)
	for _, transport := range []string{"http", "grpc"} {
		t.Run("the other over "+transport, func(t *testing.T) {
			open := make(chan struct{})
			asked := make(chan struct{}, 1)
			servers := twoServers()
			servers["LEN"] = signals(asked, servers["LEN"])
			never := make(chan struct{})
			servers["STUCK"] = until(never, lengths())
			text := text
			if transport == "grpc" {
				text = strings.ReplaceAll(text, "$SLOW", "grpc://"+startHTTP2(t, until(open, grpcUpper(t))))
			} else {
				servers["SLOW"] = until(open, upper("m"))
			}
			p := start(t, text, servers)
			go func() {
				<-asked
				close(open)
			}()
			for _, connected := range []bool{false, true} { // a connection that is made, and one that is there
				began := time.Now()
				code, got := p.post("/ask/fallback", `{"text":"abc"}`, "X-Envoy-Upstream-Rq-Timeout-Ms", "5000")
				if code != 200 || !strings.Contains(got, "ABC") || !strings.Contains(got, "3") || time.Since(began) > 4*time.Second {
					t.Fatalf("connected %v: %d %s after %v", connected, code, got, time.Since(began))
				}
			}
			close(never)
		})
	}
}

// TestTheFirstGoodReplyIsTheFirstThatIsWhole: a server that sent half of its reply is not ahead of one that sent all.
func TestTheFirstGoodReplyIsTheFirstThatIsWhole(t *testing.T) {
	servers := twoServers()
	never := make(chan struct{})
	defer close(never)
	half := make(chan struct{}, 1)
	servers["STUCK"] = lengths()
	servers["SLOW"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"outputs":[{"name":"l",`)
		_ = http.NewResponseController(w).Flush()
		half <- struct{}{}
		select {
		case <-never:
		case <-r.Context().Done():
		}
	})
	inner := servers["UP"]
	servers["UP"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-half
		inner.ServeHTTP(w, r)
	})
	text := raced[:strings.Index(raced, "---\napiVersion: millrace.io/v1alpha1\nkind: InferenceGraph\nmetadata: {name: fallback}")] +
		raced[strings.Index(raced, "---\napiVersion: millrace.io/v1alpha1\nkind: InferenceGraph\nmetadata: {name: fastest}"):]
	p := start(t, text, servers)
	for range 3 {
		code, got := p.post("/ask/fastest", `{"text":"abc"}`, "X-Envoy-Upstream-Rq-Timeout-Ms", "3000")
		if code != 200 || !strings.Contains(got, "ABC") {
			t.Fatalf("%d %s", code, got)
		}
	}
}
