package admin

import (
	"fmt"
	"html"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime/metrics"
	"strings"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

func (a *Server) ready(w http.ResponseWriter, _ *http.Request) {
	state, status := a.state(), http.StatusOK
	if state != Live {
		status = http.StatusServiceUnavailable
	}
	plain(w, status, state.String()+"\n")
}

func (a *Server) serverInfo(w http.ResponseWriter, _ *http.Request) {
	up := durationpb.New(time.Since(a.s.Started).Truncate(time.Second))
	info := &adminv3.ServerInfo{Version: a.s.Version, State: a.state(), UptimeCurrentEpoch: up, UptimeAllEpochs: up,
		HotRestartVersion: "disabled", CommandLineOptions: a.s.Options, Node: a.s.Node}
	// LIVE is the zero value, which JSON would leave out.
	writeMessage(w, info, true)
}

func (a *Server) memory(w http.ResponseWriter, _ *http.Request) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(samples)
	n := func(i int) uint64 { return samples[i].Value.Uint64() }
	writeMessage(w, &adminv3.Memory{Allocated: n(0), HeapSize: n(0) + n(1) + n(2), PageheapFree: n(2), PageheapUnmapped: n(3),
		TotalPhysicalBytes: n(4) - n(3)}, true)
}

func (a *Server) health(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		a.failed.Store(failed)
		if a.s.HealthCheck != nil {
			a.s.HealthCheck(failed)
		}
		plain(w, http.StatusOK, "OK\n")
	}
}

func (a *Server) drain(w http.ResponseWriter, r *http.Request) {
	if a.s.Drain == nil {
		absent(w, "draining")
		return
	}
	a.s.Drain(r.URL.Query().Has("graceful"))
	plain(w, http.StatusOK, "OK\n")
}

func (a *Server) quit(w http.ResponseWriter, _ *http.Request) {
	if a.s.Quit == nil {
		absent(w, "quitting")
		return
	}
	plain(w, http.StatusOK, "OK\n")
	_ = http.NewResponseController(w).Flush() // the answer leaves before the process does
	a.s.Quit()
}

// levels are Envoy's names, from the most to the least.
var levels = []struct {
	name  string
	level slog.Level
}{{"trace", slog.LevelDebug - 4}, {"debug", slog.LevelDebug}, {"info", slog.LevelInfo}, {"warning", slog.LevelWarn},
	{"error", slog.LevelError}, {"critical", slog.LevelError + 4}, {"off", math.MaxInt32}}

func (a *Server) logging(w http.ResponseWriter, r *http.Request) {
	if a.s.Level == nil {
		absent(w, "the log's level")
		return
	}
	want := r.URL.Query().Get("level")
	if want != "" && r.Method != http.MethodPost {
		plain(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %s not allowed, POST required.", r.Method))
		return
	}
	now := "off"
	for i := len(levels) - 1; i >= 0; i-- {
		switch l := levels[i]; {
		case want == l.name || want == "warn" && l.name == "warning":
			a.s.Level.Set(l.level)
			plain(w, http.StatusOK, "active loggers:\n  millrace: "+l.name+"\n\n")
			return
		case a.s.Level.Level() <= l.level:
			now = l.name
		}
	}
	if want != "" {
		plain(w, http.StatusBadRequest, "unknown logger level "+want+"; use trace, debug, info, warning, error, critical or off\n")
		return
	}
	plain(w, http.StatusOK, "active loggers:\n  millrace: "+now+"\n\n")
}

func (a *Server) help(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	a.writeHelp(w)
}

func (a *Server) writeHelp(w io.Writer) {
	var b strings.Builder
	b.WriteString("admin commands are:\n")
	for _, p := range a.paths() {
		method := ""
		if p.changes {
			method = " (POST)"
		}
		fmt.Fprintf(&b, "  %s%s: %s\n", p.path, method, p.help)
	}
	_, _ = io.WriteString(w, b.String())
}

// home is a page of links; what changes something is a form, so that it is sent by POST.
func (a *Server) home(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"UTF-8\"><title>Millrace Admin</title></head>\n<body>\n<table>\n")
	for _, p := range a.paths() {
		link := fmt.Sprintf("<a href=%q>%s</a>", p.path[1:], p.path[1:])
		switch {
		case p.path == "/":
			continue
		case p.changes:
			link = fmt.Sprintf("<form action=%q method=\"post\"><button>%s</button></form>", p.path[1:], p.path[1:])
		}
		fmt.Fprintf(&b, "<tr><td>%s</td><td>%s</td></tr>\n", link, html.EscapeString(p.help))
	}
	b.WriteString("</table>\n</body></html>\n")
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = io.WriteString(w, b.String())
}

func (a *Server) plans(w http.ResponseWriter, _ *http.Request) {
	if a.s.Plans == nil {
		absent(w, "the list of plans")
		return
	}
	var b strings.Builder
	for _, name := range a.s.Plans() {
		b.WriteString(name + "\n")
	}
	plain(w, http.StatusOK, b.String())
}

func (a *Server) explain(w http.ResponseWriter, r *http.Request) {
	if a.s.Explain == nil {
		absent(w, "explaining plans")
		return
	}
	name, format := strings.TrimPrefix(r.URL.Path, "/plans/"), r.URL.Query().Get("format")
	text, ok, err := a.s.Explain(name, format)
	switch {
	case err != nil:
		plain(w, http.StatusBadRequest, err.Error()+"\n")
	case !ok:
		plain(w, http.StatusNotFound, "no plan "+name+"; /plans lists them\n")
	case format == "json":
		writeJSON(w, []byte(text))
	default:
		plain(w, http.StatusOK, text)
	}
}
