package admin

import (
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// user is somebody with curl.
type user struct {
	t    *testing.T
	base string
	c    http.Client
}

// start starts a server that ends with the test.
func start(t *testing.T, s Sources) *user {
	t.Helper()
	a, err := Start("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &user{t, "http://" + a.Address(), http.Client{Transport: transport}}
}

func (u *user) ask(method, path string, header ...string) (int, string, http.Header) {
	u.t.Helper()
	r, err := http.NewRequest(method, u.base+path, nil)
	if err != nil {
		u.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := u.c.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// get returns what a path answers, which must be good.
func (u *user) get(path string) string {
	u.t.Helper()
	status, text, _ := u.ask("GET", path)
	if status != 200 {
		u.t.Fatalf("%s: %d %s", path, status, text)
	}
	return text
}

// golden compares with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got) != strings.TrimSpace(string(want)) {
		t.Errorf("%s differs:\ngot\n%s\nwant\n%s", name, got, want)
	}
}
