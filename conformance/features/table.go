package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// state is what a row says of its feature.
type state string

const (
	works  state = "works"
	partly state = "partly"
	absent state = "absent"
)

// row is one feature of the table.
type row struct {
	line    int
	group   string // the heading that it stands under
	feature string
	state   state
	missing string // of a feature that works partly
	tests   []testName
}

// testName is a test as the table writes it: protocol/oip.TestX.
type testName struct{ dir, test string }

func (n testName) String() string { return n.dir + "." + n.test }

// problem is something wrong with a line of the table.
type problem struct {
	line int
	text string
}

var named = regexp.MustCompile("`([^`]*)`")

// readTable reads the rows of every table in a Markdown file whose header is Feature, State and Tests.
func readTable(path string) ([]row, []problem, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the table of features: %w", err)
	}
	var rows []row
	var problems []problem
	group, inside := "", false
	seen := make(map[string]int)
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			group = title
		}
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := cellsOf(line)
		switch {
		case len(cells) == 3 && cells[0] == "Feature" && cells[1] == "State" && cells[2] == "Tests":
			inside = true
			continue
		case !inside || strings.Trim(line, "|-: ") == "":
			continue
		case len(cells) != 3:
			problems = append(problems, problem{n, fmt.Sprintf("%d cells, not 3", len(cells))})
			continue
		}
		r, wrong := readRow(n, group, cells)
		for _, w := range wrong {
			problems = append(problems, problem{n, w})
		}
		key := r.group + "/" + r.feature
		if first := seen[key]; first > 0 {
			problems = append(problems, problem{n, fmt.Sprintf("%s stands on line %d already", r.feature, first)})
		}
		seen[key] = n
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		problems = append(problems, problem{1, "there is no table with the columns Feature, State and Tests"})
	}
	return rows, problems, nil
}

// cellsOf splits a table's line; an escaped bar belongs to its cell.
func cellsOf(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), `\|`, bar)
	cells := strings.Split(line, "|")
	for i, c := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(c, bar, "|"))
	}
	return cells
}

func readRow(line int, group string, cells []string) (row, []string) {
	r := row{line: line, group: group, feature: cells[0]}
	var wrong []string
	word, rest, _ := strings.Cut(cells[1], ":")
	r.state, r.missing = state(word), strings.TrimSpace(rest)
	for _, m := range named.FindAllStringSubmatch(cells[2], -1) {
		dir, test, ok := strings.Cut(m[1], ".")
		if !ok || dir == "" || !(strings.HasPrefix(test, "Test") || strings.HasPrefix(test, "Fuzz")) {
			wrong = append(wrong, fmt.Sprintf("%s is not a test; write it as protocol/oip.TestName", m[1]))
			continue
		}
		r.tests = append(r.tests, testName{dir, test})
	}
	switch {
	case r.state != works && r.state != partly && r.state != absent:
		wrong = append(wrong, fmt.Sprintf("the state %q is none; there are works, partly: WHAT IS MISSING, and absent", cells[1]))
	case r.state == partly && r.missing == "":
		wrong = append(wrong, "partly does not say what is missing; write partly: WHAT IS MISSING")
	case r.state != absent && len(r.tests) == 0:
		wrong = append(wrong, fmt.Sprintf("%s names no test that shows it", r.feature))
	case r.state == absent && len(r.tests) > 0:
		wrong = append(wrong, fmt.Sprintf("%s is absent and yet names tests", r.feature))
	}
	return r, wrong
}

// judge returns what the rows claim and the tests did not show.
func judge(rows []row, tests map[testName]*result) []problem {
	var problems []problem
	for _, r := range rows {
		for _, name := range r.tests {
			t := tests[name]
			switch {
			case t == nil:
				problems = append(problems, problem{r.line, fmt.Sprintf("%s: the test %s did not run; there may be none of this name", r.feature, name)})
			case t.failed > 0:
				problems = append(problems, problem{r.line, fmt.Sprintf("%s: the test %s failed", r.feature, name)})
			case t.skipped > 0 || t.passed == 0:
				problems = append(problems, problem{r.line, fmt.Sprintf("%s: the test %s was skipped or did not end", r.feature, name)})
			}
		}
	}
	return problems
}
