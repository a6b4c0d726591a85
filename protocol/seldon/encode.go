package seldon

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

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
			if v, _ := c.Parameters.Get(keptAny); v.Kind == tensor.StringValue {
				return noForm("customData came as protobuf, and has a form in JSON only for who knows its type")
			}
			return nil
		}
		e.key("jsonData")
		e.buf, err = jsontensor.AppendContent(e.buf, unnamed(c), e.extent)
		return err
	}
	t := &c.Tensors[0]
	switch formFor(t, e.form, ndarray) {
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
	case tftensor:
		return e.data(c, t, e.tftensor)
	default:
		return e.data(c, t, e.ndarray)
	}
	return nil
}

// data appends the member data with its names and what values appends.
func (e *encoder) data(c *message.Content, t *tensor.Tensor, values func(*tensor.Tensor) error) error {
	e.key("data")
	e.buf = append(e.buf, '{')
	if names := columns(c, t); len(names) > 0 {
		e.key("names")
		e.buf = append(e.buf, '[')
		for _, n := range names {
			e.buf = jsontext.AppendString(comma(e.buf, '['), n)
		}
		e.buf = append(e.buf, ']')
	}
	if err := values(t); err != nil {
		return err
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) ndarray(t *tensor.Tensor) (err error) {
	if !listable(t.Shape) {
		return noForm("tensor %q: shape %v has no form as nested lists: an axis after an empty one would be lost", t.Name, t.Shape)
	}
	e.key("ndarray")
	e.buf = slices.Grow(e.buf, len(t.Data))
	e.buf, err = jsontensor.Append(e.buf, vector(t))
	return err
}

func (e *encoder) dense(t *tensor.Tensor) error {
	v, err := doubles(vector(t))
	if err != nil {
		return noForm("tensor %q: %v", t.Name, err)
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
	e.buf = slices.Grow(e.buf, len(v.Data))
	if e.buf, err = tensor.AppendJSON(e.buf, &v, tensor.Flat); err != nil {
		return noForm("tensor %q: %v", t.Name, err)
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) tftensor(t *tensor.Tensor) error {
	v, err := typed(t)
	if err != nil {
		return noForm("tensor %q: %v", t.Name, err)
	}
	e.key("tftensor")
	e.buf, err = appendTFTensor(e.buf, &v)
	return err
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
		if name, ok := strings.CutPrefix(p.Name, keptMeta); ok && p.Value.Kind == tensor.JSONValue {
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
				return noForm("tag %q: %v", p.Name, err)
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
