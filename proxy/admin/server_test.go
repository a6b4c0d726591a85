package admin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

func TestReadyFollowsTheState(t *testing.T) {
	var state atomic.Int32
	u := start(t, Sources{State: func() State { return State(state.Load()) }})
	for _, c := range []struct {
		state  State
		status int
		text   string
	}{{Live, 200, "LIVE\n"}, {PreInitializing, 503, "PRE_INITIALIZING\n"}, {Initializing, 503, "INITIALIZING\n"}, {Draining, 503, "DRAINING\n"}} {
		state.Store(int32(c.state))
		if status, text, _ := u.ask("GET", "/ready"); status != c.status || text != c.text {
			t.Errorf("%s: %d %q", c.state, status, text)
		}
	}
}

func TestAnOperatorFailsTheHealthCheckAndTakesItBack(t *testing.T) {
	var told []bool
	u := start(t, Sources{HealthCheck: func(failed bool) { told = append(told, failed) }})
	for _, c := range []struct {
		path   string
		status int
		ready  string
	}{{"/healthcheck/fail", 503, "DRAINING\n"}, {"/healthcheck/ok", 200, "LIVE\n"}} {
		if status, text, _ := u.ask("POST", c.path); status != 200 || text != "OK\n" {
			t.Errorf("%s: %d %q", c.path, status, text)
		}
		if status, text, _ := u.ask("GET", "/ready"); status != c.status || text != c.ready {
			t.Errorf("after %s: %d %q", c.path, status, text)
		}
	}
	if fmt.Sprint(told) != "[true false]" {
		t.Error(told)
	}
}

func TestWhatChangesSomethingIsAskedForByPost(t *testing.T) {
	var did []string
	u := start(t, Sources{
		Drain: func(graceful bool) { did = append(did, fmt.Sprintf("drain %v", graceful)) },
		Quit:  func() { did = append(did, "quit") },
	})
	for _, path := range []string{"/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok"} {
		status, text, header := u.ask("GET", path)
		if status != 405 || text != "Method GET not allowed, POST required." || header.Get("Allow") != "POST" {
			t.Errorf("%s: %d %q", path, status, text)
		}
	}
	if len(did) > 0 {
		t.Error(did)
	}
	for _, path := range []string{"/drain_listeners", "/drain_listeners?graceful", "/quitquitquit"} {
		if status, text, _ := u.ask("POST", path); status != 200 || text != "OK\n" {
			t.Errorf("%s: %d %q", path, status, text)
		}
	}
	if got := strings.Join(did, ", "); got != "drain false, drain true, quit" {
		t.Error(got)
	}
}

func TestAnotherSitesPageCannotStopTheProxy(t *testing.T) {
	u := start(t, Sources{Quit: func() { t.Error("it did") }})
	if status, _, _ := u.ask("POST", "/quitquitquit", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Error(status)
	}
}

func TestServerInfoIsEnvoys(t *testing.T) {
	u := start(t, Sources{
		Version: "v1.2.3", Started: time.Now().Add(-90 * time.Second), Node: &corev3.Node{Id: "node-1", Cluster: "edge"},
		Options: &adminv3.CommandLineOptions{ConfigPath: "bootstrap.yaml"},
	})
	var info struct {
		Version string `json:"version"`
		State   string `json:"state"`
		Uptime  string `json:"uptime_current_epoch"`
		Options struct {
			Config string `json:"config_path"`
		} `json:"command_line_options"`
		Node struct {
			ID string `json:"id"`
		} `json:"node"`
	}
	if err := json.Unmarshal([]byte(u.get("/server_info")), &info); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(info); got != "{v1.2.3 LIVE 90s {bootstrap.yaml} {node-1}}" {
		t.Error(got)
	}
}

