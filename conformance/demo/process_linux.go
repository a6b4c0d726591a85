package main

import "syscall"

// attributes make the process a group of its own, so that a Ctrl-C is the demo's to handle. It stops when the demo is gone,
// killed as well, unless it is to be kept.
func attributes(keep bool) *syscall.SysProcAttr {
	if keep {
		return &syscall.SysProcAttr{Setsid: true}
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
