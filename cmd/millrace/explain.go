package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/xds/frontend/expression"
	"github.com/millrace/millrace/xds/source/pipeline"
	"github.com/millrace/millrace/xds/source/store"
)

func explainCommand() *cobra.Command {
	var format, bind string
	c := &cobra.Command{
		Use:   "explain FILE… [NAME | EXPRESSION]",
		Short: "Show how a graph is run, as a database shows a query plan",
		Long: `Show the plan of a graph: what is called, what runs at once, how much of a request is needed, and for every message why it
passes as it is, is decoded, or is converted. NAME is a graph or a model of the files; an EXPRESSION need not be
deployed. Without either, all graphs are shown.`,
		Example: `  millrace explain deploy/samples triage
  millrace explain deploy/samples 'normalise | language + sentiment'
  millrace explain deploy/samples triage --format mermaid`,
		Args: atLeast(1, "FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(planFormats, plan.Format(format)) {
				return &usageError{fmt.Errorf("explain --format %s: there are text, json, dot and mermaid", format), c}
			}
			files, name := splitName(args)
			snap, err := pipeline.Load(pipeline.Files{Paths: files, Bind: bind}, store.Options{Askable: true, Local: true})
			if err != nil {
				return fmt.Errorf("explain: %w", err)
			}
			return explain(c.OutOrStdout(), c.ErrOrStderr(), snap, name, plan.Format(format))
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, json, dot or mermaid")
	bindFlag(c, &bind)
	complete(c, "format", "text", "json", "dot", "mermaid")
	return c
}

var planFormats = []plan.Format{plan.Text, plan.JSON, plan.Dot, plan.Mermaid}

// splitName takes the last argument as a name where it is no file: a name has no extension of a file of objects.
func splitName(args []string) (files []string, name string) {
	last := args[len(args)-1]
	if _, err := os.Stat(last); len(args) == 1 || err == nil {
		return args, ""
	}
	switch filepath.Ext(last) {
	case ".yaml", ".yml", ".json":
		return args, ""
	}
	return args[:len(args)-1], last
}

// explain shows the plan of name, or of all graphs.
func explain(out, errs io.Writer, snap *store.Snapshot, name string, format plan.Format) error {
	graphs, err := choose(snap, name)
	if err != nil {
		return err
	}
	failed := name == "" && snap.Failed()
	if name == "" {
		for _, d := range snap.Found {
			fmt.Fprintln(errs, snap.Render(d))
		}
	}
	for i, g := range graphs {
		p, found := plan.Compile(g, snap.Resolver())
		if name != "" {
			for _, d := range found {
				fmt.Fprintln(errs, rendered(snap, d, name))
			}
		}
		if p == nil {
			failed = true
			continue
		}
		text, err := plan.Explain(p, format)
		if err != nil {
			return fmt.Errorf("explain %s: %w", g.Name, err)
		}
		if i > 0 && format == plan.Text {
			text = "\n" + text
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	if failed {
		return errSaid
	}
	return nil
}

// rendered shows a finding under its source line; that of an expression is the expression.
func rendered(snap *store.Snapshot, d diagnostic.Diagnostic, text string) string {
	if d.Pos.File != "" || d.Pos.Column == 0 {
		return snap.Render(d)
	}
	column := d.Pos.Column
	d.Pos = ast.Position{}
	return d.String() + "\n    " + text + "\n    " + strings.Repeat(" ", column-1) + "^"
}

// choose returns the graphs that name means: one of the files, else an expression; all where it is empty.
func choose(snap *store.Snapshot, name string) ([]*ast.Graph, error) {
	var all, same []*ast.Graph
	var names []string
	for _, g := range snap.Graphs {
		all = append(all, g.Graph)
		names = append(names, g.Name)
		if g.Name == name || g.Namespace+"/"+g.Name == name {
			same = append(same, g.Graph)
		}
	}
	switch {
	case name == "" && len(all) == 0:
		return nil, errors.New("explain: there is no graph in these files; name a model or an expression, such as language+sentiment")
	case name == "":
		return all, nil
	case len(same) == 1:
		return same, nil
	case len(same) > 1:
		var full []string
		for _, g := range same {
			full = append(full, g.Namespace+"/"+g.Name)
		}
		return nil, fmt.Errorf("explain %s: there are %d of this name; write one of %s", name, len(same), strings.Join(full, ", "))
	}
	part, err := expression.Parse(name, ast.Position{Line: 1, Column: 1})
	var bad *expression.Error
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("explain: %w\n    %s", err, strings.ReplaceAll(bad.Caret(), "\n", "\n    "))
	}
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", name, err)
	}
	if !expression.Is(name) && !strings.Contains(name, "@") && !hasModel(snap, name) {
		for _, m := range snap.Models {
			if !strings.Contains(m.Name, ".") {
				names = append(names, m.Name)
			}
		}
		slices.Sort(names)
		return nil, fmt.Errorf("explain %s: there is no graph and no model of this name; %s", name, contract.Suggest(name, names))
	}
	return []*ast.Graph{{Namespace: namespace(snap), Name: name, Root: part, Origin: "expression", Askable: true}}, nil
}

func hasModel(snap *store.Snapshot, name string) bool {
	for _, m := range snap.Models {
		if m.Name == name {
			return true
		}
	}
	return false
}

// namespace is the one in which an expression's names are looked up: that of the models, where they have one in common.
func namespace(snap *store.Snapshot) string {
	for _, m := range snap.Models {
		if m.Namespace != snap.Models[0].Namespace {
			return "default"
		}
	}
	if len(snap.Models) > 0 {
		return snap.Models[0].Namespace
	}
	return "default"
}
