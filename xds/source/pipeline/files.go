package pipeline

import (
	"path"
	"path/filepath"

	"github.com/millrace/millrace/xds/source/binding"
	"github.com/millrace/millrace/xds/source/directory"
	"github.com/millrace/millrace/xds/source/store"
)

// Files says where objects are read from.
type Files struct {
	// Paths are files, and directories with their YAML and JSON files.
	Paths []string
	// Bind is a binding file that takes the place of those that lie beside the objects; empty: those are read.
	Bind string
}

// Load reads f once and returns what would serve, with all that is wrong. The error is of reading files.
func Load(f Files, o store.Options) (*store.Snapshot, error) {
	contents, err := directory.Read(f.all(), f.extra()...)
	if err != nil {
		return nil, err
	}
	o.Binding = f.binding()
	return store.New(o).Load(f.choose(contents)), nil
}

// all lists what is read.
func (f Files) all() []string {
	if f.Bind == "" {
		return f.Paths
	}
	return append(f.Paths[:len(f.Paths):len(f.Paths)], f.Bind)
}

// extra lists what is read where it lies beside a path.
func (f Files) extra() []string {
	if f.Bind == "" {
		return []string{binding.FileName}
	}
	return nil
}

// binding is the name of the binding file among the contents.
func (f Files) binding() string { return filepath.ToSlash(f.Bind) }

// choose leaves out the bindings that Bind replaces, and Bind itself where a directory has it a second time.
func (f Files) choose(contents directory.Contents) directory.Contents {
	if f.Bind == "" {
		return contents
	}
	bind, _ := filepath.Abs(f.Bind)
	out := make(directory.Contents, len(contents))
	for name, text := range contents {
		at, _ := filepath.Abs(name)
		if name != f.binding() && (at == bind || path.Base(name) == binding.FileName) {
			continue
		}
		out[name] = text
	}
	return out
}
