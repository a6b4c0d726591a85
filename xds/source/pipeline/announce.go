package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/xds/server"
)

// announcer tells events in order, each once the connected proxies have answered for its version.
type announcer struct {
	server   *server.Server
	group    string
	patience time.Duration
	tell     func(Event)
	work     sync.WaitGroup
	last     chan struct{} // closed when the event before was told; whose turn it is has it
}

// announce takes e, whose version at the server is version. It does not wait. Calls do not overlap.
func (a *announcer) announce(ctx context.Context, e Event, version uint64) {
	before, told := a.last, make(chan struct{})
	a.last = told
	a.work.Go(func() {
		defer close(told)
		if !e.First && e.Err == nil && len(e.Changes) > 0 {
			a.await(ctx, &e, version)
		}
		if before != nil {
			<-before
		}
		if ctx.Err() == nil || e.First {
			a.tell(e)
		}
	})
}

// await fills in what became of the version at the proxies.
func (a *announcer) await(ctx context.Context, e *Event, version uint64) {
	connected := slices.ContainsFunc(a.server.Status(), func(n server.NodeStatus) bool { return n.Group == a.group })
	if !connected {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	nodes, err := a.server.Await(ctx, a.group, version)
	e.Nodes, e.Took = nodes, time.Since(e.saved)
	if err == nil {
		return
	}
	for _, n := range nodes {
		if n.Version < version {
			e.Late = append(e.Late, n.Node)
		}
	}
}

// wait waits until everything was told.
func (a *announcer) wait() { a.work.Wait() }
