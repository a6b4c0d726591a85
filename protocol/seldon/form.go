package seldon

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// form is where a SeldonMessage's payload stands.
type form uint8

const (
	none form = iota
	ndarray
	dense // data.tensor
	tftensor
	strData
	binData
	jsonData
	customData // no contract's choice: it is passed on, never made
)

var formNames = [...]string{"nothing", "ndarray", "tensor", "tftensor", "strData", "binData", "jsonData", "customData"}

func (f form) String() string { return formNames[f] }

// formNamed returns the form that a contract's tensor name chooses.
func formNamed(name string) form {
	for f, n := range formNames[:customData] {
		if n == name && f != 0 {
			return form(f)
		}
	}
	return none
}

// formOf tells the form of a client's request without decoding it.
func formOf(w *message.Wire) form {
	switch {
	case w == nil:
		return none
	case w.Dialect == message.SeldonREST && isForm(w):
		var d decoder
		_ = d.decode(w) // what has been read is enough
		return d.form
	case w.Dialect == message.SeldonREST:
		return formREST(w.Body.Bytes())
	case w.Dialect == message.SeldonGRPC:
		return formGRPC(w.Body.Bytes())
	}
	return none
}

func formREST(text []byte) form {
	f := none
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); string(key) {
		case "data":
			if s.Kind() != jsontext.Object {
				s.Skip()
				continue
			}
			for s.Object(); s.NextKey(); {
				if g := formNamed(string(s.Key())); g == ndarray || g == dense || g == tftensor {
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

// The forms of the fields of SeldonMessage and of DefaultData.
var (
	payloadForms = [...]form{4: binData, 5: strData, 6: jsonData, 7: customData}
	dataForms    = [...]form{2: dense, 3: ndarray, 4: tftensor}
)

func formGRPC(b []byte) form {
	f := none
	for len(b) > 0 {
		g, rest, ok := protobuf.Next(b)
		if !ok {
			return none
		}
		b = rest
		switch {
		case g.Kind != protowire.BytesType || g.Number > 7:
		case g.Number > 3:
			f = payloadForms[g.Number]
		case g.Number == 3:
			if h := formGRPCData(g.Bytes); h != none {
				f = h
			}
		}
	}
	return f
}

func formGRPCData(b []byte) form {
	f := none
	for len(b) > 0 {
		g, rest, ok := protobuf.Next(b)
		if !ok {
			return none
		}
		if b = rest; g.Kind == protowire.BytesType && g.Number > 1 && g.Number <= 4 {
			f = dataForms[g.Number]
		}
	}
	return f
}

// formFor returns the form in which t is sent: the one wished for where it holds t exactly, else a form by the datatype. numbers is that of
// numbers that are no floats: each transport has one that keeps them best.
func formFor(t *tensor.Tensor, wish, numbers form) form {
	oneOfBytes := t.Datatype == tensor.Bytes && t.Len() == 1
	text := false
	if oneOfBytes {
		element, ok := t.BytesAt(0)
		text = ok && utf8.Valid(element)
	}
	switch {
	case wish == strData && text, wish == binData && oneOfBytes:
		return wish
	case wish == ndarray && (listable(t.Shape) || !t.Datatype.IsNumber()):
		return ndarray
	case wish == dense && !exactDoubles(t):
		return ndarray
	case wish == dense:
		return dense
	case wish == tftensor:
		if _, err := typed(t); err == nil {
			return tftensor
		}
		return ndarray
	}
	switch {
	case oneOfBytes && !text:
		return binData
	case t.Datatype.IsFloat():
		return dense
	case t.Datatype.IsNumber():
		return numbers
	}
	return ndarray
}

func exactDoubles(t *tensor.Tensor) bool {
	if t.Datatype == tensor.FP64 {
		return true
	}
	_, err := doubles(t)
	return err == nil
}

// doubles returns t as FP64, exactly, or an error.
func doubles(t *tensor.Tensor) (tensor.Tensor, error) {
	switch {
	case t.Datatype == tensor.FP64:
		return *t, nil
	case t.Datatype == tensor.Untyped:
		return tensor.Resolve(t, tensor.FP64)
	}
	return tensor.Cast(t, tensor.FP64)
}

// vector gives a scalar the one axis that Seldon's arrays have at least.
func vector(t *tensor.Tensor) *tensor.Tensor {
	if len(t.Shape) > 0 {
		return t
	}
	v := *t
	v.Shape = []int64{1}
	return &v
}

// columns returns the names of t's columns: the message's where they are as many as it has, else the tensor's own where it has one column.
func columns(c *message.Content, t *tensor.Tensor) []string {
	n := len(t.Shape)
	if len(c.Names) > 0 && (n < 2 || int64(len(c.Names)) == t.Shape[n-1]) {
		return c.Names
	}
	if t.Name != "" && formNamed(t.Name) == none && (n < 2 || t.Shape[n-1] == 1) {
		return []string{t.Name}
	}
	return nil
}

// unnamed takes the name from a tensor that a contract calls jsonData: it is the value itself.
func unnamed(c *message.Content) *message.Content {
	if len(c.Tensors) != 1 || formNamed(c.Tensors[0].Name) == none {
		return c
	}
	value := *c
	value.Tensors = []tensor.Tensor{c.Tensors[0]}
	value.Tensors[0].Name = ""
	return &value
}
