package server

import (
	"context"
	"slices"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"

	"github.com/millrace/millrace/xds/status"
)

// peer is the client at the other end of one stream. To the library it is both the cache and the callbacks of that
// stream, so that a watch and what was sent and answered meet in one place.
type peer struct {
	server *Server
	// incremental says which of the two protocols the stream speaks.
	incremental bool
	since       time.Time

	// Set by the stream's goroutine with the first request, read by others only where the group's mu is held.
	node  *core.Node
	group *group

	// Guarded by group.mu. Feeds are in the order of the first requests.
	feeds []*feed
}

var (
	_ cache.ConfigWatcher = (*peer)(nil)
	_ delta.Callbacks     = (*peer)(nil)
	_ sotw.Callbacks      = (*peer)(nil)
)

// feedLocked returns the peer's feed of a type; nil if it never asked.
func (p *peer) feedLocked(typeURL string) *feed {
	i := slices.IndexFunc(p.feeds, func(f *feed) bool { return f.typeURL == typeURL })
	if i < 0 {
		return nil
	}
	return p.feeds[i]
}

// openLocked returns the feed of a type, which is created if it is new, and the type.
func (p *peer) openLocked(typeURL string) (*feed, *served, error) {
	s, err := p.group.typeLocked(typeURL)
	if err != nil {
		return nil, nil, err
	}
	f := p.feedLocked(typeURL)
	if f == nil {
		f = &feed{
			typeURL:  typeURL,
			deltaBox: make(chan cache.DeltaResponse, 1),
			sotwBox:  make(chan cache.Response, 1),
		}
		p.feeds = append(p.feeds, f)
	}
	f.dropLocked()
	return f, s, nil
}

// CreateDeltaWatch waits for what the client does not have yet.
func (p *peer) CreateDeltaWatch(req *cache.DeltaRequest, sub cache.Subscription, out chan cache.DeltaResponse) (func(), error) {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	f, s, err := p.openLocked(req.GetTypeUrl())
	if err != nil {
		return nil, err
	}
	f.deltaOut = out
	cancel, err := s.cache.CreateDeltaWatch(req, asked(req, sub), f.deltaBox)
	if err != nil {
		return nil, err
	}
	return p.watchedLocked(f, cancel), nil
}

// CreateWatch is the same for the state of the world.
func (p *peer) CreateWatch(req *cache.Request, sub cache.Subscription, out chan cache.Response) (func(), error) {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	f, s, err := p.openLocked(req.GetTypeUrl())
	if err != nil {
		return nil, err
	}
	f.sotwOut = out
	var parked *parkedSubscription
	switch {
	case req.GetErrorDetail() != nil:
		parked = &parkedSubscription{Subscription: sub, refused: f.sending}
		req, sub = withVersion(req, f.sent), parked
	case f.watch == 0:
		// The library would say nothing to a node that comes back with a version and whose resources are all gone.
		req = withVersion(req, "")
	}
	cancel, err := s.cache.CreateWatch(req, sub, f.sotwBox)
	if err != nil {
		return nil, err
	}
	if parked != nil {
		parked.armed = true
	}
	return p.watchedLocked(f, cancel), nil
}

// watchedLocked looks whether a new watch was answered at once, and returns what cancels it.
func (p *peer) watchedLocked(f *feed, cancel func()) func() {
	g := p.group
	f.watch++
	watch := f.watch
	f.open = true
	f.peekLocked(g.version)
	f.caughtUpLocked(g.version)
	p.forwardLocked()
	g.changedLocked()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if cancel != nil {
			cancel()
		}
		if f.watch == watch {
			// The library closes the channel of a stream that ends, after it has cancelled all watches.
			f.open = false
			f.dropLocked()
		}
	}
}

// forwardLocked passes on what the caches answered, in the order of the serving.
func (p *peer) forwardLocked() {
	for _, f := range p.feeds {
		f.peekLocked(p.group.version)
		f.forwardLocked(p.group.label(f.fired))
	}
}

// caughtUpLocked notes, after a Set, that the watches which did not fire had nothing to fire for.
func (p *peer) caughtUpLocked() {
	for _, f := range p.feeds {
		f.caughtUpLocked(p.group.version)
	}
}

