package contract

import (
	"slices"
	"strings"
)

// Near returns those of names that name may have been meant to be, the nearest first and at most three: those within a third
// of its length in edits, letter case apart, and those that begin with it.
func Near(name string, names []string) []string {
	type candidate struct {
		name  string
		edits int
	}
	var found []candidate
	low := strings.ToLower(name)
	for _, n := range names {
		other := strings.ToLower(n)
		d := edits(low, other)
		switch {
		case d <= max(1, min(len(low), len(other))/3):
		case len(low) > 1 && strings.HasPrefix(other, low), len(other) > 1 && strings.HasPrefix(low, other):
		default:
			continue
		}
		found = append(found, candidate{n, d})
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.edits - b.edits })
	var near []string
	for _, c := range found[:min(len(found), 3)] {
		near = append(near, c.name)
	}
	return near
}

// edits is the number of insertions, deletions, substitutions and swaps of neighbours that turn a into b.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	var before, last, row [66]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// Suggest returns the way out for a name that is not one of names: `did you mean "text"?`, or the names there are.
func Suggest(name string, names []string) string {
	if near := Near(name, names); len(near) > 0 {
		return "did you mean " + quoted(near, " or ") + "?"
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) == 1:
		return "there is only " + quoted(names, "")
	case len(names) > 12:
		return "there are " + quoted(names[:12], ", ") + " …"
	}
	return "there are " + quoted(names, ", ")
}

func quoted(names []string, between string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(`"` + n + `"`)
	}
	return b.String()
}
