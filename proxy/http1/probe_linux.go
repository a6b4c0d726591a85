package http1

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// probe asks the socket of a ClientConn about its peer. Its functions for the descriptor are bound once, so that asking
// allocates nothing. It is used under the connection's lock or by the goroutine that receives.
type probe struct {
	c     *ClientConn
	byte  [1]byte
	look  func(fd uintptr)
	fresh bool // what look found
}

func (p *probe) init(c *ClientConn) {
	p.c = c
	if p.look = p.peek; !c.plain {
		p.look = p.state
	}
}

// alive tells whether an idle connection can take a request: the peer has neither closed it nor sent what nobody asked for.
func (p *probe) alive() bool {
	if p.c.raw == nil {
		return true
	}
	p.fresh = false
	return p.c.raw.Control(p.look) == nil && p.fresh
}

// peek expects that there is nothing to read, not even the end.
func (p *probe) peek(fd uintptr) {
	// unix.Recvfrom would allocate an address; a call that never waits needs no word to the scheduler.
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p.byte)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	p.fresh = errno == unix.EAGAIN || errno == unix.EINTR
}

// state serves connections under TLS, where bytes may wait that are no answer (session tickets).
func (p *probe) state(fd uintptr) {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	p.fresh = err != nil || info.State == unix.BPF_TCP_ESTABLISHED
}

// acked returns how many bytes of ours the peer's kernel has acknowledged over the connection's life.
func (p *probe) acked() (n uint64, ok bool) {
	if p.c.raw == nil {
		return 0, false
	}
	err := p.c.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n, ok = info.Bytes_acked, true
		}
	})
	return n, ok && err == nil
}
