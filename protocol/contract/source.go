package contract

import (
	"strings"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// source finds fields in a content, whatever its form, and remembers which were taken.
type source struct {
	tensors []tensor.Tensor
	used    uint64 // bit i: tensors[i] was taken; those past 63 are always taken to be
	only    string // the one field that a tensor without a name is
	merged  bool
}

// gather takes the tensors of in: its own, its columns, the members of its JSON object, or the outputs of its parts.
func (s *source) gather(in *message.Content, c *Contract) error {
	s.tensors = in.Tensors
	switch {
	case len(in.Parts) > 0:
		s.merged = true
		s.tensors = nil
		if err := s.addParts("", in.Parts); err != nil {
			return err
		}
	case len(in.Tensors) == 0 && len(in.JSON) > 0:
		if err := s.addObject(in.JSON); err != nil {
			return err
		}
	case len(in.Tensors) == 1 && in.Tensors[0].Name == "":
		split, err := columns(in, func(name string) bool { return byName(c.Inputs, name) != nil })
		if err != nil {
			return err
		}
		if split != nil {
			s.tensors = split
		}
		s.only = sole(c.Inputs)
	}
	return nil
}

// sole returns the one field that a request without names means: the only one, or the only one that must be there.
func sole(fields []Field) string {
	name, n := "", 0
	for i := range fields {
		if len(fields) == 1 || !fields[i].Optional && fields[i].Default == nil {
			name, n = fields[i].Name, n+1
		}
	}
	if n != 1 {
		return ""
	}
	return name
}

func (s *source) addParts(prefix string, parts []message.Part) error {
	for _, p := range parts {
		content, err := p.Message.Content()
		if err != nil {
			return err
		}
		path := prefix + p.Name
		if len(content.Parts) > 0 {
			if err := s.addParts(path+".", content.Parts); err != nil {
				return err
			}
			continue
		}
		for i, t := range content.Tensors {
			name := t.Name
			t.Name = path + "." + name
			s.tensors = append(s.tensors, t)
			if name == content.Answer || content.Answer == "" && i == 0 {
				t.Name = path
				s.tensors = append(s.tensors, t)
			}
		}
	}
	return nil
}

// addObject takes the members of a JSON object whose values are tensors; others are no fields.
func (s *source) addObject(text []byte) error {
	sc := jsontext.NewScanner(text)
	if sc.Kind() != jsontext.Object {
		var t tensor.Tensor
		if jsontensor.Parse(text, &t) == nil {
			s.tensors = []tensor.Tensor{t}
		}
		return nil
	}
	for sc.Object(); sc.NextKey(); {
		if len(s.tensors) == jsontensor.MaxNames {
			return message.Invalid(jsontensor.CodeMalformed, "the request has more than %d fields", jsontensor.MaxNames)
		}
		t := tensor.Tensor{Name: string(sc.Key())}
		if jsontensor.Parse(sc.Skip(), &t) == nil {
			s.tensors = append(s.tensors, t)
		}
	}
	return sc.Err()
}

// columns returns the columns of the only tensor of in, which has no name, as tensors with their names, or nil unless every
// column's name is known.
func columns(in *message.Content, known func(name string) bool) ([]tensor.Tensor, error) {
	if len(in.Tensors) != 1 || in.Tensors[0].Name != "" || len(in.Names) == 0 {
		return nil, nil
	}
	for _, n := range in.Names {
		if !known(n) {
			return nil, nil
		}
	}
	t := &in.Tensors[0]
	if len(in.Names) == 1 {
		named := *t
		named.Name = in.Names[0]
		return []tensor.Tensor{named}, nil
	}
	if len(t.Shape) != 2 || t.Shape[1] != int64(len(in.Names)) {
		return nil, nil
	}
	split, err := tensor.Columns(t)
	if err != nil {
		return nil, message.Invalid(CodeShape, "columns: %v", err)
	}
	for i := range split {
		split[i].Name = in.Names[i]
	}
	return split, nil
}

// take returns the tensor of a field, or nil, and marks it as used.
func (s *source) take(field string) *tensor.Tensor {
	i := s.find(field)
	if i < 0 {
		return nil
	}
	if i < 64 {
		s.used |= 1 << i
	}
	return &s.tensors[i]
}

// find returns the index of a field's tensor: by its name, as the only one without a name, or, in a merge, as the output of
// that name which only one part has. It is -1 where there is none.
func (s *source) find(field string) int {
	for i := range s.tensors {
		if name := s.tensors[i].Name; name == field || name == "" && field == s.only {
			return i
		}
	}
	found := -1
	for i := range s.tensors {
		if _, output, ok := cutLast(s.tensors[i].Name); s.merged && ok && output == field {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

func cutLast(name string) (path, output string, ok bool) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:], true
	}
	return "", name, false
}

func (s *source) names() []string {
	var all []string
	for i := range s.tensors {
		if n := s.tensors[i].Name; n != "" {
			all = append(all, n)
		}
	}
	return all
}

// unused returns the names of what was not taken.
func (s *source) unused() []string {
	if s.merged {
		return nil
	}
	var left []string
	for i := range s.tensors {
		if i < 64 && s.used&(1<<i) == 0 {
			left = append(left, s.tensors[i].Name)
		}
	}
	return left
}
