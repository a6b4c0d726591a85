package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/xds/frontend"
)

const head = "apiVersion: millrace.io/v1alpha1\nkind: "

func server(name string) string {
	return head + "Server\nmetadata: {name: " + name + "}\nspec: {protocol: oip, urls: [\"http://127.0.0.1:9002\"]}\n---\n"
}

func model(name, more string) string {
	return head + "Model\nmetadata: {name: " + name + "}\nspec:\n  server: mls\n" + more + "---\n"
}

func graph(name, text string) string {
	return head + "InferenceGraph\nmetadata: {name: " + name + "}\nspec:\n  graph: " + text + "\n---\n"
}

// world is a store with the files that it loads.
type world struct {
	t     *testing.T
	store *Store
	files map[string][]byte
}

func newWorld(t *testing.T, files map[string]string) (*world, *Snapshot) {
	w := &world{t: t, store: New(Options{Askable: true}), files: map[string][]byte{}}
	for name, text := range files {
		w.files[name] = []byte(text)
	}
	return w, w.store.Load(w.files)
}

// save writes one file; an empty text removes it.
func (w *world) save(name, text string) *Snapshot {
	files := map[string][]byte{}
	for n, src := range w.files {
		files[n] = src
	}
	files[name] = []byte(text)
	if text == "" {
		delete(files, name)
	}
	w.files = files
	return w.store.Load(files)
}

func names(s *Snapshot) string {
	var out []string
	for _, m := range s.Models {
		out = append(out, m.Name)
	}
	for _, g := range s.Graphs {
		out = append(out, g.Name)
	}
	return strings.Join(out, " ")
}

func changes(s *Snapshot) string {
	var out []string
	for _, c := range s.Changes {
		out = append(out, c.File+": "+c.Text)
	}
	return strings.Join(out, "; ")
}

func codes(s *Snapshot) string {
	var out []string
	for _, d := range s.Found {
		out = append(out, string(d.Code))
	}
	return strings.Join(out, " ")
}

func graphOf(s *Snapshot, name string) *frontend.Graph {
	for _, g := range s.Graphs {
		if g.Name == name {
			return g
		}
	}
	return nil
}

var base = server("mls") + model("a", "") + model("b", "") + model("c", "")

func TestASyntaxErrorLosesNothingOfTheFile(t *testing.T) {
	three := graph("x", "a") + graph("y", "b") + graph("z", "c")
	w, first := newWorld(t, map[string]string{"base.yaml": base, "three.yaml": three})
	for name, text := range map[string]string{
		"cut in the second object": three[:len(three)/2] + "{{{",
		"a tab at the start":       "\t" + three,
		"a key without a value":    strings.Replace(three, "kind: InferenceGraph", "kind InferenceGraph", 1),
		"an object without a name": strings.Replace(three, "{name: y}", "{}", 1),
		"a misspelt kind":          strings.Replace(three, "kind: InferenceGraph", "kind: InferenceGrph", 1),
		"nothing but an opener":    "[",
	} {
		s := w.save("three.yaml", text)
		if names(s) != names(first) || !s.Failed() || len(s.Changes) != 0 {
			t.Errorf("%s: serves %s, found %s, changes %q", name, names(s), codes(s), changes(s))
		}
	}
	s := w.save("three.yaml", three+graph("w", "a+b"))
	if s.Failed() || changes(s) != "three.yaml: added inferenceGraph w" {
		t.Errorf("mended: %v %s", s.Found, changes(s))
	}
}

