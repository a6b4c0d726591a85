package system

import "syscall"

// attributes make the process a group of its own, which ends when the tests do, killed ones as well.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
