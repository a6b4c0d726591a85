package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestMessagesOfOneConnectionAreReadOneAfterAnother(t *testing.T) {
	r := NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" +
		"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3;x=1\r\ncde\r\n0\r\nTrailer: x\r\n\r\n" +
		"HTTP/1.1 204 Nothing\r\n\r\n"))
	for _, want := range []struct {
		status int
		body   string
	}{{200, "abc"}, {503, "abcde"}, {204, ""}} {
		m, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if m.Status() != want.status || string(m.Body) != want.body {
			t.Errorf("got %d %q, want %d %q", m.Status(), m.Body, want.status, want.body)
		}
	}
	if _, err := r.Read(); err != io.EOF {
		t.Errorf("after the last message: %v", err)
	}
}

func TestWhatIsNoMessageIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"a head that is cut":        "HTTP/1.1 200 OK\r\nContent-Le",
		"a body that is cut":        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
		"a chunk that is cut":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"a negative length":         "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"a chunk without a number":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		"a chunk that goes past it": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := NewReader(strings.NewReader(text)).Read(); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("read %+v, error %v", m, err)
			}
		})
	}
}

func FuzzNoMessageIsLongerThanWhatWasSent(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := NewReader(strings.NewReader(text))
		for {
			m, err := r.Read()
			if err != nil {
				return
			}
			if len(m.Body)+len(m.First) > len(text) {
				t.Fatalf("%d bytes of %d", len(m.Body), len(text))
			}
		}
	})
}
