package inference

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/oip"
)

func TestWhatIsPackedIsUnpackedAndIsBounded(t *testing.T) {
	budget := body.NewBudget(1 << 20)
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Repeat(rapid.StringN(2, 50, -1).Draw(rt, "text"), rapid.IntRange(1, 100).Draw(rt, "times"))
		for e, pack := range map[encoding]func(string) string{gzipped: zipped, deflated: zlibbed} {
			packed := body.Of([]byte(pack(text)))
			plain, err := unpack(packed, e, budget, int64(len(text)))
			if err != nil || string(plain.Bytes()) != text {
				rt.Fatalf("%d: %v", e, err)
			}
			plain.Release()
			if _, err := unpack(packed, e, budget, int64(len(text))-1); err == nil {
				rt.Fatalf("%d: a limit of %d lets %d bytes in", e, len(text)-1, len(text))
			}
		}
	})
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes are still charged", used)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, s := range []string{"", "plain", zipped("a"), zlibbed("a"), zlibbed(strings.Repeat("a", 1<<16))} {
		f.Add([]byte(s))
	}
	budget := body.NewBudget(1 << 20)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range []encoding{gzipped, deflated} {
			if plain, err := unpack(body.Of(b), e, budget, 1<<10); err == nil {
				if plain.Len() > 1<<10 {
					t.Errorf("%d bytes", plain.Len())
				}
				plain.Release()
			}
		}
		if used := budget.Used(); used != 0 {
			t.Errorf("%d bytes are still charged", used)
		}
	})
}

// TestCompressedGRPCMessagesAreUnderstood in both directions, though a server is not asked for them.
func TestCompressedGRPCMessagesAreUnderstood(t *testing.T) {
	inner := grpcUpper(t)
	for name, pack := range map[string]func(string) string{"gzip": zipped, "deflate": zlibbed} {
		p := start(t, strings.ReplaceAll(rawModel, "$ANY", `"grpc://`+startHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &captured{header: w.Header()}
			inner.ServeHTTP(rec, r)
			w.Header().Set("Grpc-Encoding", name)
			if b := rec.Bytes(); len(b) > 5 {
				framed := framedMessage([]byte(pack(string(b[5:]))))
				framed[0] = 1
				_, _ = w.Write(framed)
			}
		}))+`"`), nil)
		framed := framedMessage([]byte(pack(string(grpcRequest(t, "raw", "TXT", "quiet")))))
		framed[0] = 1
		code, got := postGRPC(t, p, framed, name)
		if code != "0" || !strings.Contains(got, "QUIET") {
			t.Errorf("%s: code %s %q", name, code, got)
		}
		if code, _ := postGRPC(t, p, framed, "br"); code != "12" {
			t.Errorf("an unknown encoding: code %s", code)
		}
		if code, _ := postGRPC(t, p, framed, ""); code != "3" {
			t.Errorf("no encoding: code %s", code)
		}
	}
}

// postGRPC sends a framed message as it is.
func postGRPC(t *testing.T, p *proxied, framed []byte, encoding string) (code, got string) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest("POST", p.url+oip.MethodModelInfer, strings.NewReader(string(framed)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	if encoding != "" {
		req.Header.Set("Grpc-Encoding", encoding)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if code = resp.Trailer.Get("Grpc-Status"); code == "" {
		code = resp.Header.Get("Grpc-Status")
	}
	return code, string(b)
}
