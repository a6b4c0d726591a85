package local

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/source/store"
)

// defaultListen is where `millrace ask` asks unless told otherwise.
const defaultListen = "127.0.0.1:8080"

// hints are lines to try, made of what is there.
func hints(snap *store.Snapshot, at Addresses, paths []string) string {
	field, together := questions(snap)
	var lines []string
	if len(together) > 0 {
		expression := strings.Join(together[:min(2, len(together))], "+")
		line := fmt.Sprintf("millrace ask %s \"I love it\"", expression)
		if field != "text" {
			line += " --field " + field
		}
		if at.Listen != defaultListen {
			line += " --server http://" + at.Listen
		}
		name, err := json.Marshal(field)
		if err != nil {
			name = []byte(`"text"`)
		}
		lines = append(lines, line, fmt.Sprintf("curl http://%s/ask/%s -d '{%s: \"I love it\"}'", at.Listen, expression, name))
	}
	given := make([]string, len(paths))
	for i, p := range paths {
		given[i] = base(p)
	}
	files := strings.Join(given, " ")
	for _, g := range snap.Graphs {
		lines = append(lines, fmt.Sprintf("millrace explain %s %s", files, g.Name))
		break
	}
	if at.Admin != "" {
		lines = append(lines, fmt.Sprintf("curl http://%s/clusters", at.Admin))
	}
	return "Try:\n  " + strings.Join(lines, "\n  ") + "\n\nEdit a file and save it: the change serves at once. Ctrl-C stops everything."
}

// questions returns the text field that most models share, and those models in order.
func questions(snap *store.Snapshot) (field string, models []string) {
	by := map[string][]string{}
	var order []string
	for _, m := range snap.Models {
		f, ok := only(m)
		if !ok || !store.Askable(snap, m) || strings.Contains(m.Name, ".") {
			continue
		}
		if by[f] == nil {
			order = append(order, f)
		}
		by[f] = append(by[f], m.Name)
	}
	for _, f := range order {
		if len(by[f]) > len(by[field]) {
			field = f
		}
	}
	return field, by[field]
}

// only returns the one field that a model must be given, where that is a text.
func only(m *frontend.Model) (string, bool) {
	if m.Contract == nil {
		return "", false
	}
	var due []contract.Field
	for _, f := range m.Contract.Inputs {
		if !f.Optional && f.Default == nil {
			due = append(due, f)
		}
	}
	if len(due) != 1 || due[0].Type != tensor.Bytes {
		return "", false
	}
	return due[0].Name, true
}
