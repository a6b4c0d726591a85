package contender

import "syscall"

// attributes make the process a group of its own, which ends when this one does.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func kill(group int) error { return syscall.Kill(-group, syscall.SIGKILL) }
