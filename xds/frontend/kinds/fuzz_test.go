package kinds

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/api/algebra"
	"github.com/millrace/millrace/xds/frontend/document"
)

// Whatever a file holds, reading it ends, with objects or with reasons; and what is read can be sent.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"../own/testdata/*.yaml", "../seldon/testdata/*.yaml", "../kserve/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		docs, _ := document.Parse("f.yaml", src)
		for _, doc := range docs {
			o := Read(doc)
			if (o.Objects == nil) != diagnostic.Fatal(o.Found) {
				t.Fatalf("objects %v, found %v", o.Objects, o.Found)
			}
			for _, d := range o.Found {
				if !d.Pos.Known() || d.Message == "" {
					t.Errorf("no place or no words: %+v", d)
				}
				if _, ok := diagnostic.Explain(string(d.Code)); !ok {
					t.Errorf("%s is not explained", d.Code)
				}
				document.Render(d, src)
			}
			if o.Objects == nil {
				continue
			}
			for _, g := range o.Objects.Graphs {
				if _, found := algebra.DecodeGraph(algebra.EncodeGraph(g.Graph, g.Address)); len(found) > 0 {
					t.Errorf("a graph that was read is refused: %v", found)
				}
			}
		}
	})
}