func TestAnEditThatNamesNothingLeavesTheOldGraphServing(t *testing.T) {
	w, first := newWorld(t, map[string]string{"base.yaml": base, "g.yaml": graph("g", "a")})
	s := w.save("g.yaml", graph("g", "a + nobody"))
	if graphOf(s, "g") != graphOf(first, "g") || codes(s) != "MR203" || s.Version != first.Version {
		t.Fatalf("serves %v, found %v", graphOf(s, "g"), s.Found)
	}
	if !strings.Contains(s.Render(s.Found[0]), "graph: a + nobody\n                 ^") {
		t.Error(s.Render(s.Found[0]))
	}
	if g, _ := s.Resolver().Graph("default", "g"); g != graphOf(first, "g").Graph && g.Root != graphOf(first, "g").Root {
		t.Error("names resolve to a graph that does not serve")
	}
	s = w.save("more.yaml", model("nobody", ""))
	if s.Failed() || changes(s) != "g.yaml: +nobody; more.yaml: added model nobody" {
		t.Errorf("the model came: %v %s", s.Found, changes(s))
	}
}

func TestAModelThatNamesNoServerLeavesTheOldOneServing(t *testing.T) {
	w, first := newWorld(t, map[string]string{"base.yaml": base, "m.yaml": model("m", "")})
	s := w.save("m.yaml", strings.Replace(model("m", ""), "mls", "msl", 1))
	if codes(s) != "MR110" || names(s) != names(first) || s.Models[3].Server != "mls" {
		t.Errorf("%s %s", codes(s), names(s))
	}
}

func TestADeletedFileTakesItsObjectsAlong(t *testing.T) {
	w, _ := newWorld(t, map[string]string{"base.yaml": base, "g.yaml": graph("g", "a"), "h.yaml": graph("h", "b")})
	s := w.save("g.yaml", "")
	if graphOf(s, "g") != nil || graphOf(s, "h") == nil || changes(s) != "g.yaml: removed inferenceGraph g" {
		t.Errorf("%s, %s", names(s), changes(s))
	}
}

func TestARenamedObjectIsOneThatGoesAndOneThatComes(t *testing.T) {
	w, _ := newWorld(t, map[string]string{"base.yaml": base, "g.yaml": graph("g", "a")})
	s := w.save("g.yaml", graph("g2", "a"))
	if changes(s) != "g.yaml: removed inferenceGraph g; g.yaml: added inferenceGraph g2" {
		t.Error(changes(s))
	}
}

func TestOfTwoWithOneNameTheOneThatServesGoesOn(t *testing.T) {
	w, first := newWorld(t, map[string]string{"base.yaml": base, "m.yaml": graph("g", "a")})
	for _, file := range []string{"a-comes-first.yaml", "z-comes-last.yaml"} {
		s := w.save(file, graph("g", "b"))
		if graphOf(s, "g") != graphOf(first, "g") || codes(s) != "MR107" || s.Found[0].Pos.File != file || len(s.Changes) != 0 {
			t.Errorf("%s: %v %v", file, s.Found, changes(s))
		}
		s = w.save(file, model("g", ""))
		if graphOf(s, "g") != graphOf(first, "g") || codes(s) != "MR107" || s.Found[0].Pos.File != file {
			t.Errorf("%s, of another kind: %v", file, s.Found)
		}
		w.save(file, "")
	}
	w.save("z.yaml", graph("g", "b"))
	if s := w.save("m.yaml", ""); s.Failed() || changes(s) != "z.yaml: -a, +b" && changes(s) != "z.yaml: +b, -a" {
		t.Errorf("the first one went: %v %s", s.Found, changes(s))
	}
}

func TestMovingTextIsNoChange(t *testing.T) {
	w, first := newWorld(t, map[string]string{"base.yaml": base, "g.yaml": graph("g", "a"), "millrace.local.yaml": "mls: {urls: [\"http://127.0.0.1:1\"]}\n"})
	s := w.save("g.yaml", "# a comment\n\n"+graph("g", "a # here too"))
	s2 := w.save("millrace.local.yaml", "# moved\nmls: {urls: [\"http://127.0.0.1:1\"]}\n")
	s3 := w.save("moved.yaml", graph("g", "a"))
	s4 := w.save("g.yaml", "")
	if len(s.Changes)+len(s2.Changes)+len(s3.Changes)+len(s4.Changes) > 0 || s4.Version != first.Version {
		t.Error(changes(s), changes(s2), changes(s3), changes(s4))
	}
	if got := graphOf(s, "g").Pos.Line; got != 3 {
		t.Errorf("the graph stands at line %d, not 3", got)
	}
	if s := w.save("millrace.local.yaml", "mls: {urls: [\"http://127.0.0.1:2\"]}\n"); changes(s) != "millrace.local.yaml: bindings changed" {
		t.Errorf("a binding changed: %q", changes(s))
	}
}

