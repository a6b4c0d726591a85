package clients

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client is shared by tests; what it keeps open is closed when the test that got it ends.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 60 * time.Second}
}

// post sends a JSON body and returns status and answer.
func post(ctx context.Context, c *http.Client, url, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(text)), err
}

// ask is post for a test that goes on only with an answer.
func ask(t *testing.T, c *http.Client, url, body string) (int, string) {
	t.Helper()
	status, answer, err := post(t.Context(), c, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// asking returns a request of a load that fails unless it is answered with 200 and with want in it.
func asking(c *http.Client, url, body, want string) func(context.Context) error {
	return func(ctx context.Context) error {
		status, answer, err := post(ctx, c, url, body)
		if err != nil {
			return err
		}
		if status != http.StatusOK || !strings.Contains(answer, want) {
			return fmt.Errorf("status %d: %.300s", status, answer)
		}
		return nil
	}
}
