package local

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
)

// Listen listens at an address that a flag gave. A port that is taken is an error that names its owner.
func Listen(flag string, at netip.AddrPort) (net.Listener, error) {
	lis, err := net.Listen("tcp", at.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is taken by %s; stop it, or choose another with %s (port 0 picks a free one)", at, supervisor.Owner(int(at.Port())), flag)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; choose another address with %s", at, errors.Unwrap(err), flag)
	}
	return lis, nil
}

// free finds out early that somebody else will listen at an address.
func free(flag string, at netip.AddrPort) error {
	lis, err := Listen(flag, at)
	if err != nil {
		return err
	}
	return lis.Close()
}