func TestAChangeIsToldInAFewWords(t *testing.T) {
	split := func(a, b int) string {
		return fmt.Sprintf("{split: {x: {weight: %d, to: a}, y: {weight: %d, to: b}}}", a, b)
	}
	for _, c := range []struct{ before, after, want string }{
		{graph("g", split(90, 10)), graph("g", split(50, 50)), "90/10 → 50/50"},
		{graph("g", "a + b"), graph("g", "a + b + c"), "+c"},
		{graph("g", "a + b"), graph("g", "a"), "-b"},
		{graph("g", "a + b"), graph("g", "a + c"), "+c, -b"},
		{graph("g", "a"), graph("g", "a@2"), "+a@2, -a"},
		{graph("g", split(1, 2)), graph("g", strings.Replace(split(2, 2), "to: b", "to: c", 1)), "1/2 → 2/2, +c, -b"},
		{graph("g", "{call: a, timeout: 1s}"), graph("g", "{call: a, timeout: 2s}"), "changed inferenceGraph g"},
		{model("m", ""), model("m", "  pure: true\n"), "changed model m"},
	} {
		w, _ := newWorld(t, map[string]string{"base.yaml": base, "g.yaml": c.before})
		s := w.save("g.yaml", c.after)
		if changes(s) != "g.yaml: "+c.want || s.Version != 2 {
			t.Errorf("%q, version %d, want %q (%v)", changes(s), s.Version, c.want, s.Found)
		}
	}
}

func TestAnEditedModelRelinksTheGraphsThatNameItAndNoOthers(t *testing.T) {
	w, _ := newWorld(t, map[string]string{
		"base.yaml": base, "m.yaml": model("m", ""), "direct.yaml": graph("direct", "a | m"), "through.yaml": graph("through", "direct + b"), "other.yaml": graph("other", "a + c"),
	})
	before := map[string]*link{}
	for g, l := range w.store.links {
		before[g.Name] = l
	}
	relinked := func() string {
		var out []string
		for g, l := range w.store.links {
			if before[g.Name] != l {
				out = append(out, g.Name)
			}
			before[g.Name] = l
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	w.save("m.yaml", model("m", "  pure: true\n"))
	if got := relinked(); got != "direct through" {
		t.Errorf("relinked: %s", got)
	}
	w.save("other.yaml", graph("other", "a + b"))
	if got := relinked(); got != "other" {
		t.Errorf("relinked after an edit of a graph: %s", got)
	}
	w.save("base.yaml", strings.Replace(base, "9002", "9003", 1))
	if got := relinked(); got != "direct other through" {
		t.Errorf("relinked after an edit of their server: %s", got)
	}
}

func TestAnUnchangedObjectIsTheVerySameAgain(t *testing.T) {
	w, first := newWorld(t, map[string]string{"base.yaml": base, "g.yaml": graph("g", "a"), "h.yaml": graph("h", "b")})
	if !graphOf(first, "g").Askable {
		t.Fatal("it is not askable")
	}
	s := w.save("h.yaml", graph("h", "c"))
	if graphOf(s, "g") != graphOf(first, "g") || s.Models[0] != first.Models[0] || graphOf(s, "h") == graphOf(first, "h") {
		t.Error("what did not change was made anew, or what changed was not")
	}
}

func TestBindingsThatCannotBeAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"mls: {urls: [\"http://127.0.0.1:1\"], command: [x]}": "MR105",
		"mls: {}":                             "MR104",
		"mls: {urls: [5]}":                    "MR105",
		"mls: {comand: [x]}":                  "MR102",
		"msl: {urls: [\"http://127.0.0.1\"]}": "MR110",
		"mls: {server: nowhere}":              "MR110",
		"a: {path: /x}":                       "",
	} {
		_, s := newWorld(t, map[string]string{"base.yaml": base, "millrace.local.yaml": text})
		got := strings.Fields(codes(s))
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", text, s.Found, want)
		}
	}
	w, first := newWorld(t, map[string]string{"base.yaml": base, "millrace.local.yaml": "mls: {urls: [\"http://127.0.0.1:1\"]}"})
	for _, broken := range []string{"mls: {", "mls: {urls: [x]}", "- mls"} {
		if s := w.save("millrace.local.yaml", broken); s.Server("default", "mls").URLs[0].Port != 1 || !s.Failed() {
			t.Errorf("%s: the binding that served is gone: %v", broken, s.Server("default", "mls").URLs)
		}
	}
	if first.Server("default", "mls").URLs[0].Port != 1 {
		t.Error("the binding does not hold")
	}
}