func TestTheLogsLevelIsShownAndSet(t *testing.T) {
	level := new(slog.LevelVar)
	u := start(t, Sources{Level: level})
	if got := u.get("/logging"); got != "active loggers:\n  millrace: info\n\n" {
		t.Errorf("%q", got)
	}
	if status, _, _ := u.ask("GET", "/logging?level=debug"); status != 405 || level.Level() != slog.LevelInfo {
		t.Error(status, level)
	}
	for name, want := range map[string]slog.Level{"debug": slog.LevelDebug, "warning": slog.LevelWarn, "warn": slog.LevelWarn, "trace": -8, "critical": 12} {
		status, text, _ := u.ask("POST", "/logging?level="+name)
		if status != 200 || level.Level() != want || !strings.HasPrefix(text, "active loggers:\n  millrace: "+name) {
			t.Errorf("%s: %d %q %s", name, status, text, level)
		}
	}
	if status, text, _ := u.ask("POST", "/logging?level=loud"); status != 400 {
		t.Error(status, text)
	}
	u.ask("POST", "/logging?level=off")
	if got := u.get("/logging"); !strings.Contains(got, "millrace: off") {
		t.Error(got)
	}
}

func TestHelpAndHomeListEveryPath(t *testing.T) {
	u := start(t, Sources{})
	help, home := u.get("/help"), u.get("/")
	for _, path := range []string{"/ready", "/stats/prometheus", "/config_dump", "/plans"} {
		if !strings.Contains(help, "  "+path+": ") || !strings.Contains(home, "<a href=\""+path[1:]+"\">") {
			t.Errorf("%s is missing", path)
		}
	}
	if !strings.Contains(help, "  /quitquitquit (POST): exit the server\n") {
		t.Error(help)
	}
	status, text, _ := u.ask("GET", "/nothing")
	if status != 404 || !strings.HasPrefix(text, "invalid path. admin commands are:\n") {
		t.Error(status, text)
	}
}

func TestWhatIsNotThereSaysSo(t *testing.T) {
	u := start(t, Sources{})
	for _, path := range []string{"/clusters", "/listeners", "/stats", "/stats/prometheus", "/plans", "/plans/a", "/logging"} {
		if status, text, _ := u.ask("GET", path); status != 501 || !strings.HasSuffix(text, "is not available here\n") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for _, path := range []string{"/drain_listeners", "/quitquitquit"} {
		if status, _, _ := u.ask("POST", path); status != 501 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestProfilesAreServedOnlyIfAskedFor(t *testing.T) {
	if status, _, _ := start(t, Sources{}).ask("GET", "/debug/pprof/"); status != 404 {
		t.Error(status)
	}
	u := start(t, Sources{Profile: true})
	if got := u.get("/debug/pprof/goroutine?debug=1"); !strings.Contains(got, "goroutine profile:") {
		t.Error(got)
	}
	u.get("/debug/pprof/")
}

func TestMemoryHasEnvoysFields(t *testing.T) {
	var m map[string]string
	if err := json.Unmarshal([]byte(start(t, Sources{}).get("/memory")), &m); err != nil {
		t.Fatal(err)
	}
	if m["allocated"] == "0" || m["heap_size"] == "" || m["total_physical_bytes"] == "" {
		t.Error(m)
	}
}

func TestPlansAreListedAndExplained(t *testing.T) {
	u := start(t, Sources{
		Plans: func() []string { return []string{"default/sentiment", "default/triage"} },
		Explain: func(name, format string) (string, bool, error) {
			switch {
			case format == "xml":
				return "", false, fmt.Errorf("there is no format %q", format)
			case name != "default/triage":
				return "", false, nil
			case format == "json":
				return `{"name":"triage"}`, true, nil
			}
			return "graph default/triage\n", true, nil
		},
	})
	if got := u.get("/plans"); got != "default/sentiment\ndefault/triage\n" {
		t.Errorf("%q", got)
	}
	if got := u.get("/plans/default/triage"); got != "graph default/triage\n" {
		t.Errorf("%q", got)
	}
	if got := u.get("/plans/default/triage?format=json"); got != "{\n \"name\": \"triage\"\n}\n" {
		t.Errorf("%q", got)
	}
	if status, text, _ := u.ask("GET", "/plans/other"); status != 404 || text != "no plan other; /plans lists them\n" {
		t.Error(status, text)
	}
	if status, _, _ := u.ask("GET", "/plans/default/triage?format=xml"); status != 400 {
		t.Error(status)
	}
}

func TestATakenAddressIsAnError(t *testing.T) {
	u := start(t, Sources{})
	if _, err := Start(strings.TrimPrefix(u.base, "http://"), Sources{}); err == nil || !strings.HasPrefix(err.Error(), "admin: listen tcp ") {
		t.Error(err)
	}
}
