package store

import (
	"slices"
	"strings"
	"testing"
)

const discovering = `
apiVersion: millrace.io/v1alpha1
kind: Server
metadata: {name: mls}
spec: {protocol: oip, urls: ["http://127.0.0.1:9"], models: discover}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: vader}
spec: {server: mls, model: vader, inputs: {text: {tensor: TXT, type: string}}}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: g}
spec: {graph: vader + lang-id}
`

func TestModelsThatAServerSaysItHasServeUnderNamesThatNothingElseHas(t *testing.T) {
	s := New(Options{Askable: true})
	files := map[string][]byte{"f.yaml": []byte(discovering)}
	first := s.Load(files)
	if !first.Failed() || len(first.Graphs) != 0 {
		t.Fatalf("the graph serves before its model is known: %v", first.Found)
	}
	if !s.SetDiscovered("default/mls", []string{"lang id", "vader"}) || s.SetDiscovered("default/mls", []string{"lang id", "vader"}) {
		t.Fatal("what is news and what is not is mixed up")
	}
	second := s.Load(files)
	if second.Failed() || len(second.Graphs) != 1 || len(second.Models) != 2 {
		t.Fatalf("found %v, %d graphs, %d models", second.Found, len(second.Graphs), len(second.Models))
	}
	var texts []string
	for _, c := range second.Changes {
		texts = append(texts, c.Text)
	}
	if got := strings.Join(texts, "; "); !strings.Contains(got, "found model lang-id of mls") || !strings.Contains(got, "added inferenceGraph g") {
		t.Errorf("changes: %s", got)
	}
	for _, m := range second.Models {
		if m.Name == "vader" && m.Contract == nil {
			t.Error("the declared model lost its contract to the discovered one")
		}
		if m.Name == "lang-id" && m.Remote != "lang id" {
			t.Errorf("lang-id is called %q at its server", m.Remote)
		}
	}
	s.SetDiscovered("default/mls", []string{"vader"})
	third := s.Load(files)
	if !slices.ContainsFunc(third.Changes, func(c Change) bool { return c.Text == "lost model lang-id of mls" }) {
		t.Errorf("changes: %v", third.Changes)
	}
}
