package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// module is the path that packages in events begin with.
const module = "github.com/millrace/millrace/"

// event is one line of `go test -json`.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// result is what became of a test in all its runs.
type result struct{ passed, failed, skipped int }

// readResults reads recorded events. Subtests count for themselves, under their full names.
func readResults(path string) (map[testName]*result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the tests' results: %w", err)
	}
	defer f.Close()
	out := make(map[testName]*result)
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read the tests' results %s: %w", path, err)
		}
		if e.Test == "" {
			continue
		}
		name := testName{strings.TrimPrefix(e.Package, module), e.Test}
		r := out[name]
		if r == nil {
			r = new(result)
			out[name] = r
		}
		switch e.Action {
		case "pass":
			r.passed++
		case "fail":
			r.failed++
		case "skip":
			r.skipped++
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the tests' results %s: %w", path, err)
	}
	return out, nil
}
