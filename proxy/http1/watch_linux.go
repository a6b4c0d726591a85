package http1

import (
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// The connections' clients are watched by one epoll of the process beside the runtime's: the runtime's tells nothing about
// a connection that nobody reads, and one that is read may have a pipelined request before its end. A connection is
// registered once, for EPOLLRDHUP alone and edge-triggered, so that it costs nothing per request.
//
// The epoll's own descriptor is polled by the runtime; the one goroutine that serves it holds no thread, and exists
// while there are connections.
var watchers struct {
	mu      sync.Mutex
	current *watcher
}

// watcher is one epoll; conns and next are guarded by watchers.mu.
type watcher struct {
	epfd  int
	file  *os.File // owns epfd
	conns map[uint64]*leaveContext
	next  uint64
}

// watch has c.leave called when the peer of conn closes it or its sending side. stop ends that and must be called before
// the connection is closed. Where conn has no socket, nothing is watched: reading and writing notice the end then.
func watch(conn net.Conn, c *leaveContext) (stop func()) {
	raw := rawConn(conn)
	if raw == nil {
		return func() {}
	}
	w, id, err := register(c)
	if err != nil {
		return func() {}
	}
	var ctlErr error
	err = raw.Control(func(fd uintptr) {
		ev := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
		ctlErr = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_ADD, int(fd), &ev)
	})
	if err != nil || ctlErr != nil {
		w.remove(id)
		return func() {}
	}
	return func() {
		_ = raw.Control(func(fd uintptr) { _ = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_DEL, int(fd), nil) })
		w.remove(id)
	}
}

// register gives c an id with the current watcher, which is started where there is none.
func register(c *leaveContext) (*watcher, uint64, error) {
	watchers.mu.Lock()
	defer watchers.mu.Unlock()
	w := watchers.current
	if w == nil {
		var err error
		if w, err = newWatcher(); err != nil {
			return nil, 0, err
		}
		watchers.current = w
		go w.run()
	}
	w.next++
	w.conns[w.next] = c
	return w, w.next, nil
}

func newWatcher() (*watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch clients: create an epoll: %w", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // else os.NewFile would not have the runtime poll it
		_ = unix.Close(epfd)
		return nil, fmt.Errorf("watch clients: set the epoll non-blocking: %w", err)
	}
	return &watcher{epfd: epfd, file: os.NewFile(uintptr(epfd), "clients"), conns: map[uint64]*leaveContext{}}, nil
}

// remove forgets a connection and ends the watcher with the last one.
func (w *watcher) remove(id uint64) {
	watchers.mu.Lock()
	delete(w.conns, id)
	last := len(w.conns) == 0
	if last {
		watchers.current = nil
	}
	watchers.mu.Unlock()
	if last {
		_ = w.file.Close() // waits for run to let go of the descriptor, which may need the lock for that
	}
}

func (w *watcher) run() {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	var events [64]unix.EpollEvent
	var gone [len(events)]*leaveContext
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events[:], 0)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return false // until the runtime sees the epoll readable again, or closed
			}
			watchers.mu.Lock()
			for i, ev := range events[:n] {
				gone[i] = w.conns[uint64(uint32(ev.Fd))|uint64(uint32(ev.Pad))<<32]
			}
			watchers.mu.Unlock()
			for i := range gone[:n] {
				if gone[i] != nil {
					gone[i].leave()
				}
				gone[i] = nil
			}
		}
	})
}
