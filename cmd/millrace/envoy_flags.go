package main

import (
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Envoy's flags that tune what is not there: hot restart, worker threads, its log's form, its treatment of unknown fields. An
// agent passes them, so they are taken.
var (
	idleValues = []string{
		"base-id", "base-id-path", "bootstrap-version", "component-log-level", "concurrency", "drain-strategy", "file-flush-interval-msec",
		"file-flush-min-size-kb", "local-address-ip-version", "log-format", "log-path", "parent-shutdown-time-s", "restart-epoch",
		"socket-mode", "socket-path", "stats-tag",
	}
	idleSwitches = []string{
		"allow-unknown-fields", "allow-unknown-static-fields", "cpuset-threads", "disable-hot-restart", "enable-core-dump",
		"enable-fine-grain-logging", "ignore-unknown-dynamic-fields", "log-format-escaped", "reject-unknown-dynamic-fields",
		"skip-deprecated-logs", "skip-hot-restart-on-no-parent", "skip-hot-restart-parent-stats", "use-dynamic-base-id",
	}
)

// idleFlags adds them, out of sight.
func idleFlags(c *cobra.Command) {
	for _, name := range idleValues {
		c.Flags().StringArray(name, nil, "no effect")
	}
	for _, name := range idleSwitches {
		c.Flags().Bool(name, false, "no effect")
	}
	idle(c, func(f *pflag.Flag) { f.Hidden = true })
}

// sayIdle logs those that were given.
func sayIdle(c *cobra.Command, log *slog.Logger) {
	idle(c, func(f *pflag.Flag) {
		if f.Changed {
			log.Info("flag without effect", "flag", "--"+f.Name)
		}
	})
}

func idle(c *cobra.Command, do func(*pflag.Flag)) {
	for _, names := range [][]string{idleValues, idleSwitches} {
		for _, name := range names {
			do(c.Flags().Lookup(name))
		}
	}
}
