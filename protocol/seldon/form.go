package seldon

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// form is where a SeldonMessage's payload stands.
type form uint8

const (
	none form = iota
	ndarray
	dense // data.tensor
	strData
	binData
	jsonData
)

var formNames = [...]string{"nothing", "ndarray", "tensor", "strData", "binData", "jsonData"}

func (f form) String() string { return formNames[f] }

// formNamed returns the form that a contract's tensor name chooses.
func formNamed(name string) form {
	for f, n := range formNames {
		if n == name && f != 0 {
			return form(f)
		}
	}
	return none
}

// formOf tells the form of a client's request without decoding it.
func formOf(w *message.Wire) form {
	if w == nil || w.Dialect != message.SeldonREST {
		return none
	}
	f := none
	s := jsontext.NewScanner(w.Body.Bytes())
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); string(key) {
		case "data":
			if s.Kind() != jsontext.Object {
				s.Skip()
				continue
			}
			for s.Object(); s.NextKey(); {
				if g := formNamed(string(s.Key())); g == ndarray || g == dense {
					f = g
				}
				s.Skip()
			}
		case "strData", "binData", "jsonData":
			f = formNamed(string(key))
			s.Skip()
		default:
			s.Skip()
		}
	}
	return f
}
