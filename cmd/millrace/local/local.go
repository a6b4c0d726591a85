package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/pipeline"
	"github.com/millrace/millrace/xds/source/store"
)

// group is the node group of the one proxy.
const group = "local"

// drain is how long requests under way may take once everything is to stop.
const drain = 5 * time.Second

// Proxy is a running data plane.
type Proxy interface {
	// Ready is closed once the first listener is active.
	Ready() <-chan struct{}
	// ListenAddresses are those of the active listeners.
	ListenAddresses() []string
	AdminAddress() string
	// Drain lets requests under way end; the error says which did not before ctx ended.
	Drain(ctx context.Context) error
	Close()
}

// Options say what is run and where.
type Options struct {
	pipeline.Files
	Listen, Admin, XDS netip.AddrPort
	// ReadyFile, if not empty, gets the addresses once everything serves; it is removed at the start and at the end.
	ReadyFile string
	// Out is told how it goes, one line at a time; Servers gets what the servers write.
	Out, Servers io.Writer
	// StartProxy starts a proxy from an Envoy bootstrap in JSON.
	StartProxy func(ctx context.Context, bootstrap []byte) (Proxy, error)
	// Observe is told what the proxy answers to the control plane; it may be nil.
	Observe func(server.Event)
	// Cache is a folder for Python environments; empty is the user's.
	Cache string
}

// house is one run.
type house struct {
	o        Options
	began    time.Time
	say      func(format string, args ...any)
	xds      *server.Server
	lis      net.Listener
	servers  *servers
	pipeline *pipeline.Pipeline
	// first is closed when the first snapshot was told.
	first chan struct{}
	once  sync.Once
}

// Run runs everything until ctx ends, which is no error. An error says why it could not start, or go on.
func Run(ctx context.Context, o Options) error {
	h := &house{o: o, began: time.Now(), say: sayer(o.Out), first: make(chan struct{})}
	if o.ReadyFile != "" {
		os.Remove(o.ReadyFile)
		defer os.Remove(o.ReadyFile)
	}
	for _, at := range []struct {
		flag string
		at   netip.AddrPort
	}{{"--listen", o.Listen}, {"--admin", o.Admin}} {
		if err := free(at.flag, at.at); err != nil {
			return err
		}
	}
	lis, err := Listen("--xds", o.XDS)
	if err != nil {
		return err
	}
	h.lis = lis
	if err := h.build(); err != nil {
		lis.Close()
		return err
	}
	return h.run(ctx)
}

// build makes the parts, none of which runs yet.
func (h *house) build() error {
	var opts []server.Option
	if h.o.Observe != nil {
		opts = append(opts, server.WithObserver(h.o.Observe))
	}
	h.xds = server.New(opts...)
	h.servers = &servers{say: h.say, ready: make(map[string]int), failing: make(map[replica]string)}
	h.pipeline = pipeline.New(pipeline.Options{
		Files: h.o.Files, Askable: true, Local: true, Listen: h.o.Listen, Server: h.xds, Group: group,
		Changed: h.servers.take,
		Told: func(e pipeline.Event) {
			h.say("%s", e.Text())
			h.once.Do(func() { close(h.first) })
		},
	})
	sup, err := supervisor.New(supervisor.Options{Log: h.o.Servers, Report: h.servers.report, Cache: h.o.Cache})
	if err != nil {
		return err
	}
	h.servers.pipeline, h.servers.supervisor = h.pipeline, sup
	return nil
}

// run starts the parts and stops them in the opposite order.
func (h *house) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	defer func() {
		cancel(nil)
		h.servers.supervisor.Stop()
		h.xds.Stop()
		work.Wait()
	}()
	failed := func(err error) {
		if err != nil {
			cancel(err)
		}
	}
	work.Go(func() { failed(h.xds.Serve(h.lis)) })
	work.Go(func() { failed(h.pipeline.Run(ctx)) })
	work.Go(func() { h.servers.watch(ctx, h.pipeline.Snapshot) })
	select {
	case <-h.first:
	case <-ctx.Done():
		return reason(ctx)
	}
	if nothing(h.pipeline.Snapshot()) {
		return errors.New("start: there is no object that can serve in these files; `millrace check` says more")
	}
	return h.serve(ctx)
}

// serve runs the proxy until ctx ends.
func (h *house) serve(ctx context.Context) error {
	xds := h.lis.Addr().(*net.TCPAddr).AddrPort()
	text, err := Bootstrap(h.o.Admin, netip.AddrPortFrom(xds.Addr().Unmap(), xds.Port()), group)
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	// The proxy outlives ctx: it drains first.
	proxy, err := h.o.StartProxy(context.WithoutCancel(ctx), text)
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	defer func() {
		h.say("stopping")
		bounded, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		if err := proxy.Drain(bounded); err != nil {
			h.say("%v", err)
		}
		proxy.Close()
	}()
	select {
	case <-proxy.Ready():
	case <-ctx.Done():
		return reason(ctx)
	}
	at := Addresses{Admin: proxy.AdminAddress(), XDS: h.lis.Addr().String()}
	if all := proxy.ListenAddresses(); len(all) > 0 {
		at.Listen = all[0]
	}
	h.say("listening on http://%s (admin http://%s, xDS %s)", at.Listen, at.Admin, at.XDS)
	if err := h.settle(ctx, at); err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	return reason(ctx)
}

// settle waits until everything serves and says so.
func (h *house) settle(ctx context.Context, at Addresses) error {
	if n := h.servers.count(); n > 0 {
		h.say("waiting for %s", processes(n))
	}
	if err := h.servers.supervisor.WaitReady(ctx); err != nil {
		return err
	}
	for _, s := range h.pipeline.AwaitDiscovered(ctx, patience) {
		h.say("%s does not say which models it has", s)
	}
	silent, err := answering(ctx, h.pipeline.Snapshot(), at.Listen, patience)
	if err != nil {
		return err
	}
	for _, s := range silent {
		h.say("%s", s)
	}
	if h.o.ReadyFile != "" {
		if err := at.write(h.o.ReadyFile); err != nil {
			return err
		}
	}
	h.say("all is serving after %s\n\n%s", pipeline.Milliseconds(time.Since(h.began)), hints(h.pipeline.Snapshot(), at, h.o.Paths))
	return nil
}

// nothing tells whether a snapshot has no object that can be asked, and no server that may say what it has.
func nothing(s *store.Snapshot) bool {
	discovers := func(s *frontend.Server) bool { return s.Discover }
	return len(s.Models)+len(s.Graphs) == 0 && !slices.ContainsFunc(s.Servers, discovers)
}

// reason is why ctx ended, nil where somebody asked for it.
func reason(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func processes(n int) string {
	if n == 1 {
		return "1 server process"
	}
	return fmt.Sprintf("%d server processes", n)
}

// sayer returns a function that writes whole lines to w, from any goroutine.
func sayer(w io.Writer) func(string, ...any) {
	var mu sync.Mutex // held during a write
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, format+"\n", args...)
	}
}

// base is a path as a person types it in this folder.
func base(p string) string {
	wd, err := os.Getwd()
	if err != nil {
		return p
	}
	if rel, err := filepath.Rel(wd, p); filepath.IsAbs(p) && err == nil && len(rel) < len(p) {
		return rel
	}
	return p
}
