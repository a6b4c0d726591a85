package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/graph/diagnostic"
)

// codeForm is what an error code looks like.
var codeForm = regexp.MustCompile(`(?i)^mr\d+$`)

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | CODE]",
		Short: "Explain a command or an error code",
		Long: `Explain a command, or an error code such as MR203: what it means, why it is so, and what to do. "millrace help codes" lists
all codes.`,
		Example:           "  millrace help up\n  millrace help MR203\n  millrace help codes",
		ValidArgsFunction: completeHelp,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && codeForm.MatchString(args[0]):
				return explainCode(c.OutOrStdout(), args[0])
			case len(args) == 1 && args[0] == "codes":
				for _, e := range diagnostic.All() {
					fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", e.Code, e.Title)
				}
				return nil
			}
			of, _, err := c.Root().Find(args)
			if err != nil {
				return &usageError{err, c.Root()}
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

func explainCode(w io.Writer, code string) error {
	e, ok := diagnostic.Explain(code)
	if !ok {
		return fmt.Errorf("help %s: there is no such code; `millrace help codes` lists them", strings.ToUpper(code))
	}
	_, err := fmt.Fprintf(w, "%s: %s\n\n%s\n", e.Code, e.Title, strings.TrimSpace(e.Text))
	return err
}

func completeHelp(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var all []string
	if len(args) == 0 {
		for _, sub := range c.Root().Commands() {
			if sub.IsAvailableCommand() {
				all = append(all, sub.Name()+"\t"+sub.Short)
			}
		}
		for _, e := range diagnostic.All() {
			all = append(all, string(e.Code)+"\t"+e.Title)
		}
	}
	slices.Sort(all)
	return all, cobra.ShellCompDirectiveNoFileComp
}
