package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of this program, the revision that it was built from, and the version of Go.",
		Example: "  millrace version",
		Args:    between(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "millrace "+version())
			return err
		},
	}
}

// version is the module's version, revision and Go version as the linker noted them.
func version() string {
	text := "(unknown)"
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" {
		text = info.Main.Version
	}
	if ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				text += " " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				text += " (modified)"
			}
		}
	}
	return text + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
