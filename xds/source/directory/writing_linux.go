package directory

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// beingWritten tells whether someone has f open for writing: a lease for reading is refused then. While f holds the lease, a
// writer waits in open(2); closing f ends it. Where leases are not possible, nothing is known and the answer is no.
func beingWritten(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	writing := false
	_ = raw.Control(func(fd uintptr) {
		_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
		writing = errors.Is(err, unix.EAGAIN)
	})
	return writing
}
