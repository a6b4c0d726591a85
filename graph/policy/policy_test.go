package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func hashes(names ...string) []uint64 {
	out := make([]uint64, len(names))
	for i, n := range names {
		out[i] = Hash(n)
	}
	return out
}

func TestPickFollowsWeights(t *testing.T) {
	for _, c := range []struct {
		weights []float64
		u       float64
		want    int
	}{
		{[]float64{9, 1}, 0, 0}, {[]float64{9, 1}, 0.899, 0}, {[]float64{9, 1}, 0.9, 1}, {[]float64{9, 1}, 0.9999999, 1},
		{[]float64{0, 1, 0}, 0, 1}, {[]float64{1, 0}, 0.99999999999999994, 0}, {[]float64{0, -1}, 0.5, -1}, {nil, 0.5, -1},
	} {
		if got := Pick(c.weights, c.u); got != c.want {
			t.Errorf("Pick(%v, %v) = %d, want %d", c.weights, c.u, got, c.want)
		}
	}
}

func TestRendezvousIsProportionalToWeights(t *testing.T) {
	const n = 50_000
	h, w := hashes("a", "b", "c"), []float64{70, 25, 5}
	hits := make([]int, 3)
	for i := range n {
		hits[Rendezvous(fmt.Sprint("user", i), h, w)]++
	}
	for i := range hits { // one error in a hundred million: 5.73 standard deviations
		if p := w[i] / 100; math.Abs(float64(hits[i])-n*p) > 5.73*math.Sqrt(n*p*(1-p)) {
			t.Errorf("arm %d got %d of %d", i, hits[i], n)
		}
	}
}

func TestRendezvousMovesOnlyTheKeysThatMust(t *testing.T) {
	before, after := hashes("a", "b"), hashes("c", "b", "a")
	for i := range 2000 {
		key := fmt.Sprint(i)
		was := []string{"a", "b"}[Rendezvous(key, before, []float64{1, 1})]
		is := []string{"c", "b", "a"}[Rendezvous(key, after, []float64{1, 1, 1})]
		if is != was && is != "c" {
			t.Fatalf("key %s moved from %s to %s when c was added", key, was, is)
		}
	}
}

func TestSharesOfASmallerPercentageStayInALargerOne(t *testing.T) {
	for i := range 1000 {
		if key := fmt.Sprint(i); Share(key, 10) && !Share(key, 20) {
			t.Fatalf("key %s left", key)
		}
	}
	if Share("x", 0) || !Share("x", 100) {
		t.Error("0 and 100 percent are none and all")
	}
}

func content(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts} }

func TestVote(t *testing.T) {
	part := func(name string, weight float64, labels ...string) Part {
		return Part{Name: name, Weight: weight, Content: content(tensor.OfStrings("label", labels...))}
	}
	for _, c := range []struct {
		name  string
		parts []Part
		tie   int
		want  string
	}{
		{"the most frequent", []Part{part("a", 1, "x"), part("b", 1, "y"), part("c", 1, "y")}, -1, "y"},
		{"element by element", []Part{part("a", 1, "x", "p"), part("b", 1, "y", "p"), part("c", 1, "y", "q")}, -1, "y p"},
		{"by weight", []Part{part("a", 3, "x"), part("b", 1, "y"), part("c", 1, "y")}, -1, "x"},
		{"a tie goes to the first in order", []Part{part("a", 1, "x"), part("b", 1, "y")}, -1, "x"},
		{"a tie goes to the part that decides", []Part{part("a", 1, "x"), part("b", 1, "y")}, 1, "y"},
		{"a part that is not among the first decides nothing", []Part{part("a", 2, "x"), part("b", 2, "y"), part("c", 1, "z")}, 2, "x"},
		{"the part that decides may agree with an earlier one", []Part{part("a", 1, "y"), part("b", 1, "x"), part("c", 1, "x"), part("d", 1, "y")}, 3, "y"},
	} {
		got, err := Vote(c.parts, "label", c.tie)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var labels []string
		for s := got.Tensors[0].Strings(); ; {
			v, ok := s.Next()
			if !ok {
				break
			}
			labels = append(labels, string(v))
		}
		if all := strings.Join(labels, " "); all != c.want || got.Answer != "label" {
			t.Errorf("%s: %s (answer %s), want %s", c.name, all, got.Answer, c.want)
		}
	}
}

func TestCombinersNameWhatDoesNotFit(t *testing.T) {
	one, two := content(tensor.OfFP64("p", 1)), content(tensor.OfFP64("p", 1, 2))
	words := content(tensor.OfStrings("p", "x"))
	parts := func(a, b *message.Content) []Part { return []Part{{"a", a, 1}, {"b", b, 1}} }
	for name, c := range map[string]struct {
		combine func() (*message.Content, error)
		want    string
	}{
		"mean of two shapes":     {func() (*message.Content, error) { return Mean(parts(one, two), "") }, `output "p" of part a is FP64 [1] and that of part b is FP64 [2]`},
		"mean of text":           {func() (*message.Content, error) { return Mean(parts(one, words), "") }, `output "p" of part a is FP64 [1] and that of part b is BYTES [1]`},
		"mean of a field nobody": {func() (*message.Content, error) { return Mean(parts(one, two), "q") }, `part a has no output "q" to average`},
		"vote of two types":      {func() (*message.Content, error) { return Vote(parts(one, words), "p", -1) }, `output "p" of part a is FP64 [1] and that of part b is BYTES [1]`},
		"concat of two types":    {func() (*message.Content, error) { return Concat(parts(one, words)) }, `output "p" of part a is FP64 [1] and that of part b is BYTES [1]`},
		"concat without one":     {func() (*message.Content, error) { return Concat(parts(one, content())) }, `part b has no output "p", which part a has`},
	} {
		if _, err := c.combine(); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got  %v\n want %s", name, err, c.want)
		}
	}
}

func TestSplitRowsAreStitchedAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "rows")
		words := make([]string, n)
		numbers := make([]float64, n)
		for i := range n {
			words[i], numbers[i] = rapid.StringN(0, 4, -1).Draw(t, "word"), float64(i)
		}
		whole := content(tensor.OfStrings("w", words...), tensor.OfFP64("x", numbers...))
		groups := make([]Group, rapid.IntRange(1, 4).Draw(t, "groups"))
		for row := range n {
			g := rapid.IntRange(0, len(groups)-1).Draw(t, "group")
			groups[g].Rows = append(groups[g].Rows, row)
		}
		groups = slices.DeleteFunc(groups, func(g Group) bool { return len(g.Rows) == 0 })
		for g := range groups {
			c, err := Gather(whole, groups[g].Rows)
			if err != nil {
				t.Fatal(err)
			}
			groups[g].Content = c
		}
		got, err := Stitch(groups, n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole.Tensors {
			if !tensor.Equal(&whole.Tensors[i], &got.Tensors[i]) {
				t.Fatalf("tensor %s changed", whole.Tensors[i].Name)
			}
		}
	})
}

func BenchmarkRendezvous(b *testing.B) {
	h, w := hashes("a", "b"), []float64{90, 10}
	b.ReportAllocs()
	for b.Loop() {
		Rendezvous("user-12345", h, w)
	}
}
