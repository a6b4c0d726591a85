package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a running admin server. It is safe for concurrent use.
type Server struct {
	s      Sources
	ln     net.Listener
	http   *http.Server
	work   sync.WaitGroup
	failed atomic.Bool // the health check, by an operator
}

// Start listens on address ("127.0.0.1:9901"; port 0 is one that the system chooses) and serves until Close.
func Start(address string, s Sources) (*Server, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	a := &Server{s: s, ln: ln}
	a.http = &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	a.work.Go(func() { _ = a.http.Serve(ln) }) // it ends with ErrServerClosed; a broken socket shows in /ready's absence
	return a, nil
}

// Address returns the address that is listened on, with its port.
func (a *Server) Address() string { return a.ln.Addr().String() }

// Close stops the server: requests under way may finish for a second.
func (a *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := a.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = a.http.Close()
	}
	a.work.Wait()
	if err != nil {
		return fmt.Errorf("close admin: %w", err)
	}
	return nil
}

// state is the process's state as an operator sees it.
func (a *Server) state() State {
	state := Live
	if a.s.State != nil {
		state = a.s.State()
	}
	if state == Live && a.failed.Load() {
		return Draining
	}
	return state
}

// path is one admin path.
type path struct {
	path, help string
	changes    bool // POST only
	serve      http.HandlerFunc
}

func (a *Server) paths() []path {
	return []path{
		{"/", "Admin home page", false, a.home},
		{"/clusters", "upstream cluster status (?format=json)", false, a.clusters},
		{"/config_dump", "the configuration as it serves (?resource=dynamic_listeners)", false, a.configDump},
		{"/drain_listeners", "drain all listeners (?graceful)", true, a.drain},
		{"/healthcheck/fail", "cause the server to fail health checks", true, a.health(true)},
		{"/healthcheck/ok", "cause the server to pass health checks", true, a.health(false)},
		{"/help", "print out list of admin commands", false, a.help},
		{"/listeners", "print listener info (?format=json)", false, a.listeners},
		{"/logging", "show the log's level, or set it by POST (?level=debug)", false, a.logging},
		{"/memory", "print current allocation/heap usage", false, a.memory},
		{"/plans", "names of the plans that serve; /plans/NAME explains one (?format=text|json|dot|mermaid)", false, a.plans},
		{"/quitquitquit", "exit the server", true, a.quit},
		{"/ready", "print server state, return 200 if LIVE, otherwise return 503", false, a.ready},
		{"/server_info", "print server version/status information", false, a.serverInfo},
		{"/stats", "print server stats (?filter=REGEX&usedonly&type=Counters|Gauges|Histograms&format=json|prometheus)", false, a.stats},
		{"/stats/prometheus", "print server stats in prometheus format (?filter=REGEX&usedonly)", false, a.statsPrometheus},
	}
}

// handler routes requests. Exact paths are matched here, not by patterns of ServeMux, which would redirect.
func (a *Server) handler() http.Handler {
	byPath := map[string]path{}
	for _, p := range a.paths() {
		byPath[p.path] = p
	}
	if a.s.Profile {
		for name, h := range map[string]http.HandlerFunc{"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile,
			"symbol": pprof.Symbol, "trace": pprof.Trace} {
			byPath["/debug/pprof/"+name] = path{serve: h}
		}
		for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
			byPath["/debug/pprof/"+name] = path{serve: pprof.Handler(name).ServeHTTP}
		}
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache, max-age=0")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		p, ok := byPath[r.URL.Path]
		switch {
		case !ok && len(r.URL.Path) > len("/plans/") && r.URL.Path[:len("/plans/")] == "/plans/":
			a.explain(w, r)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, "invalid path. ")
			a.writeHelp(w)
		case p.changes && r.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			plain(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %s not allowed, POST required.", r.Method))
		default:
			p.serve(w, r)
		}
	})
	return http.NewCrossOriginProtection().Handler(h)
}

// plain answers with text. A client that left needs no answer, so that errors of writing are nobody's.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// absent answers for a part of the proxy that is not there.
func absent(w http.ResponseWriter, what string) {
	plain(w, http.StatusNotImplemented, what+" is not available here\n")
}
