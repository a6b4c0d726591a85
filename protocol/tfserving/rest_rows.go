package tfserving

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
)

// readRows reads the list that comes next: of values, as one tensor without a name, or of objects with the same keys, as a
// tensor for each key. key is what the list is called, for error texts.
func readRows(s *jsontext.Scanner, key string) ([]tensor.Tensor, error) {
	if s.Kind() != jsontext.Array {
		s.Fail("expected '%s' to be a list/array, found %s", key, s.Kind())
		return nil, malformed("%v", s.Err())
	}
	start := *s
	probe := *s
	if probe.Array() && probe.NextElement() && isNamed(&probe) {
		return readRecords(s, key)
	}
	t := readTensor(s)
	if s.Err() != nil {
		return nil, explain(start, key, s.Err())
	}
	return []tensor.Tensor{t}, nil
}

// isNamed tells whether the next value is an object of names and not bytes.
func isNamed(s *jsontext.Scanner) bool { return s.Kind() == jsontext.Object && !isB64(s) }

// column gathers the values of one key as the text of an array.
type column struct {
	name string
	text []byte
	rows int
}

func readRecords(s *jsontext.Scanner, key string) ([]tensor.Tensor, error) {
	start := *s
	var columns []column
	var places map[string]int // of many columns, which the rows may name in any order
	rows := 0
	for s.Array(); s.NextElement(); rows++ {
		if !isNamed(s) {
			return nil, malformed("expecting object but got %s at item %d of '%s' list", s.Kind(), rows, key)
		}
		n := 0
		for s.Object(); s.NextKey(); n++ {
			c := columnNamed(columns, places, s.Key(), n)
			switch {
			case c == nil && len(columns) == jsontensor.MaxNames:
				return nil, malformed("failed to process element: %d of '%s' list. Error: expected at most %d keys", rows, key, jsontensor.MaxNames)
			case c == nil && rows > 0:
				return nil, wrongKeys(rows, key, columns)
			case c == nil:
				columns = append(columns, column{name: string(s.Key())})
				c = &columns[len(columns)-1]
				c.text = append(make([]byte, 0, 64), '[')
			case c.rows > rows:
				return nil, malformed("failed to process element: %d key: %s of '%s' list. Error: the key stands twice", rows, c.name, key)
			}
			if c.rows++; c.rows > 1 {
				c.text = append(c.text, ',')
			}
			c.text = append(c.text, s.Skip()...)
		}
		if n != len(columns) && s.Err() == nil {
			return nil, wrongKeys(rows, key, columns)
		}
		if rows == 0 && n > 16 {
			places = make(map[string]int, n)
			for i := range columns {
				places[columns[i].name] = i
			}
		}
	}
	if err := s.Err(); err != nil {
		return nil, jsontensor.Malformed(err)
	}
	found := make([]tensor.Tensor, len(columns))
	for i := range columns {
		inner := jsontext.NewScanner(append(columns[i].text, ']'))
		inner.NonFinite = true
		found[i] = readTensor(&inner)
		found[i].Name = columns[i].name
		if err := inner.End(); err != nil {
			return nil, explain(start, key, err)
		}
	}
	return found, nil
}

func wrongKeys(row int, key string, columns []column) error {
	names := ""
	for i := range columns {
		if i > 0 {
			names += ","
		}
		if i == 10 {
			names += "…"
			break
		}
		names += columns[i].name
	}
	return malformed("failed to process element: %d of '%s' list. Error: keys must be equal to: %s", row, key, names)
}

// columnNamed returns the column of that name, which is the nth as a rule.
func columnNamed(columns []column, places map[string]int, name []byte, n int) *column {
	if n < len(columns) && columns[n].name == string(name) {
		return &columns[n]
	}
	if places != nil {
		if i, ok := places[string(name)]; ok {
			return &columns[i]
		}
		return nil
	}
	for i := range columns {
		if columns[i].name == string(name) {
			return &columns[i]
		}
	}
	return nil
}

// explain reads a list that has no form as tensors again, row by row, and says which row is the first to differ, in the words that
// users of TensorFlow Serving know. err is what it is about, where no row is to blame.
func explain(s jsontext.Scanner, key string, err error) error {
	firsts := map[string]tensor.Tensor{}
	named := false
	for row := 0; (row > 0 || s.Array()) && s.NextElement(); row++ {
		if row == 0 {
			named = isNamed(&s)
		}
		switch {
		case !named && isNamed(&s):
			return malformed("expecting value/list but got object at item %d of '%s' list", row, key)
		case !named:
			if detail := differs(&s, firsts, ""); detail != "" {
				return malformed("failed to process element: %d of '%s' list. Error: %s", row, key, detail)
			}
			continue
		}
		for s.Object(); s.NextKey(); {
			name := string(s.Key())
			if detail := differs(&s, firsts, name); detail != "" {
				return malformed("failed to process element: %d key: %s of '%s' list. Error: %s", row, name, key, detail)
			}
		}
	}
	return jsontensor.Malformed(err)
}

// differs reads a value and says how it differs from the first of that name; empty where it does not.
func differs(s *jsontext.Scanner, firsts map[string]tensor.Tensor, name string) string {
	t := readTensor(s)
	if err := s.Err(); err != nil {
		return err.Error()
	}
	first, ok := firsts[name]
	switch {
	case !ok:
		firsts[name] = t
	case !slices.Equal(first.Shape, t.Shape):
		return fmt.Sprintf("expecting shape %v but got: %v", first.Shape, t.Shape)
	case elements(&first) != elements(&t):
		return "expecting " + elements(&first) + " but got: " + elements(&t)
	}
	return ""
}

func elements(t *tensor.Tensor) string {
	switch t.Datatype {
	case tensor.Bytes:
		return "strings"
	case tensor.Bool:
		return "booleans"
	}
	return "numbers"
}

// readColumns reads what comes next as a tensor for each member of an object, or as one without a name.
func readColumns(s *jsontext.Scanner, key string) ([]tensor.Tensor, error) {
	if !isNamed(s) {
		t := readTensor(s)
		if err := s.Err(); err != nil {
			return nil, malformed("'%s': %v", key, err)
		}
		return []tensor.Tensor{t}, nil
	}
	var found []tensor.Tensor
	for s.Object(); s.NextKey(); {
		name := string(s.Key())
		for i := range found {
			if found[i].Name == name {
				return nil, malformed("'%s' names '%s' twice", key, name)
			}
		}
		if len(found) == jsontensor.MaxNames {
			return nil, malformed("'%s': expected at most %d names", key, jsontensor.MaxNames)
		}
		t := readTensor(s)
		if err := s.Err(); err != nil {
			return nil, malformed("'%s' of '%s': %v", name, key, err)
		}
		t.Name = name
		found = append(found, t)
	}
	if err := s.Err(); err != nil {
		return nil, jsontensor.Malformed(err)
	}
	return found, nil
}
