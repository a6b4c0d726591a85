package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/xds/frontend/golden"
)

// Each file of testdata is a set of objects: what is wrong with it, and what serves all the same.
func TestWhatIsWrongIsToldAndTheRestServes(t *testing.T) {
	golden.Files(t, "*.yaml", func(_ *testing.T, file string, src []byte) string {
		snap := New(Options{Askable: true}).Load(map[string][]byte{file: src})
		return golden.Found(snap.Found, src) + serves(snap)
	})
}

func serves(s *Snapshot) string {
	var b strings.Builder
	for _, m := range s.Models {
		fmt.Fprintf(&b, "serves model %s\n", m.Name)
	}
	for _, g := range s.Graphs {
		fmt.Fprintf(&b, "serves graph %s\n", g.Name)
	}
	return b.String()
}
