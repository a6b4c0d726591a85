package jsontensor

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// MaxNames bounds the fields of one message, so that looking each up among the others stays cheap.
const MaxNames = 1024

// DecodeValue reads one valid JSON value as content: a scalar or regular array is a tensor without a name, an array of objects
// with the same keys a column for each key, an object a tensor for each member. What of it has no form as tensors is left
// out, and the content then has the JSON as well, for contracts with paths. All views are of text.
func DecodeValue(text []byte) *message.Content {
	c := new(message.Content)
	s := jsontext.NewScanner(text)
	whole := true
	switch s.Kind() {
	case jsontext.Object:
		c.Tensors, whole = members(&s)
	case jsontext.Array:
		var t tensor.Tensor
		if Parse(text, &t) == nil {
			c.Tensors = []tensor.Tensor{t}
			return c
		}
		c.Tensors, whole = records(&s)
	default:
		var t tensor.Tensor
		if whole = Parse(text, &t) == nil; whole {
			c.Tensors, c.Scalar = []tensor.Tensor{t}, true
		}
	}
	if !whole || len(c.Tensors) == 0 {
		c.JSON = text
	}
	return c
}

func members(s *jsontext.Scanner) (found []tensor.Tensor, whole bool) {
	whole = true
	for s.Object(); s.NextKey(); {
		t := tensor.Tensor{Name: string(s.Key())}
		if Parse(s.Skip(), &t) != nil {
			whole = false
			continue
		}
		if found = append(found, t); len(found) > MaxNames {
			return nil, false
		}
	}
	return lastOfEach(found), whole
}

// lastOfEach drops tensors whose name comes again.
func lastOfEach(all []tensor.Tensor) []tensor.Tensor {
	kept := all[:0]
	for i := range all {
		again := false
		for j := i + 1; j < len(all) && !again; j++ {
			again = all[j].Name == all[i].Name
		}
		if !again {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// column gathers the values of one key as the text of an array.
type column struct {
	name string
	text []byte
	rows int
}

// records reads an array of objects with the same keys as columns; anything else gives none.
func records(s *jsontext.Scanner) (found []tensor.Tensor, whole bool) {
	var columns []column
	rows := 0
	for s.Array(); s.NextElement(); rows++ {
		if s.Kind() != jsontext.Object {
			return nil, false
		}
		n := 0
		for s.Object(); s.NextKey(); n++ {
			c := columnNamed(columns, s.Key(), n)
			if c == nil {
				if rows > 0 || len(columns) == MaxNames {
					return nil, false
				}
				columns = append(columns, column{name: string(s.Key()), text: []byte{'['}})
				c = &columns[len(columns)-1]
			}
			if c.rows != rows {
				return nil, false
			}
			if c.rows++; c.rows > 1 {
				c.text = append(c.text, ',')
			}
			c.text = append(c.text, s.Skip()...)
		}
		if n != len(columns) {
			return nil, false
		}
	}
	if s.Err() != nil {
		return nil, false
	}
	whole = true
	for i := range columns {
		t := tensor.Tensor{Name: columns[i].name}
		if Parse(append(columns[i].text, ']'), &t) != nil {
			whole = false
			continue
		}
		found = append(found, t)
	}
	return found, whole
}

// columnNamed returns the column of that name, which is the nth as a rule.
func columnNamed(columns []column, name []byte, n int) *column {
	if n < len(columns) && columns[n].name == string(name) {
		return &columns[n]
	}
	for i := range columns {
		if columns[i].name == string(name) {
			return &columns[i]
		}
	}
	return nil
}
