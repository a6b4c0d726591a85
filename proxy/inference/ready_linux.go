package inference

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waitSet polls several sockets at once: an epoll of its own, whose descriptor the runtime's poller watches.
type waitSet struct {
	epoll int
	file  *os.File
	raw   syscall.RawConn
	fds   []int
	event [1]unix.EpollEvent
	ready int
	poll  func(uintptr) bool
}

var waitSets = sync.Pool{New: func() any { return newWaitSet() }}

func newWaitSet() *waitSet {
	s := &waitSet{epoll: -1}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return s
	}
	if unix.SetNonblock(fd, true) != nil {
		_ = unix.Close(fd)
		return s
	}
	s.epoll, s.file = fd, os.NewFile(uintptr(fd), "epoll")
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		s.epoll = -1
		return s
	}
	// The file closes its descriptor when the pool drops the set: os.File has a finalizer.
	s.poll = func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), s.event[:], 0) // returns at once, so that no signal interrupts it
		if n > 0 {
			s.ready = int(s.event[0].Fd)
		}
		return n > 0 || err != nil
	}
	return s
}

// wait returns the index of a socket that has something to read or is closed; 0 where it cannot tell or time is over.
func (s *waitSet) wait(deadline time.Time) int {
	if s.epoll < 0 {
		return 0
	}
	added := 0
	defer func() {
		for _, fd := range s.fds[:added] {
			_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, fd, nil)
		}
	}()
	for i, fd := range s.fds {
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(i)}
		if unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &e) != nil {
			return i
		}
		added++
	}
	if s.file.SetReadDeadline(deadline) != nil {
		return 0
	}
	s.ready = 0
	if s.raw.Read(s.poll) != nil {
		return 0
	}
	return s.ready
}
