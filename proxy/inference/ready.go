package inference

import (
	"time"

	"github.com/millrace/millrace/graph/engine"
)

// WaitAny implements engine.Servers. Replies over plain HTTP/1.1 are told apart by polling their sockets together; the
// goroutine waits in the runtime's poller and blocks no thread. Where a reply cannot be polled (HTTP/2, TLS, a connection
// that is still being made), it is the one to wait for.
func (servers) WaitAny(list []engine.Pending) int {
	set := waitSets.Get().(*waitSet)
	defer waitSets.Put(set)
	set.fds = set.fds[:0]
	var deadline time.Time
	for i, e := range list {
		p := e.(*pending)
		if p.call == nil {
			return i
		}
		fd := p.call.FD()
		if fd < 0 {
			return i
		}
		if !p.deadline.IsZero() && (deadline.IsZero() || p.deadline.Before(deadline)) {
			deadline = p.deadline
		}
		set.fds = append(set.fds, fd)
	}
	return set.wait(deadline)
}
