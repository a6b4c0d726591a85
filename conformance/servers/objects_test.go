package servers

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/kinds"
)

// TestTheSamplesAreWholeAndEveryServerHasAPlace reads the samples as any front end does, and holds the binding file against
// them: no server without a place to run, no entry for what is not there.
func TestTheSamplesAreWholeAndEveryServerHasAPlace(t *testing.T) {
	places := make(map[string]bool) // what may be bound; true where it must be
	hosts := make(map[string]bool)
	names := make(map[string]bool)
	for _, file := range []string{"triage.yaml", "topic.yaml", "seldon.yaml", "kserve.yaml"} {
		text, err := os.ReadFile(filepath.Join(samples, file))
		if err != nil {
			t.Fatal(err)
		}
		docs, found := document.Parse(file, text)
		if len(docs) == 0 {
			t.Errorf("%s has no object", file)
		}
		for _, doc := range docs {
			o := kinds.Read(doc)
			found = append(found, o.Found...)
			if o.Objects == nil {
				continue
			}
			for _, s := range o.Objects.Servers {
				if len(s.URLs) > 0 && s.External {
					hosts[s.URLs[0].Host] = true
					continue
				}
				names[s.Name] = true
				places[s.Place] = places[s.Place] || s.Run == nil
			}
		}
		for _, d := range found {
			t.Error(d)
		}
	}
	for host := range hosts {
		if !names[host] {
			t.Errorf("a serviceUrl's host %s is no Server", host)
		}
	}
	text, err := os.ReadFile(filepath.Join(samples, "millrace.local.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var bindings map[string]binding
	if err := yaml.Unmarshal(text, &bindings); err != nil {
		t.Fatal(err)
	}
	for name := range bindings {
		if _, ok := places[name]; !ok {
			t.Errorf("the binding file has %s, which no object declares", name)
		}
	}
	for place, must := range places {
		if _, ok := bindings[place]; must && !ok {
			t.Errorf("%s has no place in the binding file", place)
		}
	}
}
