package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/xds/client"
)

// BenchmarkASaveAmongAThousandGraphs is the time from a save to the proxy's ACK, the quiet time of the watch included.
func BenchmarkASaveAmongAThousandGraphs(b *testing.B) {
	var all strings.Builder
	for i := range 999 {
		fmt.Fprintf(&all, "---\napiVersion: millrace.io/v1alpha1\nkind: InferenceGraph\nmetadata: {name: g%d}\nspec:\n  graph: {split: {x: {weight: 90, to: a}, y: {weight: 10, to: a | b}}}\n", i)
	}
	for name, whole := range map[string]bool{"one file of its own": false, "all in one file": true} {
		b.Run(name, func(b *testing.B) {
			files := map[string]string{"triage.yaml": objects, "rest.yaml": all.String()}
			if whole {
				files = map[string]string{"triage.yaml": objects + all.String()}
			}
			h := open(b, files, nil)
			h.next(b)
			n := &node{has: map[string]client.Resource{}}
			h.join(b, n)
			i := 0
			for b.Loop() {
				i++
				h.save(b, "triage.yaml", strings.Replace(files["triage.yaml"], "weight: 90", fmt.Sprintf("weight: %d", 1000+i), 1))
				if e := h.next(b); len(e.Changes) != 1 || len(e.Late) > 0 {
					b.Fatalf("%s", h.text(e))
				}
			}
		})
	}
}
