//go:build !linux

package system

import "syscall"

// attributes make the process a group of its own.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
