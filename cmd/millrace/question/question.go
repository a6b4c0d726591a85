package question

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/xds/frontend/expression"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 20

// Question is one request to /ask.
type Question struct {
	Server     string // as http://127.0.0.1:8080
	Expression string // a model, a graph or an expression
	Field      string // the field that Text is
	Text       string
	Full       bool          // every output, not only what stands for the whole
	Timeout    time.Duration // 0 is no bound
}

// Ask sends q and returns the JSON of the answer. A refusal is an error with what the server said and, where the expression is
// at fault, a caret under the place.
func (q Question) Ask(ctx context.Context) ([]byte, error) {
	at, err := q.address()
	if err != nil {
		return nil, err
	}
	if q.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.Timeout)
		defer cancel()
	}
	body, err := json.Marshal(map[string]string{q.Field: q.Text})
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.Expression, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.Expression, err)
	}
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, q.unreachable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask %s: read the answer: %w", q.Expression, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, q.refused(resp.StatusCode, answer)
	}
	return answer, nil
}

// address is the URL that is asked.
func (q Question) address() (string, error) {
	u, err := url.Parse(q.Server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("ask --server %s: it is not a URL; write it as http://127.0.0.1:8080", q.Server)
	}
	// A plus sign may stand in a path as it is, and is easier to read in a log than %2B.
	at := strings.TrimSuffix(u.Scheme+"://"+u.Host+u.EscapedPath(), "/") + "/ask/" + strings.ReplaceAll(url.PathEscape(q.Expression), "%2F", "/")
	if q.Full {
		at += "?full=1"
	}
	return at, nil
}

func (q Question) unreachable(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("ask %s: nothing listens at %s; start it with `millrace up FILE`, or name another with --server", q.Expression, q.Server)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("ask %s: no answer from %s within %v; --timeout gives it longer", q.Expression, q.Server, q.Timeout)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("ask %s at %s: %w", q.Expression, q.Server, err)
}

// refused makes an error of an answer that is not 200.
func (q Question) refused(status int, answer []byte) error {
	var said struct {
		Error struct{ Code, Message, Graph, Part, Remedy, ID string }
	}
	if err := json.Unmarshal(answer, &said); err != nil || said.Error.Message == "" {
		text := strings.TrimSpace(string(answer))
		if len(text) > 500 {
			text = text[:500] + "…"
		}
		return fmt.Errorf("ask %s: status %d: %s", q.Expression, status, text)
	}
	e := said.Error
	var b strings.Builder
	if e.Code != "" {
		b.WriteString(e.Code + " ")
	}
	if e.Graph != "" {
		b.WriteString("graph " + e.Graph + ": ")
	}
	if e.Part != "" {
		b.WriteString("part " + e.Part + ": ")
	}
	b.WriteString(e.Message)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	if caret := caret(q.Expression); caret != "" {
		b.WriteString("\n    " + strings.ReplaceAll(caret, "\n", "\n    "))
	}
	return fmt.Errorf("ask %s: %s", q.Expression, b.String())
}

// caret shows where an expression is malformed; empty where it is not.
func caret(text string) string {
	_, err := expression.Parse(text, ast.Position{})
	var bad *expression.Error
	if errors.As(err, &bad) {
		return bad.Caret()
	}
	return ""
}
