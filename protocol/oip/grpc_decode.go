package oip

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// DecodeRequest reads a ModelInferRequest. Raw contents, and packed typed floats, are views of the body.
func (GRPC) DecodeRequest(w *message.Wire) (*message.Content, error) {
	return decodeGRPC(w.Body.Bytes(), request)
}

// DecodeReply reads a ModelInferResponse, in the same way.
func (GRPC) DecodeReply(w *message.Wire) (*message.Content, error) {
	return decodeGRPC(w.Body.Bytes(), reply)
}

// field is one field of a message: varint or fixed in num, or bytes.
type field struct {
	number int32
	kind   protowire.Type
	num    uint64
	bytes  []byte
}

// next reads the first field of b and returns what is behind it. Groups come with their content in bytes, to be passed over.
func next(b []byte) (f field, rest []byte, ok bool) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 || number > protowire.MaxValidNumber {
		return f, nil, false
	}
	b = b[n:]
	f.number, f.kind = int32(number), kind
	switch kind {
	case protowire.VarintType:
		f.num, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.num = uint64(v)
	case protowire.Fixed64Type:
		f.num, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
		f.bytes = f.bytes[:len(f.bytes):len(f.bytes)] // nobody appends into the body
	default:
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return f, nil, false
	}
	return f, b[n:], true
}

// text returns a string field's value as a copy.
func (f *field) text(name string) (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", malformed("%s is not UTF-8", name)
	}
	return string(f.bytes), nil
}

func truncated(what string) error {
	return malformed("%s is not a protobuf message: it is cut or garbled", what)
}

// is tells whether the field has that number and type; a field of another type than declared is unknown, as protobuf has it.
func (f *field) is(number int32, kind protowire.Type) bool {
	return f.number == number && f.kind == kind
}

func decodeGRPC(b []byte, s *side) (*message.Content, error) {
	c := &message.Content{}
	tensors, raws := count(b, s)
	if tensors > maxTensors {
		return nil, malformed("expected at most %d %ss, got %d", maxTensors, s.what, tensors)
	}
	if raws > 0 && raws != tensors {
		return nil, malformed("expected %d entries in %s, one for each %s, got %d", tensors, s.rawName, s.what, raws)
	}
	c.Tensors = make([]tensor.Tensor, 0, tensors)
	var few [4][]byte // the contents of the first tensors: most messages have no more
	typed := few[:0]
	for rest := b; len(rest) > 0; {
		f, behind, ok := next(rest)
		if !ok {
			return nil, truncated("the body")
		}
		rest = behind
		if err := decodeField(c, &f, s, &typed); err != nil {
			return nil, err
		}
	}
	c.Parameters = c.Parameters.Unique()
	if err := checkTensors(c, s); err != nil {
		return nil, err
	}
	if raws > 0 {
		return c, takeRaw(c, b, typed, s)
	}
	for i := range c.Tensors {
		if err := decodeContents(c, &c.Tensors[i], typed[i], s); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// count returns the numbers of tensors and of raw contents, as far as b can be read.
func count(b []byte, s *side) (tensors, raws int) {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			break
		}
		b = rest
		if f.is(5, protowire.BytesType) {
			tensors++
		} else if f.is(s.raw, protowire.BytesType) {
			raws++
		}
	}
	return tensors, raws
}

func decodeField(c *message.Content, f *field, s *side, typed *[][]byte) (err error) {
	switch {
	case f.kind != protowire.BytesType:
	case f.number == 1:
		c.Model, err = f.text("model_name")
	case f.number == 2:
		c.Version, err = f.text("model_version")
	case f.number == 3:
		c.ID, err = f.text("id")
	case f.number == 4:
		c.Parameters, err = appendParameter(c.Parameters, f.bytes)
	case f.number == 5:
		var t tensor.Tensor
		var contents []byte
		t, contents, err = decodeTensor(f.bytes, s)
		c.Tensors, *typed = append(c.Tensors, t), append(*typed, contents)
	case f.number == s.asked:
		if len(c.Asked) == maxTensors {
			return malformed("expected at most %d outputs, got more", maxTensors)
		}
		var a message.Asked
		a, err = decodeAsked(f.bytes)
		c.Asked = append(c.Asked, a)
	}
	return err
}

// takeRaw gives each tensor its entry of the raw contents.
func takeRaw(c *message.Content, b []byte, typed [][]byte, s *side) error {
	for i := 0; len(b) > 0; {
		f, rest, _ := next(b)
		b = rest
		if !f.is(s.raw, protowire.BytesType) {
			continue
		}
		t := &c.Tensors[i]
		if len(typed[i]) > 0 {
			return malformed("contents field must not be specified when using %s for '%s' for model '%s'", s.rawName, t.Name, c.Model)
		}
		t.Data = f.bytes
		if err := checkData(c, t, s); err != nil {
			return err
		}
		i++
	}
	return nil
}

