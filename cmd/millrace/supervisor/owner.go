package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listening is the state of a listening socket in /proc/net/tcp.
const listening = "0A"

// Owner names the process that listens on port: its pid and command, as far as /proc tells.
func Owner(port int) string {
	for _, inode := range listeners(port) {
		links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && target == "socket:["+inode+"]" {
				return describe(strings.Split(link, "/")[2])
			}
		}
	}
	return "another process (of another user, or of another namespace)"
}

// listeners returns the inodes of the sockets that listen on port.
func listeners(port int) []string {
	suffix := fmt.Sprintf(":%04X", port)
	var inodes []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], suffix) && f[3] == listening {
				inodes = append(inodes, f[9])
			}
		}
	}
	return inodes
}

// describe is a process as people speak of it: `pid 4711 (python -m http.server)`.
func describe(pid string) string {
	text, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil || len(text) == 0 {
		return "pid " + pid
	}
	command := string(bytes.ReplaceAll(bytes.TrimRight(text, "\x00"), []byte{0}, []byte{' '}))
	if len(command) > 120 {
		command = command[:120] + "…"
	}
	return "pid " + pid + " (" + command + ")"
}

// childrenOf returns the live processes whose parent is pid.
func childrenOf(pid int) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	var children []int
	for _, path := range dirs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// pid (command) state ppid …: the command may have blanks and parentheses of its own.
		_, rest, ok := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
		f := strings.Fields(rest)
		if !ok || len(f) < 2 || f[0] == "Z" || f[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(strings.Split(path, "/")[2]); err == nil {
			children = append(children, child)
		}
	}
	return children
}
