package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/source/discover"
)

// lookAgain is how often servers with `models: discover` are asked again: a model that is put into a repository serves soon.
const lookAgain = 2 * time.Second

// discover keeps asking servers for their models until ctx ends.
func (p *Pipeline) discover(ctx context.Context) {
	client := &http.Client{Timeout: lookAgain, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		for _, t := range p.discoverable() {
			names, err := discover.Models(ctx, client, t.base)
			if err == nil {
				p.discovered(ctx, t.server, names)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.look:
		}
	}
}

// AwaitDiscovered waits until every server with `models: discover` has said which models it has, and returns those that have
// not within that time, or by the end of ctx.
func (p *Pipeline) AwaitDiscovered(ctx context.Context, within time.Duration) []string {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		p.mu.Lock()
		silent := p.store.Undiscovered()
		heard := p.heard
		p.mu.Unlock()
		if len(silent) == 0 {
			return nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return silent
		}
	}
}

// target is a server to be asked.
type target struct{ server, base string }

// discoverable lists the servers whose object says `models: discover` and that have an address.
func (p *Pipeline) discoverable() []target {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.snap == nil {
		return nil
	}
	var out []target
	for _, s := range p.snap.Servers {
		if !s.Discover {
			continue
		}
		full := s.Namespace + "/" + s.Name
		bound := p.snap.Server(s.Namespace, s.Name)
		for _, u := range bound.URLs {
			if u.Transport == frontend.REST && !u.TLS {
				out = append(out, target{full, fmt.Sprintf("http://%s:%d%s", u.Host, u.Port, bound.Prefix)})
				break
			}
		}
		if len(bound.URLs) > 0 {
			continue
		}
		for _, a := range p.running[p.snap.Place(bound)] {
			if a.REST.IsValid() {
				out = append(out, target{full, "http://" + a.REST.String() + bound.Prefix})
				break
			}
		}
	}
	return out
}

// discovered takes in what a server says it has.
func (p *Pipeline) discovered(ctx context.Context, server string, names []string) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.mu.Lock()
	if !p.store.SetDiscovered(server, names) {
		p.mu.Unlock()
		return
	}
	close(p.heard)
	p.heard = make(chan struct{})
	e := Event{saved: time.Now()}
	p.snap = p.store.Load(p.contents)
	e.Snapshot, e.Version, e.Changes = p.snap, p.snap.Version, p.snap.Changes
	e.New = p.freshLocked()
	change, err := p.serveLocked()
	e.Err = err
	snap := p.snap
	p.mu.Unlock()
	p.o.Changed(snap)
	p.announcer.announce(ctx, e, change.Version)
}
