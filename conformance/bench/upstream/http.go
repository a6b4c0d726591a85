package upstream

import (
	"bytes"
	"net"
	"strconv"

	"github.com/millrace/millrace/conformance/bench/wire"
)

const (
	okHead   = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
	notFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
)

// echo answers each request of a connection with its own body. What has no body is a question for readiness, which is yes, or
// for metadata, which there is none of.
func (s *Servers) echo(conn net.Conn) {
	r := wire.NewReader(conn)
	head := make([]byte, 0, 128)
	for {
		m, err := r.Read()
		if err != nil {
			return
		}
		if bytes.HasPrefix(m.First, []byte("GET ")) && !bytes.Contains(m.First, []byte("ready")) {
			if _, err := conn.Write([]byte(notFound)); err != nil {
				return
			}
			continue
		}
		s.calls.Add(1)
		head = strconv.AppendInt(append(head[:0], okHead...), int64(len(m.Body)), 10)
		head = append(head, "\r\n\r\n"...)
		if len(m.Body) <= cap(head)-len(head) || len(m.Body) < small {
			head = append(head, m.Body...)
			_, err = conn.Write(head)
		} else {
			both := net.Buffers{head, m.Body}
			_, err = both.WriteTo(conn)
		}
		if err != nil {
			return
		}
	}
}

// small bodies are copied behind their head rather than sent beside it.
const small = 32 << 10
