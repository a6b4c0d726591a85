package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// upRun is a running `millrace up`.
type upRun struct {
	out, err *teller
	dir      string
	ready    string // the ready file
	stop     context.CancelFunc
	code     chan int
}

// up runs `millrace up` on a copy of testdata/up with free ports.
func up(t *testing.T, edit func(objects string) string, args ...string) *upRun {
	t.Helper()
	u := &upRun{out: newTeller(), err: newTeller(), dir: t.TempDir(), code: make(chan int, 1)}
	t.Setenv("MILLRACE_CACHE", t.TempDir())
	u.ready = filepath.Join(u.dir, "ready")
	for _, name := range []string{"server.py", "objects.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata/up", name))
		if err != nil {
			t.Fatal(err)
		}
		if edit != nil && name == "objects.yaml" {
			text = []byte(edit(string(text)))
		}
		u.save(t, name, string(text))
	}
	var ctx context.Context
	ctx, u.stop = context.WithCancel(t.Context())
	args = append([]string{"up", filepath.Join(u.dir, "objects.yaml"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--xds", "127.0.0.1:0", "--ready-file", u.ready}, args...)
	go func() { u.code <- execute(ctx, streams{out: u.out, err: u.err}, args) }()
	t.Cleanup(func() {
		u.stop()
		if t.Failed() {
			t.Logf("it said:\n%s\nand\n%s", u.out.text, u.err.text)
		}
	})
	return u
}

func (u *upRun) save(t *testing.T, name, text string) {
	t.Helper()
	at := filepath.Join(u.dir, name)
	if err := os.WriteFile(at+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(at+".new", at); err != nil {
		t.Fatal(err)
	}
}

// end stops it and returns the exit code.
func (u *upRun) end(t *testing.T) int {
	t.Helper()
	u.stop()
	select {
	case code := <-u.code:
		return code
	case <-time.After(time.Minute):
		t.Fatal("it does not stop")
	}
	return -1
}

// listen waits until everything serves and returns where it is asked.
func (u *upRun) listen(t *testing.T) string {
	t.Helper()
	u.out.await(t, "all is serving after ")
	text, err := os.ReadFile(u.ready)
	if err != nil {
		t.Fatal(err)
	}
	var at struct{ Listen, Admin, XDS string }
	if err := json.Unmarshal(text, &at); err != nil || at.Listen == "" || at.XDS == "" {
		t.Fatalf("the ready file has %s: %v", text, err)
	}
	return "http://" + at.Listen
}

func TestUpRunsAFileAndAppliesEditsUntilItIsStopped(t *testing.T) {
	u := up(t, nil)
	at := u.listen(t)
	u.out.await(t, "v1: 2 models, 1 graph")
	u.out.await(t, "bad-1: ready in ")
	u.out.await(t, "(3 of 3)")
	u.out.await(t, "  millrace ask bad+good \"I love it\" --server "+at)
	u.err.await(t, "good | serving good")
	asking := func(name, want string) {
		t.Helper()
		if r := run(t, "", false, "ask", name, "day", "--server", at); r.code != 0 || r.out != want+"\n" {
			t.Errorf("%s: %+v, want %s", name, r, want)
		}
	}
	asking("good+bad", `{"good": "good day", "bad": "bad day"}`)
	asking("mood", `{"mood": "good day"}`)

	objects, err := os.ReadFile("testdata/up/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	turned := strings.NewReplacer("weight: 100", "weight: 0", "weight: 0", "weight: 100").Replace(string(objects))
	u.save(t, "objects.yaml", turned)
	u.out.await(t, "ms, 100/0 → 0/100")
	asking("mood", `{"mood": "bad day"}`)

	u.save(t, "objects.yaml", strings.Replace(turned, "to: bad}", "to: bda}", 1))
	u.out.await(t, "objects.yaml:29:66: MR203 graph mood: no model \"bda\"; did you mean \"bad\"?")
	u.out.await(t, "objects.yaml: 1 error; still serving v2")
	asking("mood", `{"mood": "bad day"}`)

	u.save(t, "objects.yaml", strings.Replace(turned, "WORD: bad", "WORD: very bad", 1))
	u.out.await(t, "changed model bad")
	u.err.await(t, "bad-0 | serving very bad")
	if code := u.end(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if _, err := os.Stat(u.ready); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the ready file is left: %v", err)
	}
}

func TestUpServesWhatIsGoodOfABrokenFile(t *testing.T) {
	u := up(t, func(objects string) string {
		return strings.Replace(objects, "command: [python, server.py, \"{port}\"]\n  env: {WORD: bad}", "command: [python, server.py]\n  env: {WORD: bad}", 1) +
			"---\napiVersion: millrace.io/v1alpha1\nkind: Server\nmetadata: {name: x}\nspec: {protocol: opi}\n"
	})
	u.out.await(t, "MR105 server x: there is no protocol \"opi\"")
	u.out.await(t, "v1: 2 models, 1 graph; 1 error: what has errors does not serve")
	u.out.await(t, "start server bad: its command and env name no {port}")
	u.out.await(t, "good: ready in ")
	if code := u.end(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestUpEndsWithTheReasonWhereItCannotStart(t *testing.T) {
	at := busy(t)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"the listener's port is taken", []string{"--listen", at}, "listen on " + at + ": the port is taken by pid "},
		{"the admin port is taken", []string{"--admin", at}, "choose another with --admin (port 0 picks a free one)"},
		{"the xDS port is taken", []string{"--xds", at}, "choose another with --xds (port 0 picks a free one)"},
		{"the binding is missing", []string{"--bind", "no-such.yaml"}, "read no-such.yaml: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := up(t, nil, c.args...)
			if code := <-u.code; code != 1 {
				t.Errorf("it ended with %d", code)
			}
			u.err.await(t, c.want)
		})
	}
	t.Run("no object is good", func(t *testing.T) {
		u := up(t, func(string) string { return "kind: [\n" })
		if code := <-u.code; code != 1 {
			t.Errorf("it ended with %d", code)
		}
		u.out.await(t, "MR101")
		u.err.await(t, "there is no object that can serve in these files")
	})
}

func TestTheProxyTakesItsConfigurationFromABootstrap(t *testing.T) {
	upstream, _ := asked(t, 200, "hello")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(upstream, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	bootstrap := fileOf(t, "bootstrap.yaml", `
node: {id: n, cluster: c}
static_resources:
  listeners:
  - name: front
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: back}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`)
	back := `{"static_resources": {"clusters": [{"name": "back", "connect_timeout": "1s", "type": "STATIC", "load_assignment": {"cluster_name": "back",
		"endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": ` + port + `}}}}]}]}}]}}`
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log, code := newTeller(), make(chan int, 1)
	go func() {
		code <- execute(ctx, streams{out: log, err: log}, []string{"proxy", "-c", bootstrap, "--config-yaml", back, "--service-node", "web-1", "--drain-time-s", "1", "--concurrency", "2", "--disable-hot-restart"})
	}()
	_, rest, _ := strings.Cut(log.await(t, "msg=serving "), "listen=")
	at, _, _ := strings.Cut(rest, " ")
	if r := run(t, "", false, "ask", "x", "y", "--server", "http://"+at); r.code != 0 || r.out != "hello\n" {
		t.Errorf("through the proxy: %+v", r)
	}
	log.await(t, "flag=--concurrency")
	cancel()
	if c := <-code; c != 0 {
		t.Errorf("it ended with %d", c)
	}
}

func TestABootstrapIsValidatedWithoutServing(t *testing.T) {
	r := run(t, "", false, "proxy", "--config-yaml", "node: {id: n, cluster: c}", "--mode", "validate", "--service-zone", "z")
	if r.code != 0 || r.out != "the bootstrap is valid\n" {
		t.Errorf("%+v", r)
	}
}

func TestABootstrapThatIsBrokenIsRefusedWithItsPlace(t *testing.T) {
	bad := fileOf(t, "bootstrap.yaml", "node: {id: n}\nnodee: {}\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"proxy"}, 2, "-c is missing; it names an Envoy bootstrap file"},
		{[]string{"proxy", "-c", bad}, 1, "bootstrap.yaml:"},
		{[]string{"proxy", "-c", "no-such.yaml"}, 1, "no-such.yaml: no such file or directory"},
		{[]string{"proxy", "--config-yaml", "node: ["}, 1, "--config-yaml:"},
	} {
		r := run(t, "", false, c.args...)
		if r.code != c.code || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %+v, want %q", c.args, r, c.want)
		}
	}
}
