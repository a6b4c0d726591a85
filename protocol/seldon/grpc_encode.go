package seldon

import (
	"encoding/base64"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// grpcEncoder renders one SeldonMessage.
type grpcEncoder struct {
	buf    []byte
	form   form // wished for; none: by the datatype
	extent jsontensor.Extent
}

// sizeOf estimates the bytes of c, so that a message is built in one piece of memory.
func sizeOf(c *message.Content) int {
	n := 256 + len(c.JSON)
	for i := range c.Tensors {
		size := len(c.Tensors[i].Data)
		if d := c.Tensors[i].Datatype.Size(); d > 0 && d < 8 {
			size = size / d * 8
		}
		n += size
	}
	return n
}

func (e *grpcEncoder) message(c *message.Content, id string, parameters tensor.Parameters) error {
	if err := e.payload(c); err != nil {
		return err
	}
	return e.meta(c, id, parameters)
}

func (e *grpcEncoder) payload(c *message.Content) error {
	if len(c.Tensors) != 1 || len(c.Parts) > 0 || e.form == jsonData {
		if len(c.Tensors) == 0 && len(c.Parts) == 0 && len(c.JSON) == 0 {
			return e.custom(c.Parameters)
		}
		return e.json(c)
	}
	t := &c.Tensors[0]
	if err := t.Check(); err != nil {
		return noForm("tensor %q: %v", t.Name, err)
	}
	switch f := formFor(t, e.form, dense); f {
	case strData, binData:
		element, _ := t.BytesAt(0)
		number := protowire.Number(fieldStr)
		if f == binData {
			number = fieldBin
		}
		e.buf = protobuf.AppendBytes(e.buf, number, element)
		return nil
	default:
		return e.data(c, t, f)
	}
}

// custom appends customData that came as protobuf.
func (e *grpcEncoder) custom(ps tensor.Parameters) error {
	if _, ok := ps.Get(keptCustom); ok {
		return noForm("customData came as JSON, and has a form in protobuf only for who knows its type")
	}
	v, _ := ps.Get(keptAny)
	if v.Kind != tensor.StringValue {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(v.String)
	if err != nil {
		return noForm("parameter %s: expected base64: %v", keptAny, err)
	}
	e.buf = protobuf.AppendBytes(e.buf, fieldCustom, raw)
	return nil
}

func (e *grpcEncoder) json(c *message.Content) error {
	text, err := jsontensor.AppendContent(make([]byte, 0, sizeOf(c)), unnamed(c), e.extent)
	if err != nil {
		return err
	}
	at := 0
	e.buf, at = protobuf.Open(e.buf, fieldJSON)
	s := jsontext.NewScanner(text)
	e.buf = protobuf.Seal(appendValue(e.buf, &s), at)
	if err := s.End(); err != nil {
		return noForm("jsonData: %v", err)
	}
	return nil
}

func (e *grpcEncoder) data(c *message.Content, t *tensor.Tensor, f form) error {
	var room [128]byte
	names := room[:0]
	for _, name := range columns(c, t) {
		if !utf8.ValidString(name) {
			return noForm("data.names: %q is not UTF-8", name)
		}
		names = protobuf.AppendBytes(names, 1, name)
	}
	switch f {
	case dense:
		v, err := doubles(vector(t))
		if err != nil {
			return inexact(t, err)
		}
		head, err := appendShape(nil, &v)
		if err != nil {
			return err
		}
		size := len(head)
		if len(v.Data) > 0 {
			size += 1 + protowire.SizeBytes(len(v.Data))
		}
		e.begin(names, 2, size)
		e.buf = append(e.buf, head...)
		if len(v.Data) > 0 {
			e.buf = protobuf.AppendBytes(e.buf, 2, v.Data)
		}
	case tftensor:
		v, err := typed(t)
		if err != nil {
			return inexact(t, err)
		}
		e.begin(names, 4, tensorproto.Size(&v))
		e.buf = tensorproto.Append(e.buf, &v)
	default:
		return e.list(names, vector(t))
	}
	return nil
}

// begin appends a DefaultData but for the content of its last field, a message of that number and size: its data, which may be much, is
// then moved once.
func (e *grpcEncoder) begin(names []byte, number protowire.Number, size int) {
	e.buf = protowire.AppendTag(e.buf, fieldData, protowire.BytesType)
	e.buf = protowire.AppendVarint(e.buf, uint64(len(names)+1+protowire.SizeBytes(size)))
	e.buf = protowire.AppendTag(append(e.buf, names...), number, protowire.BytesType)
	e.buf = protowire.AppendVarint(e.buf, uint64(size))
}

// list appends a DefaultData with an ndarray.
func (e *grpcEncoder) list(names []byte, t *tensor.Tensor) error {
	v := *t
	if t.Datatype != tensor.Bool && t.Datatype != tensor.Bytes {
		var err error
		if v, err = doubles(t); err != nil {
			return inexact(t, err)
		}
		e.buf = slices.Grow(e.buf, len(v.Data)/8*11)
	}
	at, inner := 0, 0
	e.buf, at = protobuf.Open(e.buf, fieldData)
	e.buf, inner = protobuf.Open(append(e.buf, names...), 3)
	var err error
	if e.buf, err = appendList(e.buf, &v); err != nil {
		return err
	}
	e.buf = protobuf.Seal(protobuf.Seal(e.buf, inner), at)
	return nil
}

// inexact says that t has no exact form among doubles, and which form there is.
func inexact(t *tensor.Tensor, err error) error {
	f := noForm("tensor %q: %v", t.Name, err)
	f.Remedy = "Seldon's numbers over gRPC are doubles; name the contract's tensor tftensor, or ask with data.tftensor"
	return f
}

// appendShape appends the shape of a Tensor.
func appendShape(dst []byte, t *tensor.Tensor) ([]byte, error) {
	dst, at := protobuf.Open(dst, 1)
	for _, n := range t.Shape {
		if n > math.MaxInt32 {
			return dst, noForm("tensor %q: an axis of %d is longer than data.tensor has them", t.Name, n)
		}
		dst = protowire.AppendVarint(dst, uint64(n))
	}
	return protobuf.Seal(dst, at), nil
}

// meta appends the meta where there is something to say in it: the parameters and the errors of a partial answer are among its tags.
func (e *grpcEncoder) meta(c *message.Content, id string, parameters tensor.Parameters) error {
	m, err := metaOf(&message.Content{ID: id, Tags: c.Tags, Parameters: parameters})
	if err != nil {
		return err
	}
	tags := m.Tags[:len(m.Tags):len(m.Tags)]
	for _, p := range parameters {
		if !strings.HasPrefix(p.Name, kept) {
			tags = append(tags, p)
		}
	}
	if len(c.Errors) > 0 && len(c.Parts) == 0 {
		tags = append(tags, tensor.Parameter{Name: "errors", Value: tensor.JSONOf(string(jsontensor.AppendErrors(nil, c)))})
	}
	if m.Tags = tags; m.empty() {
		return nil
	}
	for i := range tags {
		if !utf8.ValidString(tags[i].Name) {
			return noForm("tag %q is not UTF-8", tags[i].Name)
		}
	}
	if !utf8.ValidString(id) {
		return noForm("puid %q is not UTF-8", id)
	}
	at := 0
	e.buf, at = protobuf.Open(e.buf, fieldMeta)
	if e.buf, err = m.appendGRPC(e.buf); err != nil {
		return err
	}
	e.buf = protobuf.Seal(e.buf, at)
	return nil
}
