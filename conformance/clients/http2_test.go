package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// http2 sends a question with trailers over HTTP/2 to a server of HTTP/1.1.
func (p *pipe) http2(t *testing.T) {
	transport := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	body, answer := noise(1<<20), noise(1<<20+1)
	p.server.reply("HTTP/1.1 207 Many\r\nX-Twice: b\r\nx-twice: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(answer, "X-Sum: 42"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s%s/a%%2Fb?c", p.listen, p.base), io.NopCloser(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["X-Twice"] = []string{"2", "1"}
	req.Trailer = http.Header{"X-Digest": {"abc"}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := p.server.took(t)
	if got.line != "POST /a%2Fb?c HTTP/1.1" || got.body != body || !slices.Equal(got.values("x-twice"), []string{"2", "1"}) {
		t.Errorf("the server got %q with x-twice %q and %d bytes", got.line, got.values("x-twice"), len(got.body))
	}
	if digest := (&wire{fields: got.trailers}).values("x-digest"); !slices.Equal(digest, []string{"abc"}) {
		t.Errorf("the server's trailer: %q", digest)
	}
	if resp.StatusCode != 207 || string(text) != answer || !slices.Equal(resp.Header["X-Twice"], []string{"b", "a"}) {
		t.Errorf("the client got %s with %v and %d bytes", resp.Status, resp.Header, len(text))
	}
	if sum := resp.Trailer.Get("X-Sum"); sum != "42" {
		t.Errorf("the client's trailer: %q", sum)
	}
}
