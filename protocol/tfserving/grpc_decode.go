package tfserving

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// DecodeRequest reads a PredictRequest. tensor_content, and packed floats, are views of the body. The signature's name is a
// parameter of the content.
func (GRPC) DecodeRequest(w *message.Wire) (*message.Content, error) {
	c, s, err := decode(w.Body.Bytes(), request)
	if err != nil {
		return nil, err
	}
	if s.signature != "" {
		c.Parameters = tensor.Parameters{{Name: signatureName, Value: tensor.StringOf(s.signature)}}
	}
	return c, nil
}

// DecodeReply reads a PredictResponse, in the same way. Its signature's name is dropped: it would go on to the next model of a graph.
func (GRPC) DecodeReply(w *message.Wire) (*message.Content, error) {
	c, _, err := decode(w.Body.Bytes(), reply)
	return c, err
}

// decoder reads the tensors of one message.
type decoder struct {
	side   *side
	filled int // bytes that repeated values have taken
}

func decode(b []byte, s *side) (*message.Content, *spec, error) {
	c, model := &message.Content{}, &spec{}
	d := decoder{side: s}
	c.Tensors = make([]tensor.Tensor, 0, count(b, s))
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return nil, nil, protobuf.Truncated("the body")
		}
		b = rest
		if f.Kind != protowire.BytesType {
			continue
		}
		var err error
		switch f.Number {
		case s.spec:
			err = model.merge(f.Bytes)
		case s.tensors:
			if len(c.Tensors) == maxTensors {
				return nil, nil, malformed("expected at most %d %ss, got more", maxTensors, s.what)
			}
			var t tensor.Tensor
			t, err = d.entry(f.Bytes)
			c.Tensors = append(c.Tensors, t)
		case s.filter:
			if len(c.Asked) == maxTensors {
				return nil, nil, malformed("expected at most %d outputs in output_filter, got more", maxTensors)
			}
			var name string
			name, err = f.Text("an output in output_filter")
			c.Asked = append(c.Asked, message.Asked{Name: name})
		}
		if err != nil {
			return nil, nil, err
		}
	}
	c.Tensors = lastOfEach(c.Tensors)
	c.Model = model.name
	var err error
	c.Version, err = model.version()
	return c, model, err
}

// count returns the number of tensors, as far as b can be read, within the limit.
func count(b []byte, s *side) int {
	n := 0
	for len(b) > 0 && n < maxTensors {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			break
		}
		b = rest
		if f.Is(s.tensors, protowire.BytesType) {
			n++
		}
	}
	return n
}

// lastOfEach drops, in place, tensors whose name comes again: of a map's key, the last value counts.
func lastOfEach(all []tensor.Tensor) []tensor.Tensor {
	var places map[string]int
	if len(all) > 8 {
		places = make(map[string]int, len(all))
	}
	out := all[:0]
	for i := range all {
		at := -1
		if places == nil {
			at = slices.IndexFunc(out, func(t tensor.Tensor) bool { return t.Name == all[i].Name })
		} else if place, ok := places[all[i].Name]; ok {
			at = place
		}
		if at >= 0 {
			out[at] = all[i]
			continue
		}
		if places != nil {
			places[all[i].Name] = len(out)
		}
		out = append(out, all[i])
	}
	return out
}

// entry reads an entry of a map<string, TensorProto>.
func (d *decoder) entry(b []byte) (t tensor.Tensor, err error) {
	var value []byte
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return t, protobuf.Truncated("an " + d.side.what)
		}
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			if t.Name, err = f.Text("the name of an " + d.side.what); err != nil {
				return t, err
			}
		case f.Is(2, protowire.BytesType) && value == nil:
			value = f.Bytes
		case f.Is(2, protowire.BytesType): // a message in pieces is their concatenation
			value = append(value, f.Bytes...)
		}
	}
	if t.Name == "" {
		return t, malformed("an %s has no name", d.side.what)
	}
	return t, d.tensor(&t, value)
}

// tensor reads a TensorProto to t, which has its name.
func (d *decoder) tensor(t *tensor.Tensor, b []byte) error {
	content, err := d.head(t, b)
	if err != nil {
		return err
	}
	n, err := tensor.Elements(t.Shape)
	switch {
	case err != nil:
		return d.bad(t, "%v", err)
	case len(content) == 0:
		return d.values(t, b, n)
	case t.Datatype == tensor.Bytes:
		if t.Data, err = stringList(content, n); err != nil {
			return d.bad(t, "tensor_content: %v", err)
		}
		return nil
	}
	if t.Data = content; len(content) != n*t.Datatype.Size() {
		return d.bad(t, "tensor_content: expected %d bytes for shape %v of %s, got %d", n*t.Datatype.Size(), t.Shape, tensorproto.Of(t.Datatype).Name, len(content))
	}
	return nil
}

func (d *decoder) bad(t *tensor.Tensor, format string, args ...any) *message.Failure {
	f := malformed(format, args...)
	f.Detail = d.side.what + " '" + t.Name + "': " + f.Detail
	return f
}

// head reads all but the values of a TensorProto.
func (d *decoder) head(t *tensor.Tensor, b []byte) (content []byte, err error) {
	p, err := tensorproto.Read(b, maxAxes)
	switch {
	case err == tensorproto.ErrShape:
		return nil, protobuf.Truncated("a shape")
	case err != nil:
		return nil, protobuf.Truncated(d.side.what + " '" + t.Name + "'")
	}
	t.Shape = p.Shape
	dtype := tensorproto.Numbered(p.Number)
	switch {
	case dtype == nil && p.Number == 0:
		return nil, d.bad(t, "it has no dtype")
	case dtype == nil:
		return nil, d.bad(t, "dtype %d has no counterpart: expected a boolean, integers, floats or strings", p.Number)
	case p.UnknownRank:
		return nil, d.bad(t, "the rank of its shape is unknown")
	case len(t.Shape) > maxAxes:
		return nil, d.bad(t, "expected at most %d axes in its shape, got more", maxAxes)
	}
	t.Datatype = dtype.Datatype
	return p.Content, nil
}
