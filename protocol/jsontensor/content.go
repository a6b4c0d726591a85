package jsontensor

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Extent says how much of a tensor is written.
type Extent uint8

// Whole writes a tensor by its shape. OneRow leaves out the rows' axis where that has one element, for who asked about one row.
const (
	Whole Extent = iota
	OneRow
)

// ExtentFor returns the extent that mirrors how a client asked.
func ExtentFor(a *message.Asking) Extent {
	if a != nil && a.Request != nil && a.Request.Scalar {
		return OneRow
	}
	return Whole
}

// AppendExtent appends t as Append does, as far as e says.
func AppendExtent(dst []byte, t *tensor.Tensor, e Extent) ([]byte, error) {
	if e == OneRow && len(t.Shape) > 0 && t.Shape[0] == 1 {
		row := *t
		row.Shape = t.Shape[1:]
		t = &row
	}
	return Append(dst, t)
}

// AppendContent appends c as one value: its JSON as it is, else an object of its outputs; a merge is an object of its parts,
// each such a value, with the parts that failed under `errors`. A single output without a name stands alone.
func AppendContent(dst []byte, c *message.Content, e Extent) (out []byte, err error) {
	start := len(dst)
	switch {
	case len(c.Parts) > 0:
		dst = append(dst, '{')
		for _, p := range c.Parts {
			content, err := p.Message.Content()
			if err != nil {
				return dst[:start], err
			}
			if dst, err = AppendContent(appendKey(dst, p.Name), content, e); err != nil {
				return dst[:start], err
			}
		}
		if len(c.Errors) > 0 {
			dst = AppendErrors(appendKey(dst, "errors"), c)
		}
		return append(dst, '}'), nil
	case len(c.Tensors) == 0 && len(c.JSON) > 0:
		return append(dst, c.JSON...), nil
	case len(c.Tensors) == 1 && c.Tensors[0].Name == "":
		return AppendExtent(dst, &c.Tensors[0], e)
	}
	dst = append(dst, '{')
	for i := range c.Tensors {
		t := &c.Tensors[i]
		if dst, err = AppendExtent(appendKey(dst, t.Name), t, e); err != nil {
			return dst[:start], err
		}
	}
	return append(dst, '}'), nil
}

// AppendErrors appends an object of the parts that failed and why.
func AppendErrors(dst []byte, c *message.Content) []byte {
	dst = append(dst, '{')
	for i := range c.Errors {
		dst = jsontext.AppendString(appendKey(dst, c.Errors[i].Part), c.Errors[i].Failure.Error())
	}
	return append(dst, '}')
}

// appendKey starts a member of the object that dst ends in.
func appendKey(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(jsontext.AppendString(dst, name), ':')
}
