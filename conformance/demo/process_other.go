//go:build !linux

package main

import "syscall"

// attributes make the process a group of its own, so that a Ctrl-C is the demo's to handle.
func attributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
