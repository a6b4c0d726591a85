package supervisor

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are chosen below the range from which Linux takes the source ports of outgoing connections (32768 up), so that
// no connection takes one between its choice and the server's bind.
const (
	firstPort = 20000
	portCount = 10000
)

// ports hands out free ports, each to one holder at a time.
type ports struct {
	mu   sync.Mutex // guards held
	held map[int]struct{}
}

// take returns the ports called names: the fixed ones, else those of last if they are still free, else fresh ones.
// The caller gives them back with release.
func (p *ports) take(names []string, fixed, last map[string]int) (map[string]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := make(map[string]int, len(names))
	for _, name := range names {
		port, err := p.one(fixed[name], last[name])
		if err != nil {
			for _, port := range got {
				delete(p.held, port)
			}
			return nil, err
		}
		p.held[port] = struct{}{}
		got[name] = port
	}
	return got, nil
}

func (p *ports) release(ports map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range ports {
		delete(p.held, port)
	}
}

// one finds a port; mu is held.
func (p *ports) one(fixed, last int) (int, error) {
	if fixed != 0 {
		if !free(fixed) {
			return 0, fmt.Errorf("port %d is taken by %s; stop it, or leave the port out to have one chosen", fixed, Owner(fixed))
		}
		return fixed, nil
	}
	if last != 0 && p.free(last) {
		return last, nil
	}
	offset := rand.IntN(portCount)
	for i := range portCount {
		if port := firstPort + (offset+i)%portCount; p.free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port from %d to %d is free", firstPort, firstPort+portCount-1)
}

func (p *ports) free(port int) bool {
	_, held := p.held[port]
	return !held && free(port)
}

// free says whether port can be bound on the loopback interface, which no listener on all interfaces allows either.
func free(port int) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
