package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/cmd/millrace/question"
)

// maxText bounds a text that is read from a file, in bytes.
const maxText = 64 << 20

func askCommand(s streams) *cobra.Command {
	q := question.Question{}
	var asJSON bool
	c := &cobra.Command{
		Use:   "ask EXPRESSION TEXT|@FILE",
		Short: "Ask models, graphs and combinations of them",
		Long: `Ask a model, a graph, or any combination: "a+b" asks both, "a|b" gives the answer of a to b. The combination need not be
deployed. @FILE asks about a file's text, @- about standard input.

The answer is a table on a terminal, else JSON.`,
		Example: `  millrace ask sentiment "I love it"
  millrace ask language+sentiment+keywords "The new desk lamp arrived broken"
  millrace ask 'normalise | sentiment' @letter.txt --full
  millrace ask triage "I love it" --json | jq -r .sentiment`,
		Args: between(2, 2, "EXPRESSION and TEXT"),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			q.Expression = args[0]
			if q.Text, err = text(c.InOrStdin(), args[1]); err != nil {
				return err
			}
			answer, err := q.Ask(c.Context())
			if err != nil {
				return err
			}
			return show(c.OutOrStdout(), answer, asJSON, s.terminal)
		},
	}
	f := c.Flags()
	f.StringVar(&q.Field, "field", "text", "the field of the question that TEXT is")
	f.StringVar(&q.Server, "server", "http://127.0.0.1:8080", "where the proxy listens")
	f.BoolVar(&q.Full, "full", false, "every output, not only the answer")
	f.BoolVar(&asJSON, "json", false, "JSON, on a terminal too")
	f.DurationVar(&q.Timeout, "timeout", 30*time.Second, "how long the answer may take")
	return c
}

// text is what an argument says: itself, or what is in the file that it names.
func text(in io.Reader, arg string) (string, error) {
	name, file := strings.CutPrefix(arg, "@")
	if !file {
		return arg, nil
	}
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("ask: %w; a text that begins with @ can be given by @- on standard input", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxText+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("ask: %w", err)
	case len(b) > maxText:
		return "", fmt.Errorf("ask: %s has more than %d MiB", arg, maxText>>20)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// show prints an answer as a person or a program wants it.
func show(w io.Writer, answer []byte, asJSON, terminal bool) error {
	out := []byte(question.Table(answer))
	switch {
	case asJSON && terminal:
		var pretty bytes.Buffer
		if json.Indent(&pretty, bytes.TrimSpace(answer), "", "  ") == nil {
			answer = append(pretty.Bytes(), '\n')
		}
		out = answer
	case asJSON || !terminal:
		out = answer
	}
	_, err := w.Write(out)
	return err
}
