package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/report"
	"github.com/millrace/millrace/xds/source/pipeline"
	"github.com/millrace/millrace/xds/source/store"
)

func checkCommand() *cobra.Command {
	var format, bind string
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Say what is wrong with files of objects, and where",
		Long: `Check files and directories of objects: YAML, fields, references, and every graph by the plan compiler. Each finding has a
code, a place, the source line with a caret, and what to do; "millrace help CODE" explains a code.

It exits with 1 where there is an error; warnings alone are well.`,
		Example: `  millrace check triage.yaml
  millrace check deploy/samples --bind staging.yaml
  millrace check deploy/samples --format sarif > findings.sarif`,
		Args: atLeast(1, "FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "json", "sarif"}, format) {
				return &usageError{fmt.Errorf("check --format %s: there are text, json and sarif", format), c}
			}
			return check(c, pipeline.Files{Paths: args, Bind: bind}, format)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, json or sarif")
	bindFlag(c, &bind)
	complete(c, "format", "text", "json", "sarif")
	return c
}

// check reports on files.
func check(c *cobra.Command, files pipeline.Files, format string) error {
	snap, err := pipeline.Load(files, store.Options{Askable: true, Local: true})
	var found []diagnostic.Diagnostic
	source := func(string) []byte { return nil }
	switch {
	case err != nil:
		found = []diagnostic.Diagnostic{{Code: document.CodeUnread, Message: err.Error()}}
	case len(snap.Found) == 0 && len(snap.Servers)+len(snap.Models)+len(snap.Graphs) == 0:
		found = []diagnostic.Diagnostic{{Code: document.CodeUnread, Message: "there is no object in these files", Remedy: "name files, or directories with *.yaml, *.yml or *.json files"}}
	default:
		found, source = snap.Found, snap.Source
	}
	if err := report.Write(c.OutOrStdout(), format, found, source); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	failed := slices.ContainsFunc(found, func(d diagnostic.Diagnostic) bool { return d.Severity == diagnostic.Error })
	if format == "text" && !failed {
		fmt.Fprintf(c.OutOrStdout(), "no errors; %s that can be asked\n", pipeline.Summary(snap))
	}
	if failed {
		return errSaid
	}
	return nil
}