func TestAServiceHostIsTheServerOfThatName(t *testing.T) {
	deployment := "apiVersion: machinelearning.seldon.io/v1\nkind: SeldonDeployment\nmetadata: {name: d}\nspec:\n  predictors:\n    - name: p\n      graph: {name: n, endpoint: {service_host: %s, httpPort: 9000}}\n"
	for host, want := range map[string]string{"mls": "127.0.0.1:9002", "mls.default": "127.0.0.1:9002", "mls.default.svc.cluster.local": "127.0.0.1:9002", "mls.other": "mls.other:9000", "example.com": "example.com:9000"} {
		_, s := newWorld(t, map[string]string{"base.yaml": base, "d.yaml": fmt.Sprintf(deployment, host)})
		srv := s.Server("default", "d.p.n")
		if got := fmt.Sprintf("%s:%d", srv.URLs[0].Host, srv.URLs[0].Port); got != want || srv.Protocol != frontend.Seldon {
			t.Errorf("%s is %s (%s), want %s", host, got, srv.Protocol, want)
		}
	}
}

// BenchmarkLoadOneEditOfAThousand is the control plane's share of the time from saving a file to serving it.
func BenchmarkLoadOneEditOfAThousand(b *testing.B) {
	contract := "  inputs: {text: {type: string, shape: [rows]}}\n  outputs: {text: {type: string, shape: [rows]}}\n"
	one := func(i, weight int) string {
		return graph(fmt.Sprintf("g%d", i), fmt.Sprintf("{split: {x: {weight: %d, to: m%d | m1}, y: {weight: 10, to: m%d + m2}}}", weight, i%50, (i+7)%40+3))
	}
	models := server("mls")
	for i := range 50 {
		models += model(fmt.Sprintf("m%d", i), contract)
	}
	b.Run("a file each", func(b *testing.B) {
		files := map[string][]byte{"models.yaml": []byte(models)}
		for i := range 1000 {
			files[fmt.Sprintf("g%d.yaml", i)] = []byte(one(i, 90))
		}
		benchmarkEdits(b, files, "g500.yaml", func(n int) string { return one(500, n) })
	})
	b.Run("one file", func(b *testing.B) {
		var before, after strings.Builder
		for i := range 500 {
			before.WriteString(one(i, 90))
			after.WriteString(one(i+501, 90))
		}
		files := map[string][]byte{"models.yaml": []byte(models), "all.yaml": []byte(before.String() + one(500, 90) + after.String())}
		benchmarkEdits(b, files, "all.yaml", func(n int) string { return before.String() + one(500, n) + after.String() })
	})
}

func benchmarkEdits(b *testing.B, files map[string][]byte, edited string, text func(n int) string) {
	s := New(Options{Askable: true})
	if snap := s.Load(files); snap.Failed() || len(snap.Graphs) < 1000 {
		b.Fatal(len(snap.Graphs), snap.Found[:min(3, len(snap.Found))])
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		files[edited] = []byte(text(n%50 + 1))
		if snap := s.Load(files); len(snap.Changes) != 1 {
			b.Fatal(snap.Changes)
		}
	}
}