// checkData checks binary data against the shape, in the words that users of Triton know.
func checkData(c *message.Content, t *tensor.Tensor, s *side) error {
	err := t.Check()
	if err == nil {
		return nil
	}
	if n, bad := tensor.Elements(t.Shape); bad == nil && t.Datatype.Size() > 0 {
		return malformed("%s byte size mismatch for %s '%s' for model '%s'. Expected %d, got %d", s.what, s.what, t.Name, c.Model, n*t.Datatype.Size(), len(t.Data))
	}
	return malformed("%s '%s' for model '%s': %v", s.what, t.Name, c.Model, err)
}

func decodeAsked(b []byte) (a message.Asked, err error) {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return a, truncated("a requested output")
		}
		b = rest
		switch {
		case f.is(1, protowire.BytesType):
			a.Name, err = f.text("the name of a requested output")
		case f.is(2, protowire.BytesType):
			a.Parameters, err = appendParameter(a.Parameters, f.bytes)
		}
		if err != nil {
			return a, err
		}
	}
	a.Parameters = a.Parameters.Unique()
	return a, nil
}

// decodeTensor reads an InferInputTensor or InferOutputTensor but for its contents, which it returns as they stand.
func decodeTensor(b []byte, s *side) (t tensor.Tensor, contents []byte, err error) {
	var datatype []byte
	t.Shape = []int64{}
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return t, nil, truncated("an " + s.what)
		}
		b = rest
		switch {
		case f.is(1, protowire.BytesType):
			t.Name, err = f.text("the name of an " + s.what)
		case f.is(2, protowire.BytesType):
			datatype = f.bytes
		case f.is(3, protowire.VarintType):
			t.Shape = append(t.Shape, int64(f.num))
		case f.is(3, protowire.BytesType):
			t.Shape, err = appendPacked(t.Shape, f.bytes)
		case f.is(4, protowire.BytesType):
			t.Parameters, err = appendParameter(t.Parameters, f.bytes)
		case f.is(5, protowire.BytesType) && contents == nil:
			contents = f.bytes
		case f.is(5, protowire.BytesType): // a message in pieces is their concatenation
			contents = append(contents[:len(contents):len(contents)], f.bytes...)
		}
		if err == nil && len(t.Shape) > maxAxes {
			err = malformed("%s '%s': expected at most %d axes in its shape, got more", s.what, t.Name, maxAxes)
		}
		if err != nil {
			return t, nil, err
		}
	}
	t.Parameters = t.Parameters.Unique()
	if t.Datatype, err = datatypeOf(datatype, t.Name, s); err != nil {
		return t, nil, err
	}
	return t, contents, nil
}

func datatypeOf(text []byte, name string, s *side) (tensor.Datatype, error) {
	d, ok := tensor.ParseDatatype(text)
	if !ok {
		return d, malformed("%s '%s': unknown datatype %.20q; expected BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 or BYTES", s.what, name, text)
	}
	return d, nil
}

func appendPacked(dst []int64, b []byte) ([]int64, error) {
	for len(b) > 0 && len(dst) <= maxAxes {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return dst, truncated("a shape")
		}
		dst, b = append(dst, int64(v)), b[n:]
	}
	return dst, nil
}

// appendParameter reads an entry of a map<string, InferParameter>.
func appendParameter(dst tensor.Parameters, b []byte) (tensor.Parameters, error) {
	if len(dst) == maxParameters {
		return dst, malformed("expected at most %d parameters, got more", maxParameters)
	}
	var p tensor.Parameter
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return dst, truncated("a parameter")
		}
		b = rest
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			p.Name, err = f.text("a parameter's name")
		case f.is(2, protowire.BytesType):
			p.Value, err = decodeValue(p.Value, f.bytes)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, p), nil
}

func decodeValue(v tensor.Value, b []byte) (tensor.Value, error) {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return v, truncated("a parameter's value")
		}
		b = rest
		switch {
		case f.is(1, protowire.VarintType):
			v = tensor.BoolOf(f.num != 0)
		case f.is(2, protowire.VarintType):
			v = tensor.Int64Of(int64(f.num))
		case f.is(3, protowire.BytesType):
			text, err := f.text("a parameter's value")
			if err != nil {
				return v, err
			}
			v = tensor.StringOf(text)
		case f.is(4, protowire.Fixed64Type):
			v = tensor.DoubleOf(math.Float64frombits(f.num))
		case f.is(5, protowire.VarintType):
			v = tensor.Uint64Of(f.num)
		}
	}
	return v, nil
}
