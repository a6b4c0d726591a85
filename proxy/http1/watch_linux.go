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
	mu      sync.Mutex // guards the fields, not what happens in the watcher
	current *watcher
}

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
	watchers.mu.Lock()
	defer watchers.mu.Unlock()
	w, err := currentWatcher()
	if err != nil {
		return func() {}
	}
	w.next++
	id := w.next
	w.conns[id] = c
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
		watchers.mu.Lock()
		defer watchers.mu.Unlock()
		w.remove(id)
	}
}

// currentWatcher returns the watcher, a new one where there is none. watchers.mu is held.
func currentWatcher() (*watcher, error) {
	if watchers.current != nil {
		return watchers.current, nil
	}
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch clients: create an epoll: %w", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // else os.NewFile would not have the runtime poll it
		_ = unix.Close(epfd)
		return nil, fmt.Errorf("watch clients: set the epoll non-blocking: %w", err)
	}
	w := &watcher{epfd: epfd, file: os.NewFile(uintptr(epfd), "clients"), conns: map[uint64]*leaveContext{}}
	watchers.current = w
	go w.run()
	return w, nil
}

// remove forgets a connection and ends the watcher with the last one. watchers.mu is held.
func (w *watcher) remove(id uint64) {
	delete(w.conns, id)
	if len(w.conns) == 0 {
		watchers.current = nil
		_ = w.file.Close() // ends run
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
