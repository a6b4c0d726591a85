package inference

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
)

// talk opens a ModelStreamInfer.
func (p *proxied) talk(t *testing.T) (s grpc.ClientStream, leave context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	s, err := p.connect(t).conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, oip.MethodModelStream, grpc.ForceCodecV2(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	return s, cancel
}

func say(t *testing.T, s grpc.ClientStream, request []byte) {
	t.Helper()
	if err := s.SendMsg(request); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, s grpc.ClientStream) []byte {
	t.Helper()
	var out []byte
	if err := s.RecvMsg(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// answered takes a ModelStreamInferResponse apart.
func answered(t *testing.T, b []byte) (c *message.Content, id, why string) {
	t.Helper()
	for len(b) > 0 {
		n, _, k := protowire.ConsumeTag(b)
		v, m := protowire.ConsumeBytes(b[k:])
		if k < 0 || m < 0 {
			t.Fatalf("not a message: %x", b)
		}
		b = b[k+m:]
		if n == 1 {
			why = string(v)
			continue
		}
		var err error
		if c, err = (oip.GRPC{}).DecodeReply(&message.Wire{Dialect: message.OpenInferenceGRPC, Body: body.Of(v), JSONLength: -1, Reply: true}); err != nil {
			t.Fatal(err)
		}
		id = c.ID
	}
	return c, id, why
}

func ended(t *testing.T, s grpc.ClientStream) *status.Status {
	t.Helper()
	var out []byte
	err := s.RecvMsg(&out)
	if err == nil {
		t.Fatalf("the stream goes on: %q", out)
	}
	if err == io.EOF {
		return nil
	}
	return status.Convert(err)
}

// TestRequestsOfOneStreamRunTheirPlans: each its own, in order; a failure is an answer, and the stream stays open.
func TestRequestsOfOneStreamRunTheirPlans(t *testing.T) {
	p := start(t, twoModels, twoServers())
	s, _ := p.talk(t)
	for range 2 {
		say(t, s, grpcRequest(t, "shout+letters", "text", "quiet"))
		c, id, why := answered(t, hear(t, s))
		if why != "" || id != "g1" {
			t.Fatalf("%q %q", id, why)
		}
		if b, _ := c.Tensor("shout.loud").BytesAt(0); string(b) != "QUIET" {
			t.Errorf("loud is %q", b)
		}
		say(t, s, grpcRequest(t, "shuot", "text", "x"))
		if _, id, why := answered(t, hear(t, s)); id != "g1" || !strings.Contains(why, `did you mean "shout"?`) {
			t.Errorf("an unknown model: %q %q", id, why)
		}
		say(t, s, grpcRequest(t, "shout", "txt", "x"))
		if _, id, why := answered(t, hear(t, s)); id != "g1" || !strings.Contains(why, "txt") {
			t.Errorf("an unknown input: %q %q", id, why)
		}
		say(t, s, grpcRequest(t, "raw", "wrong", "x"))
		if _, _, why := answered(t, hear(t, s)); !strings.Contains(why, "expected input TXT") {
			t.Errorf("the server's complaint: %q", why)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if end := ended(t, s); end != nil {
		t.Errorf("the end: %v", end)
	}
}

func TestAStreamOfNothingEndsWell(t *testing.T) {
	p := start(t, twoModels, twoServers())
	s, _ := p.talk(t)
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if end := ended(t, s); end != nil {
		t.Errorf("the end: %v", end)
	}
}

func TestAMessageThatIsNoneEndsTheStream(t *testing.T) {
	p := start(t, twoModels, twoServers())
	s, _ := p.talk(t)
	say(t, s, []byte("\xff\xff"))
	if end := ended(t, s); end.Code() != codes.InvalidArgument {
		t.Errorf("the end: %v", end)
	}
}

const streaming = `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: raw}
spec: {protocol: oip, urls: ["grpc://$ANY"], model: m}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: letters}
spec:
  protocol: plain
  urls: [$LEN]
  path: /count
  inputs:  {text: {tensor: passage, type: string, shape: [rows]}}
  outputs: {letters: {type: int, shape: [rows]}}
`

// echoes is a server that answers each message of a stream twice, as it came.
func echoes(t *testing.T, seen chan<- []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != oip.MethodModelStream {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("X-Server", "echo")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message, X-Cost")
		code := "0"
		f := frames{limit: 1 << 20, recv: func() (*body.Body, error) {
			b := make([]byte, 1<<10)
			n, err := r.Body.Read(b)
			if n > 0 {
				return body.Of(b[:n]), nil
			}
			return nil, err
		}}
		for {
			m, err := f.next()
			if err != nil {
				break
			}
			seen <- m.Bytes()[5:]
			if bytes.Contains(m.Bytes(), []byte("enough")) {
				code = "9"
				break
			}
			for range 2 {
				_, _ = w.Write(m.Bytes())
				_ = http.NewResponseController(w).Flush()
			}
		}
		w.Header().Set("Grpc-Status", code)
		w.Header().Set("Grpc-Message", "said%20so")
		w.Header().Set("X-Cost", "1")
		close(seen)
	})
}

func startStreaming(t *testing.T, h http.Handler) *proxied {
	return start(t, strings.ReplaceAll(streaming, "$ANY", startHTTP2(t, h)), map[string]http.Handler{"LEN": lengths()})
}

// TestAStreamToOneModelIsTheServersOwn: requests pass with the name replaced, the server answers as often as it likes, and
// other models may be asked on the same stream.
func TestAStreamToOneModelIsTheServersOwn(t *testing.T) {
	seen := make(chan []byte, 100)
	p := startStreaming(t, echoes(t, seen))
	s, _ := p.talk(t)
	for i := range 3 {
		request := append(grpcRequest(t, "raw", "TXT", fmt.Sprint(i)), 0x98, 0x06, 0x07) // an unknown field
		say(t, s, request)
		sent := <-seen
		named, _, err := oip.PeekModel(body.Of(sent))
		if err != nil || named != "m" || !bytes.HasSuffix(sent, []byte{0x98, 0x06, 0x07}) {
			t.Errorf("the server saw %q %x %v", named, sent, err)
		}
		for range 2 {
			if got := hear(t, s); !bytes.Equal(got, sent) {
				t.Errorf("the answer is %x, the server sent %x", got, sent)
			}
		}
		say(t, s, grpcRequest(t, "letters", "text", "four"))
		c, _, why := answered(t, hear(t, s))
		if why != "" {
			t.Fatal(why)
		}
		if n, _ := c.Tensor("letters").Int64At(0); n != 4 {
			t.Errorf("letters: %d", n)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if end := ended(t, s); end != nil {
		t.Errorf("the end: %v", end)
	}
	if head, _ := s.Header(); len(head.Get("x-server")) != 1 || len(s.Trailer().Get("x-cost")) != 1 {
		t.Errorf("metadata: %v %v", head, s.Trailer())
	}
}

func TestAServerEndsItsStreamAsItLikes(t *testing.T) {
	seen := make(chan []byte, 100)
	p := startStreaming(t, echoes(t, seen))
	s, _ := p.talk(t)
	say(t, s, grpcRequest(t, "raw", "TXT", "enough"))
	if end := ended(t, s); end.Code() != codes.FailedPrecondition || end.Message() != "said so" {
		t.Errorf("the end: %v", end)
	}
}

func TestAServerThatBreaksEndsTheStream(t *testing.T) {
	p := startStreaming(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write([]byte{0, 0, 0, 0, 9, 1})
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	s, _ := p.talk(t)
	say(t, s, grpcRequest(t, "raw", "TXT", "a"))
	if end := ended(t, s); end.Code() != codes.Unavailable {
		t.Errorf("the end: %v", end)
	}
}

func TestAServerThatIsDownIsAnAnswerOfTheStream(t *testing.T) {
	p := start(t, strings.ReplaceAll(streaming, "$ANY", "127.0.0.1:1"), map[string]http.Handler{"LEN": lengths()})
	s, _ := p.talk(t)
	for range 2 {
		say(t, s, grpcRequest(t, "raw", "TXT", "a"))
		if _, id, why := answered(t, hear(t, s)); id != "g1" || !strings.Contains(why, "MR501") {
			t.Errorf("%q %q", id, why)
		}
	}
}

// TestAClientThatLeavesEndsTheServersStream: and whatever plan runs.
func TestAClientThatLeavesEndsTheServersStream(t *testing.T) {
	left := make(chan struct{}, 2)
	began := make(chan struct{}, 2)
	waits := func(read func(io.Reader)) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			read(r.Body)
			began <- struct{}{}
			<-r.Context().Done()
			left <- struct{}{}
		})
	}
	relayed := waits(func(r io.Reader) { _, _ = io.ReadFull(r, make([]byte, prefixBytes)) })
	asked := waits(func(r io.Reader) { _, _ = io.Copy(io.Discard, r) })
	p := start(t, strings.ReplaceAll(streaming, "$ANY", startHTTP2(t, relayed)), map[string]http.Handler{"LEN": asked})
	for _, request := range [][]byte{grpcRequest(t, "raw", "TXT", "a"), grpcRequest(t, "letters", "text", "a")} {
		s, leave := p.talk(t)
		say(t, s, request)
		<-began
		leave()
		<-left
	}
}
