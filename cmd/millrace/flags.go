package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
)

// bindFlag adds --bind.
func bindFlag(c *cobra.Command, bind *string) {
	c.Flags().StringVar(bind, "bind", "", "a binding file, in place of the millrace.local.yaml beside the objects")
}

// complete offers values for a flag in the shell.
func complete(c *cobra.Command, flag string, values ...string) {
	// The error is of a flag that does not exist, which the tests would show.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// addressFlag is a flag with an address such as 127.0.0.1:8080.
type addressFlag struct{ netip.AddrPort }

// String is the address; empty where there is none.
func (a *addressFlag) String() string {
	if !a.IsValid() {
		return ""
	}
	return a.AddrPort.String()
}

// Type names the value in the help.
func (a *addressFlag) Type() string { return "ADDRESS" }

// Set takes HOST:PORT, with `localhost` and an empty host for all interfaces as people write them.
func (a *addressFlag) Set(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is not an address; write it as 127.0.0.1:8080, port 0 for a free one", text)
	}
	switch host {
	case "localhost":
		host = "127.0.0.1"
	case "":
		host = "0.0.0.0"
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("%q is not an address; write it as 127.0.0.1:8080, port 0 for a free one", text)
	}
	a.AddrPort = at
	return nil
}

// levels are Envoy's names of log levels.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "warn": slog.LevelWarn,
	"error": slog.LevelError, "critical": slog.LevelError + 4, "off": slog.LevelError + 100,
}

// levelFlag is a flag with a log level.
type levelFlag struct{ level slog.Level }

func (l *levelFlag) String() string {
	for _, name := range levelNames {
		if levels[name] == l.level {
			return name
		}
	}
	return l.level.String()
}

// Type names the value in the help.
func (l *levelFlag) Type() string { return "LEVEL" }

// Set takes one of the names.
func (l *levelFlag) Set(text string) error {
	level, ok := levels[strings.ToLower(text)]
	if !ok {
		return fmt.Errorf("there is no level %q; there are %s", text, strings.Join(levelNames, ", "))
	}
	l.level = level
	return nil
}

var levelNames = []string{"trace", "debug", "info", "warning", "error", "critical", "off"}

// levelFlags adds --log-level.
func levelFlags(c *cobra.Command, l *levelFlag, shorthand string) {
	c.Flags().VarP(l, "log-level", shorthand, "what is logged: "+strings.Join(levelNames, ", "))
	complete(c, "log-level", levelNames...)
}

// logger returns a log of level and above.
func logger(w io.Writer, l levelFlag) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l.level}))
}
