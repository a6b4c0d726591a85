package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/message"
)

func TestPlansGiveWhatTheNaiveEvaluatorGives(t *testing.T) {
	for range 10 { // ten times as many graphs as rapid takes by itself
		rapid.Check(t, func(rt *rapid.T) { bothWays(t, rt) })
	}
}

// bothWays runs one random graph both ways.
func bothWays(t *testing.T, rt *rapid.T) {
	g := generator{t: rt}
	root := g.part(4)
	n := &naive{models: scripts(rt), delays: delays(rt), cancel: never, partial: rapid.IntRange(0, 4).Draw(rt, "partial") == 0}
	if rapid.IntRange(0, 2).Draw(rt, "cancel") == 0 {
		n.cancel = time.Duration(rapid.IntRange(0, 3_000_000_000).Draw(rt, "cancel after"))
	}
	want := n.eval(root, value{text: "q", plain: true}, value{text: "q", plain: true}, 0, never)
	p := compile(t, root, nil)
	wrong := ""
	synctest.Test(t, func(t *testing.T) {
		f := newFake(n.models)
		f.delays = n.delays
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if n.cancel == 0 {
			cancel()
		} else if n.cancel < never {
			defer time.AfterFunc(n.cancel, cancel).Stop()
		}
		run := (&engine.Engine{Servers: f}).NewRun(ctx)
		run.Partial = n.partial
		m, err := engine.Execute(run, p, text("q"))
		end := time.Since(f.started)
		got := ""
		if err != nil {
			fl := err.(*message.Failure)
			got = fmt.Sprintf("failed %s %d", fl.Part, fl.Kind)
		} else {
			got = tolerated(render(m))
		}
		expected := want.value.text
		if want.failed != "" {
			expected = "failed " + want.failed
		}
		if got != expected && !n.tied {
			wrong = fmt.Sprintf("reply\n got  %s\n want %s", got, expected)
		}
		if calls := sorted(f.calls); !slices.Equal(calls, sorted(want.calls)) && !n.tied {
			wrong = fmt.Sprintf("calls\n got  %v\n want %v", calls, sorted(want.calls))
		}
		if f.open != 0 {
			wrong = fmt.Sprintf("%d calls were never waited for", f.open)
		}
		if end != want.end && !n.tied {
			wrong = fmt.Sprintf("ended after %v, want %v", end, want.end)
		}
		run.Close()
	})
	if wrong != "" {
		rt.Fatalf("%s\nof %s", wrong, shown(root))
	}
}

func sorted(calls []asked) []asked {
	calls = slices.Clone(calls)
	slices.SortFunc(calls, func(a, b asked) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.model, b.model)
	})
	return calls
}

// tolerated shortens the value of a tolerated failure to its status, which is all the naive evaluator knows of it.
func tolerated(s string) string {
	for {
		i := strings.Index(s, ` {"error":`)
		if i < 0 {
			return s
		}
		j := strings.Index(s[i:], "}")
		s = s[:i-3] + "tolerated " + s[i-3:i] + s[i+j+1:]
	}
}
