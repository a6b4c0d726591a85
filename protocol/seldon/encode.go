package seldon

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// encoder renders one SeldonMessage.
type encoder struct {
	buf    []byte
	form   form // wished for; none: by the datatype
	extent jsontensor.Extent
}

func (e *encoder) message(c *message.Content, id string, parameters tensor.Parameters) error {
	e.buf = append(e.buf, '{')
	if err := e.payload(c); err != nil {
		return err
	}
	if err := e.meta(c, id, parameters); err != nil {
		return err
	}
	for _, p := range parameters {
		if name, ok := strings.CutPrefix(p.Name, kept); ok && !strings.HasPrefix(name, "meta.") && p.Value.Kind == tensor.JSONValue {
			e.key(name)
			e.buf = append(e.buf, p.Value.String...)
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) key(name string) {
	if e.buf[len(e.buf)-1] != '{' {
		e.buf = append(e.buf, ',')
	}
	e.buf = append(jsontext.AppendString(e.buf, name), ':')
}

func (e *encoder) payload(c *message.Content) (err error) {
	if len(c.Tensors) != 1 || len(c.Parts) > 0 || e.form == jsonData {
		if len(c.Tensors) == 0 && len(c.Parts) == 0 && len(c.JSON) == 0 {
			return nil
		}
		e.key("jsonData")
		e.buf, err = jsontensor.AppendContent(e.buf, e.unnamed(c), e.extent)
		return err
	}
	t := &c.Tensors[0]
	switch f := formFor(t, e.form); f {
	case strData:
		text, _ := t.BytesAt(0)
		e.key("strData")
		e.buf = jsontext.AppendString(e.buf, text)
	case binData:
		text, _ := t.BytesAt(0)
		e.key("binData")
		e.buf = append(e.buf, '"')
		e.buf = append(base64.StdEncoding.AppendEncode(e.buf, text), '"')
	case dense:
		return e.data(c, t, e.dense)
	default:
		return e.data(c, t, e.ndarray)
	}
	return nil
}

// unnamed takes the name from a tensor that a contract calls jsonData: it is the value itself.
func (e *encoder) unnamed(c *message.Content) *message.Content {
	if len(c.Tensors) != 1 || formNamed(c.Tensors[0].Name) == none {
		return c
	}
	value := *c
	value.Tensors = []tensor.Tensor{c.Tensors[0]}
	value.Tensors[0].Name = ""
	return &value
}

// formFor returns the form in which t is sent: the one wished for where it holds t exactly.
func formFor(t *tensor.Tensor, wish form) form {
	switch wish {
	case strData:
		if text, ok := t.BytesAt(0); ok && t.Datatype == tensor.Bytes && t.Len() == 1 && utf8.Valid(text) {
			return strData
		}
	case binData:
		if t.Datatype == tensor.Bytes && t.Len() == 1 {
			return binData
		}
	case ndarray:
		return ndarray
	case dense:
		if _, err := doubles(t); err == nil {
			return dense
		}
		return ndarray
	}
	if t.Datatype.IsFloat() {
		return dense
	}
	return ndarray
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

// data appends the member data with its names and what values appends.
func (e *encoder) data(c *message.Content, t *tensor.Tensor, values func(*tensor.Tensor) error) error {
	e.key("data")
	e.buf = append(e.buf, '{')
	if names := columns(c, t); len(names) > 0 {
		e.key("names")
		e.buf = append(e.buf, '[')
		for i, n := range names {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = jsontext.AppendString(e.buf, n)
		}
		e.buf = append(e.buf, ']')
	} else if t.Name != "" && formNamed(t.Name) == none && (len(t.Shape) < 2 || t.Shape[len(t.Shape)-1] == 1) {
		e.key("names")
		e.buf = jsontext.AppendString(append(e.buf, '['), t.Name)
		e.buf = append(e.buf, ']')
	}
	if err := values(t); err != nil {
		return err
	}
	e.buf = append(e.buf, '}')
	return nil
}

// columns returns the names of t's columns where they are as many as it has.
func columns(c *message.Content, t *tensor.Tensor) []string {
	if n := len(t.Shape); len(c.Names) == 0 || n > 1 && int64(len(c.Names)) != t.Shape[n-1] {
		return nil
	}
	return c.Names
}

func (e *encoder) ndarray(t *tensor.Tensor) (err error) {
	e.key("ndarray")
	e.buf, err = jsontensor.Append(e.buf, vector(t))
	return err
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

func (e *encoder) dense(t *tensor.Tensor) error {
	v, err := doubles(vector(t))
	if err != nil {
		return message.Invalid(jsontensor.CodeNoForm, "tensor %q: %v", t.Name, err)
	}
	e.key("tensor")
	e.buf = append(e.buf, `{"shape":[`...)
	for i, n := range v.Shape {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = strconv.AppendInt(e.buf, n, 10)
	}
	e.buf = append(e.buf, `],"values":`...)
	if e.buf, err = tensor.AppendJSON(e.buf, &v, tensor.Flat); err != nil {
		return message.Invalid(jsontensor.CodeNoForm, "tensor %q: %v", t.Name, err)
	}
	e.buf = append(e.buf, '}')
	return nil
}

// meta appends the member meta where there is something to say in it.
func (e *encoder) meta(c *message.Content, id string, parameters tensor.Parameters) error {
	start := len(e.buf)
	e.key("meta")
	e.buf = append(e.buf, '{')
	empty := len(e.buf)
	if id != "" {
		e.key("puid")
		e.buf = jsontext.AppendString(e.buf, id)
	}
	if err := e.tags(c, parameters); err != nil {
		return err
	}
	for _, p := range parameters {
		if name, ok := strings.CutPrefix(p.Name, kept+"meta."); ok && p.Value.Kind == tensor.JSONValue {
			e.key(name)
			e.buf = append(e.buf, p.Value.String...)
		}
	}
	if len(e.buf) == empty {
		e.buf = e.buf[:start]
		return nil
	}
	e.buf = append(e.buf, '}')
	return nil
}

// tags appends the tags, the parameters, which have no other place, and the errors of a partial answer.
func (e *encoder) tags(c *message.Content, parameters tensor.Parameters) (err error) {
	start := len(e.buf)
	e.key("tags")
	e.buf = append(e.buf, '{')
	empty := len(e.buf)
	for _, ps := range [...]tensor.Parameters{c.Tags, parameters} {
		for _, p := range ps {
			if strings.HasPrefix(p.Name, kept) {
				continue
			}
			e.key(p.Name)
			if e.buf, err = p.Value.AppendJSON(e.buf); err != nil {
				return message.Invalid(jsontensor.CodeNoForm, "tag %q: %v", p.Name, err)
			}
		}
	}
	if len(c.Errors) > 0 && len(c.Parts) == 0 {
		e.key("errors")
		e.buf = jsontensor.AppendErrors(e.buf, c)
	}
	if len(e.buf) == empty {
		e.buf = e.buf[:start]
		return nil
	}
	e.buf = append(e.buf, '}')
	return nil
}
