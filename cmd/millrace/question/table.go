package question

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table shows the JSON of an answer as lines of a name and a value, aligned, in the answer's order. What is no object is shown
// as it is.
func Table(answer []byte) string {
	lines, ok := rows(nil, "", answer)
	if !ok {
		return strings.TrimSpace(string(answer)) + "\n"
	}
	width := 0
	for _, l := range lines {
		width = max(width, utf8.RuneCountInString(l.name))
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.name + strings.Repeat(" ", width-utf8.RuneCountInString(l.name)+2) + l.value + "\n")
	}
	return b.String()
}

type line struct{ name, value string }

// rows appends the members of an object; a member that is an object is flattened, its names after a dot.
func rows(lines []line, prefix string, text json.RawMessage) ([]line, bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return lines, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return lines, false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return lines, false
		}
		name := prefix + fmt.Sprint(key)
		if below, ok := rows(nil, name+".", value); ok && len(below) > 0 {
			lines = append(lines, below...)
			continue
		}
		lines = append(lines, line{name, show(value)})
	}
	return lines, true
}

// show is a value for a person: a string without its quotes, everything else in one line of JSON with its numbers untouched.
func show(value json.RawMessage) string {
	var s string
	if err := json.Unmarshal(value, &s); err == nil && value[0] == '"' {
		return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\x1b", `\e`).Replace(s)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err == nil && value[0] == '[' {
		parts := make([]string, len(list))
		for i, v := range list {
			if parts[i] = show(v); v[0] == '[' {
				parts[i] = "[" + parts[i] + "]"
			}
		}
		return strings.Join(parts, ", ")
	}
	return string(value)
}
