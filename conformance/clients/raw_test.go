package clients

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// wire is one HTTP/1.1 message as it was on the wire: nothing is normalised but the framing of its body.
type wire struct {
	line     string   // the first one
	fields   []string // "Name: value", in order
	body     string
	chunked  bool
	trailers []string
}

// values are those of a field, whatever the case of its name, in order.
func (m *wire) values(name string) []string {
	var out []string
	for _, f := range m.fields {
		n, v, _ := strings.Cut(f, ":")
		if strings.EqualFold(n, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

// readWire reads a message; bodiless says that none follows whatever the head says.
func readWire(in *bufio.Reader, bodiless func(*wire) bool, middle func(*wire) error) (*wire, error) {
	m := &wire{}
	var err error
	if m.line, m.fields, err = readHead(in); err != nil {
		return nil, err
	}
	if err := middle(m); err != nil {
		return nil, err
	}
	if bodiless(m) {
		return m, nil
	}
	if coding := m.values("transfer-encoding"); len(coding) > 0 {
		m.chunked = true
		return m, m.readChunks(in)
	}
	if length := m.values("content-length"); len(length) > 0 {
		n, err := strconv.Atoi(length[0])
		if err != nil {
			return nil, err
		}
		text := make([]byte, n)
		_, err = io.ReadFull(in, text)
		m.body = string(text)
		return m, err
	}
	if strings.HasPrefix(m.line, "HTTP/") {
		text, err := io.ReadAll(in)
		m.body = string(text)
		return m, err
	}
	return m, nil
}

func readHead(in *bufio.Reader) (line string, fields []string, err error) {
	lines := textproto.NewReader(in)
	if line, err = lines.ReadLine(); err != nil {
		return "", nil, err
	}
	for {
		f, err := lines.ReadLine()
		if err != nil || f == "" {
			return line, fields, err
		}
		fields = append(fields, f)
	}
}

func (m *wire) readChunks(in *bufio.Reader) error {
	lines := textproto.NewReader(in)
	var body strings.Builder
	for {
		size, err := lines.ReadLine()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil {
			return fmt.Errorf("chunk size %q: %w", size, err)
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(&body, in, n); err != nil {
			return err
		}
		if end, err := lines.ReadLine(); err != nil || end != "" {
			return fmt.Errorf("after a chunk stands %q: %v", end, err)
		}
	}
	m.body = body.String()
	for {
		f, err := lines.ReadLine()
		if err != nil || f == "" {
			return err
		}
		m.trailers = append(m.trailers, f)
	}
}

// rawServer is a model server that answers with the bytes that a test gives it, and shows the bytes that it got.
type rawServer struct {
	address string
	got     chan *wire

	mu     sync.Mutex
	answer string              // guarded by mu
	conns  map[net.Conn]string // guarded by mu
	work   sync.WaitGroup
}

func startRaw(t *testing.T) *rawServer {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{address: lis.Addr().String(), got: make(chan *wire, 64), conns: make(map[net.Conn]string)}
	s.work.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = ""
			s.mu.Unlock()
			s.work.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		lis.Close()
		s.mu.Lock()
		for conn := range s.conns {
			conn.Close()
		}
		s.mu.Unlock()
		s.work.Wait()
	})
	return s
}

// reply sets what the next requests are answered with. An empty answer closes the connection.
func (s *rawServer) reply(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *rawServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		m, err := readWire(in, func(*wire) bool { return false }, func(m *wire) error {
			if len(m.values("expect")) == 0 {
				return nil
			}
			_, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			return err
		})
		if err != nil {
			return
		}
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		s.got <- m
		if _, err := io.WriteString(conn, answer); err != nil || strings.Contains(answer, "onnection: close") || answer == "" {
			return
		}
	}
}

// took returns the request that the server got.
func (s *rawServer) took(t *testing.T) *wire {
	t.Helper()
	select {
	case m := <-s.got:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("the server got no request within 20 s")
		return nil
	}
}

// rawClient is one connection to the proxy.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialRaw(t *testing.T, address string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &rawClient{t, conn, bufio.NewReader(conn)}
}

func (c *rawClient) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads a response; method is that of its request.
func (c *rawClient) receive(method string) *wire {
	c.t.Helper()
	m, err := readWire(c.in, func(m *wire) bool {
		status := strings.Fields(m.line + " 0 0")[1]
		return method == "HEAD" || status[0] == '1' || status == "204" || status == "304"
	}, func(*wire) error { return nil })
	if err != nil && !errors.Is(err, io.EOF) || m == nil {
		c.t.Fatalf("no response: %v", err)
	}
	return m
}

// fieldsWithout are the fields, names in lower case, without some; sorted by name with the order of equal names kept.
func (m *wire) fieldsWithout(names ...string) []string {
	var out []string
	for _, f := range m.fields {
		n, v, _ := strings.Cut(f, ":")
		n = strings.ToLower(n)
		if !slices.Contains(names, n) {
			out = append(out, n+": "+strings.Trim(v, " \t"))
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		an, _, _ := strings.Cut(a, ":")
		bn, _, _ := strings.Cut(b, ":")
		return strings.Compare(an, bn)
	})
	return out
}
