package jsontensor

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// AppendMembers adds fixed parameters, each with the caller's value where there is one, as members to the object in which
// dst ends. Where dst ends in no object they have no place and are left out.
func AppendMembers(dst []byte, fixed, caller tensor.Parameters) ([]byte, error) {
	if len(fixed) == 0 || len(dst) == 0 || dst[len(dst)-1] != '}' {
		return dst, nil
	}
	dst = dst[:len(dst)-1]
	for _, f := range fixed {
		v := f.Value
		if own, ok := caller.Get(f.Name); ok {
			v = own
		}
		var err error
		if dst, err = v.AppendJSON(appendKey(dst, f.Name)); err != nil {
			return nil, message.Invalid(CodeNoForm, "parameter %q: %v", f.Name, err)
		}
	}
	return append(dst, '}'), nil
}

// Member returns the value of a member of the object that text, valid JSON, is; the last where the key stands twice.
func Member(text []byte, name string) (raw []byte, ok bool) {
	s := jsontext.NewScanner(text)
	if s.Kind() != jsontext.Object {
		return nil, false
	}
	for s.Object(); s.NextKey(); {
		hit := string(s.Key()) == name
		if v := s.Skip(); hit {
			raw, ok = v, true
		}
	}
	return raw, ok && s.Err() == nil
}

// ReadParameters reads the object, or null, that comes next as parameters, of which there are at most MaxNames.
func ReadParameters(s *jsontext.Scanner) tensor.Parameters {
	probe := *s
	if !probe.TryNull() {
		n := 0
		for probe.Object(); probe.NextKey(); probe.Skip() {
			if n++; n > MaxNames {
				s.Fail("expected at most %d parameters", MaxNames)
				return nil
			}
		}
	}
	return tensor.ReadParameters(s)
}
