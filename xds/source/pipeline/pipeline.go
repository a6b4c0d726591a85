package pipeline

import (
	"bytes"
	"context"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/directory"
	"github.com/millrace/millrace/xds/source/resources"
	"github.com/millrace/millrace/xds/source/store"
)

// patience is how long an event waits for proxies that are connected, unless options say otherwise.
const patience = 5 * time.Second

// Options are what a Pipeline is made of.
type Options struct {
	Files
	// Askable is whether models and graphs that do not say so may be named by expressions.
	Askable bool
	// Local says that servers are started here; their addresses come by SetAddresses.
	Local bool
	// Listen is where the proxies listen; the zero value leaves the listener to somebody else.
	Listen netip.AddrPort
	// Server is served from, under Group.
	Server *server.Server
	Group  string
	// Changed is told each snapshot once it is served, in order and one at a time; it may be nil.
	Changed func(*store.Snapshot)
	// Told is told each event, in order and one at a time; it may be nil.
	Told func(Event)
	// Patience is how long an event waits for the answers of connected proxies; 0 means 5 s.
	Patience time.Duration
}

// Pipeline keeps a node group supplied from files. Its methods may be called by many goroutines.
type Pipeline struct {
	o         Options
	announcer announcer
	look      chan struct{} // a server may have become discoverable

	// turn is held from a load to its announcement, before mu, so that snapshots are told in their order.
	turn sync.Mutex

	mu sync.Mutex
	// Guarded by mu.
	store    *store.Store
	builder  resources.Builder
	running  map[string][]resources.Address
	snap     *store.Snapshot
	contents directory.Contents
	heard    chan struct{}   // closed and made anew when a server said which models it has
	known    map[string]bool // findings that were told and stand
}

// New returns a pipeline that has read nothing yet.
func New(o Options) *Pipeline {
	if o.Changed == nil {
		o.Changed = func(*store.Snapshot) {}
	}
	if o.Told == nil {
		o.Told = func(Event) {}
	}
	if o.Patience == 0 {
		o.Patience = patience
	}
	return &Pipeline{
		o:         o,
		announcer: announcer{server: o.Server, group: o.Group, patience: o.Patience, tell: o.Told},
		store:     store.New(store.Options{Askable: o.Askable, Local: o.Local, Binding: o.binding()}),
		builder:   resources.Builder{Listen: o.Listen},
		running:   make(map[string][]resources.Address),
		look:      make(chan struct{}, 1),
		heard:     make(chan struct{}),
	}
}

// Run reads and serves until ctx ends. An error means that nothing can be read or watched at all; what is wrong with a file
// is an event. When it returns, nothing is told any more.
func (p *Pipeline) Run(ctx context.Context) error {
	defer p.announcer.wait()
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	asking.Go(func() { p.discover(ctx) })
	return directory.Watch(ctx, p.o.all(), func(l directory.Load) { p.load(ctx, l) }, p.o.extra()...)
}

// SetAddresses makes addresses those of the servers that are ready at place. It is served at once; nobody is told.
func (p *Pipeline) SetAddresses(place string, addresses []resources.Address) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Equal(p.running[place], addresses) {
		return nil
	}
	p.running[place] = slices.Clone(addresses)
	p.rouse()
	if p.snap == nil {
		return nil
	}
	_, err := p.serveLocked()
	return err
}

// rouse has the servers asked for their models soon.
func (p *Pipeline) rouse() {
	select {
	case p.look <- struct{}{}:
	default:
	}
}

// Snapshot returns what serves now; nil before the first load.
func (p *Pipeline) Snapshot() *store.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snap
}

// serveLocked hands everything to the server, which finds out what of it is new.
func (p *Pipeline) serveLocked() (server.Change, error) {
	return p.o.Server.Set(p.o.Group, p.builder.Build(p.snap, p.running))
}

// load takes what the files say now.
func (p *Pipeline) load(ctx context.Context, l directory.Load) {
	p.turn.Lock()
	defer p.turn.Unlock()
	if l.Err != nil {
		p.announcer.announce(ctx, Event{Err: l.Err, Version: p.Snapshot().Version}, 0)
		return
	}
	p.mu.Lock()
	contents := p.o.choose(l.Contents)
	e := Event{First: p.snap == nil, Files: changed(p.contents, contents), saved: l.Saved}
	for _, name := range e.Files {
		// A file that was written in several pieces was saved when the last of them was.
		if info, err := os.Stat(name); err == nil && info.ModTime().After(e.saved) && info.ModTime().Before(time.Now()) {
			e.saved = info.ModTime()
		}
	}
	p.contents = contents
	p.snap = p.store.Load(contents)
	e.Snapshot, e.Version, e.Changes = p.snap, p.snap.Version, p.snap.Changes
	e.New = p.freshLocked()
	change, err := p.serveLocked()
	e.Err = err
	snap := p.snap
	p.mu.Unlock()

	p.rouse()
	p.o.Changed(snap)
	p.announcer.announce(ctx, e, change.Version)
}

// freshLocked returns the findings that were not told yet, and keeps in mind those that stand.
func (p *Pipeline) freshLocked() []diagnostic.Diagnostic {
	known := make(map[string]bool, len(p.snap.Found))
	var fresh []diagnostic.Diagnostic
	for _, d := range p.snap.Found {
		text := d.String()
		known[text] = true
		if !p.known[text] {
			fresh = append(fresh, d)
		}
	}
	p.known = known
	return fresh
}

// changed lists the files that are new, different or gone, in order.
func changed(before, after directory.Contents) []string {
	names := maps.Clone(after)
	if names == nil {
		names = directory.Contents{}
	}
	maps.Copy(names, before)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool {
		a, had := before[name]
		b, has := after[name]
		return had && has && bytes.Equal(a, b)
	})
}
