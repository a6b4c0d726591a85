package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"
)

// url is an address of the proxy.
func (d *demo) url(path string) string { return "http://" + d.up.Listen + path }

// post sends a JSON body and returns status and answer.
func post(ctx context.Context, client *http.Client, at string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// get reads an address of the admin.
func (d *demo) get(path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, "http://"+d.up.Admin+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: status %d: %s", path, resp.StatusCode, short(string(text), 200))
	}
	return text, err
}

// ask posts a value to the proxy and decodes a 200 answer.
func (d *demo) ask(path string, question any) (map[string]any, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	status, answer, err := post(d.ctx, d.client, d.url(path), body)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("POST %s: status %d: %s", path, status, short(string(answer), 300))
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, fmt.Errorf("POST %s: %w: %s", path, err, short(string(answer), 300))
	}
	return out, nil
}

// text is a question's usual form.
type text struct {
	Text any `json:"text"`
}

// address of an expression under /ask.
func asking(expression string) string { return "/ask/" + url.PathEscape(expression) }

// output runs a program of the reader's own and returns what it printed.
func (d *demo) output(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	var out, wrong bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.place.checkout, &out, &wrong
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, short(out.String()+wrong.String(), 400))
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

// compact is a value as JSON on one line, without HTML's escapes.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimRight(b.String(), "\n")
}