// request notes a request: the first one says who the client is, and one with a nonce is an answer.
func (p *peer) request(node *core.Node, typeURL, nonce string, errs []ResourceError) {
	if p.group == nil {
		p.node = node
		p.server.join(p)
		p.server.observe(Event{Kind: Connected, Node: p.node.GetId(), Group: p.group.name})
	}
	p.group.mu.Lock()
	f := p.feedLocked(typeURL)
	if f == nil {
		p.group.mu.Unlock()
		return
	}
	fl, ok := f.answerLocked(nonce, errs)
	p.group.mu.Unlock()
	if !ok {
		return
	}
	event := Event{Kind: Accepted, Node: p.node.GetId(), Group: p.group.name, TypeURL: typeURL, Version: fl.version, Took: time.Since(fl.at)}
	if len(errs) > 0 {
		event.Kind, event.Errors = Refused, errs
	}
	p.server.observe(event)
}

// sent notes a response that is about to be sent.
func (p *peer) sent(typeURL string, fl flight) {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	if f := p.feedLocked(typeURL); f != nil {
		fl.at = time.Now()
		f.sent, f.sentAt = fl.version, fl.at
		f.inFlight = append(f.inFlight, fl)
		if len(f.inFlight) > maxInFlight {
			f.inFlight = slices.Delete(f.inFlight, 0, 1)
		}
	}
}

// OnStreamDeltaRequest is called by the library for each request, before its watch is made.
func (p *peer) OnStreamDeltaRequest(_ int64, req *discovery.DeltaDiscoveryRequest) error {
	p.request(req.GetNode(), req.GetTypeUrl(), req.GetResponseNonce(), status.Errors(req.GetErrorDetail()))
	return nil
}

// OnStreamDeltaResponse is called by the library for each response, before it is sent.
func (p *peer) OnStreamDeltaResponse(_ int64, _ *discovery.DeltaDiscoveryRequest, r *discovery.DeltaDiscoveryResponse) {
	names := make([]string, 0, len(r.GetResources())+len(r.GetRemovedResources()))
	for _, res := range r.GetResources() {
		names = append(names, res.GetName())
	}
	names = append(names, r.GetRemovedResources()...)
	p.sent(r.GetTypeUrl(), flight{nonce: r.GetNonce(), version: r.GetSystemVersionInfo(), names: names})
}

// OnStreamRequest is called by the library for each request, before its watch is made.
func (p *peer) OnStreamRequest(_ int64, req *discovery.DiscoveryRequest) error {
	p.request(req.GetNode(), req.GetTypeUrl(), req.GetResponseNonce(), status.Errors(req.GetErrorDetail()))
	return nil
}

// OnStreamResponse is called by the library for each response, before it is sent.
func (p *peer) OnStreamResponse(_ context.Context, _ int64, _ *discovery.DiscoveryRequest, r *discovery.DiscoveryResponse) {
	p.group.mu.Lock()
	var names []string
	if f := p.feedLocked(r.GetTypeUrl()); f != nil {
		names = f.sending
	}
	p.group.mu.Unlock()
	whole := cache.ResourceRequiresFullStateInSotw(r.GetTypeUrl())
	p.sent(r.GetTypeUrl(), flight{nonce: r.GetNonce(), version: r.GetVersionInfo(), whole: whole, names: names})
}

// OnStreamOpen does nothing: the client is known with its first request.
func (p *peer) OnStreamOpen(context.Context, int64, string) error { return nil }

// OnDeltaStreamOpen does nothing, likewise.
func (p *peer) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

// OnStreamClosed is called by the library when the stream ends.
func (p *peer) OnStreamClosed(int64, *core.Node) { p.closed() }

// OnDeltaStreamClosed is called by the library when the stream ends.
func (p *peer) OnDeltaStreamClosed(int64, *core.Node) { p.closed() }

func (p *peer) closed() {
	if p.group == nil {
		return
	}
	p.server.leave(p)
	p.server.observe(Event{Kind: Disconnected, Node: p.node.GetId(), Group: p.group.name})
}
