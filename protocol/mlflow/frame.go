package mlflow

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wrongFrame(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeMalformed, format, args...)
}

// decodeSplit reads {"columns": …, "data": …}.
func decodeSplit(text []byte) (*message.Content, error) {
	data, ok := jsontensor.Member(text, "data")
	if !ok || data[0] != '[' {
		return nil, wrongFrame("dataframe_split: expected an object with data, a list of rows")
	}
	head, ok := jsontensor.Member(text, "columns")
	if !ok {
		var t tensor.Tensor
		if err := jsontensor.Parse(data, &t); err != nil {
			return nil, wrongFrame("dataframe_split: data: %s", detail(err))
		}
		return &message.Content{Tensors: []tensor.Tensor{t}}, nil
	}
	names, err := columnNames(head)
	if err != nil {
		return nil, err
	}
	columns := make([][]byte, len(names)) // the text of an array each
	for i := range columns {
		columns[i] = append(make([]byte, 0, len(data)/len(columns)+2), '[')
	}
	row := 0
	s := jsontext.NewScanner(data)
	for s.Array(); s.NextElement(); row++ {
		if s.Kind() != jsontext.Array {
			return nil, wrongFrame("dataframe_split: row %d: expected a list of values, found %s", row, s.Kind())
		}
		n := 0
		for s.Array(); s.NextElement(); n++ {
			if n == len(columns) {
				return nil, wrongFrame("dataframe_split: row %d: expected %d values, found more", row, len(columns))
			}
			if row > 0 {
				columns[n] = append(columns[n], ',')
			}
			columns[n] = append(columns[n], s.Skip()...)
		}
		if n != len(columns) {
			return nil, wrongFrame("dataframe_split: row %d: expected %d values, found %d", row, len(columns), n)
		}
	}
	c := &message.Content{Tensors: make([]tensor.Tensor, len(names))}
	for i := range names {
		c.Tensors[i].Name = names[i]
		if err := jsontensor.Parse(append(columns[i], ']'), &c.Tensors[i]); err != nil {
			f := wrongFrame("dataframe_split: column %q: %s", names[i], detail(err))
			f.Remedy = "a column has values of one kind, and no null"
			return nil, f
		}
	}
	return c, nil
}

// detail leaves out the offset of an error in text that is not the client's own.
func detail(err error) string {
	var syntax *jsontext.SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Detail
	}
	return err.Error()
}

// columnNames reads the names of columns: strings, or numbers as their text.
func columnNames(text []byte) ([]string, error) {
	var names []string
	s := jsontext.NewScanner(text)
	if s.Kind() != jsontext.Array {
		return nil, wrongFrame("dataframe_split: columns: expected a list of names, found %s", s.Kind())
	}
	for s.Array(); s.NextElement(); {
		switch s.Kind() {
		case jsontext.String:
			names = append(names, s.Text())
		case jsontext.Number:
			names = append(names, string(s.Skip()))
		default:
			return nil, wrongFrame("dataframe_split: columns: expected a name, found %s", s.Kind())
		}
	}
	return names, checkNames("dataframe_split", names)
}

// checkNames refuses columns that are none, too many, or named alike.
func checkNames(where string, names []string) error {
	if len(names) == 0 || len(names) > jsontensor.MaxNames {
		return wrongFrame("%s: expected 1 to %d columns, found %d", where, jsontensor.MaxNames, len(names))
	}
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if seen[n] {
			return wrongFrame("%s: column %q stands twice", where, n)
		}
		seen[n] = true
	}
	return nil
}

// decodeCSV reads a table whose first line names its columns.
func decodeCSV(text []byte) (*message.Content, error) {
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	if !utf8.Valid(text) {
		return nil, wrongFrame("csv: expected UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, wrongFrame("csv: expected a line that names the columns: %v", err)
	}
	columns := make([]cells, len(head))
	names := make([]string, len(head))
	for i := range head {
		names[i] = strings.Clone(head[i])
		columns[i] = cells{numbers: true, booleans: true}
	}
	if err := checkNames("csv", names); err != nil {
		return nil, err
	}
	rows := int64(0)
	for ; ; rows++ {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, wrongFrame("csv: %v", err)
		}
		for i := range record {
			columns[i].add(record[i], rows)
		}
	}
	c := &message.Content{Tensors: make([]tensor.Tensor, len(names))}
	for i := range names {
		t, err := columns[i].tensor(names[i], rows)
		if err != nil {
			return nil, err
		}
		c.Tensors[i] = t
	}
	return c, nil
}

// cells are a column of a table, and what all of them so far are.
type cells struct {
	data     []byte // as of a BYTES tensor
	numbers  bool   // all that are not empty
	booleans bool
	numeric  int64 // how many are numbers
	empty    int64 // how many are empty
	hole     int64 // the row of the first empty one
}

func (c *cells) add(cell string, row int64) {
	c.data = tensor.AppendBytes(c.data, cell)
	if cell == "" {
		if c.empty == 0 {
			c.hole = row
		}
		c.empty++
		c.booleans = false
		return
	}
	if c.numbers {
		if c.numbers = number(cell); c.numbers {
			c.numeric++
		}
	}
	c.booleans = c.booleans && truth(cell) >= 0
}

// number tells whether a cell is a number as JSON has it.
func number(cell string) bool {
	s := jsontext.NewScanner([]byte(cell))
	s.Number()
	return s.End() == nil && cell[len(cell)-1] > ' ' && cell[0] > ' '
}

// truth returns 0 or 1 for the words that pandas takes for booleans, and -1 for others.
func truth(cell string) int {
	switch cell {
	case "True", "true", "TRUE":
		return 1
	case "False", "false", "FALSE":
		return 0
	}
	return -1
}

func (c *cells) tensor(name string, rows int64) (tensor.Tensor, error) {
	t := tensor.Tensor{Name: name, Datatype: tensor.Bytes, Shape: []int64{rows}, Data: c.data}
	switch {
	case rows == 0:
		t.Datatype = tensor.Untyped
	case c.numbers && c.numeric > 0 && c.empty > 0:
		f := wrongFrame("csv: column %q: row %d is empty among numbers", name, c.hole)
		f.Remedy = "fill it: a missing number has no exact form"
		return t, f
	case c.numbers && c.numeric > 0:
		t.Datatype = tensor.Untyped
	case c.booleans:
		t.Datatype, t.Data = tensor.Bool, make([]byte, 0, rows)
		old := tensor.Tensor{Datatype: tensor.Bytes, Data: c.data}
		for walk := old.Strings(); ; {
			cell, ok := walk.Next()
			if !ok {
				break
			}
			t.Data = append(t.Data, byte(truth(string(cell))))
		}
	}
	return t, nil
}
