package load

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/millrace/millrace/conformance/bench/wire"
)

// patience is how long a client lives; a proxy that hangs makes an error rather than a benchmark without an end.
const patience = 2 * time.Minute

// Check says what is wrong with the first answer that a worker got to its question.
type Check func(question, answer []byte) error

// Same is the check of an echo.
func Same(question, answer []byte) error {
	if bytes.Equal(question, answer) {
		return nil
	}
	return errors.New(differs(answer, question))
}

// differs tells where an answer is not what it should be.
func differs(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("an answer of %d bytes, where %d were right, differs at byte %d: %.60q", len(got), len(want), i, got[i:])
}

// answers holds what a worker's answers must be: what its first one was, once that has been checked.
type answers struct {
	question, want []byte
	check          Check
}

func (a *answers) verify(got []byte) error {
	if a.want == nil {
		if err := a.check(a.question, got); err != nil {
			return err
		}
		a.want = append(make([]byte, 0, len(got)+1), got...)
		return nil
	}
	if !bytes.Equal(got, a.want) {
		return errors.New(differs(got, a.want))
	}
	return nil
}

// HTTP is a client with one HTTP/1.1 connection that posts body to path over and over.
func HTTP(address, path string, body []byte, check Check) (Client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	request := append([]byte("POST "+path+" HTTP/1.1\r\nHost: models.example\r\nUser-Agent: bench/1\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: "+
		strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	return &httpClient{conn: conn, r: wire.NewReader(conn), request: request, answers: answers{question: body, check: check}}, nil
}

type httpClient struct {
	conn    net.Conn
	r       *wire.Reader
	request []byte
	answers answers
}

var _ Client = (*httpClient)(nil)

func (c *httpClient) Ask() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return fmt.Errorf("ask %s: %w", c.conn.RemoteAddr(), err)
	}
	m, err := c.r.Read()
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.conn.RemoteAddr(), err)
	}
	if m.Status() != 200 {
		return fmt.Errorf("ask %s: %s: %.300q", c.conn.RemoteAddr(), m.First, m.Body)
	}
	if err := c.answers.verify(m.Body); err != nil {
		return fmt.Errorf("ask %s: %w", c.conn.RemoteAddr(), err)
	}
	return nil
}

func (c *httpClient) Close() error { return c.conn.Close() }
