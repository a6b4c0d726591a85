package oip

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
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
		f, behind, ok := protobuf.Next(rest)
		if !ok {
			return nil, protobuf.Truncated("the body")
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
		f, rest, ok := protobuf.Next(b)
		if !ok {
			break
		}
		b = rest
		if f.Is(5, protowire.BytesType) {
			tensors++
		} else if f.Is(s.raw, protowire.BytesType) {
			raws++
		}
	}
	return tensors, raws
}

func decodeField(c *message.Content, f *protobuf.Field, s *side, typed *[][]byte) (err error) {
	switch {
	case f.Kind != protowire.BytesType:
	case f.Number == 1:
		c.Model, err = f.Text("model_name")
	case f.Number == 2:
		c.Version, err = f.Text("model_version")
	case f.Number == 3:
		c.ID, err = f.Text("id")
	case f.Number == 4:
		c.Parameters, err = appendParameter(c.Parameters, f.Bytes)
	case f.Number == 5:
		var t tensor.Tensor
		var contents []byte
		t, contents, err = decodeTensor(f.Bytes, s)
		c.Tensors, *typed = append(c.Tensors, t), append(*typed, contents)
	case f.Number == s.asked:
		if len(c.Asked) == maxTensors {
			return malformed("expected at most %d outputs, got more", maxTensors)
		}
		var a message.Asked
		a, err = decodeAsked(f.Bytes)
		c.Asked = append(c.Asked, a)
	}
	return err
}

// takeRaw gives each tensor its entry of the raw contents.
func takeRaw(c *message.Content, b []byte, typed [][]byte, s *side) error {
	for i := 0; len(b) > 0; {
		f, rest, _ := protobuf.Next(b)
		b = rest
		if !f.Is(s.raw, protowire.BytesType) {
			continue
		}
		t := &c.Tensors[i]
		if len(typed[i]) > 0 {
			return malformed("contents field must not be specified when using %s for '%s' for model '%s'", s.rawName, t.Name, c.Model)
		}
		t.Data = f.Bytes
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
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return a, protobuf.Truncated("a requested output")
		}
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			a.Name, err = f.Text("the name of a requested output")
		case f.Is(2, protowire.BytesType):
			a.Parameters, err = appendParameter(a.Parameters, f.Bytes)
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
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return t, nil, protobuf.Truncated("an " + s.what)
		}
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			t.Name, err = f.Text("the name of an " + s.what)
		case f.Is(2, protowire.BytesType):
			datatype = f.Bytes
		case f.Is(3, protowire.VarintType):
			t.Shape = append(t.Shape, int64(f.Num))
		case f.Is(3, protowire.BytesType):
			t.Shape, err = appendPacked(t.Shape, f.Bytes)
		case f.Is(4, protowire.BytesType):
			t.Parameters, err = appendParameter(t.Parameters, f.Bytes)
		case f.Is(5, protowire.BytesType) && contents == nil:
			contents = f.Bytes
		case f.Is(5, protowire.BytesType): // a message in pieces is their concatenation
			contents = append(contents[:len(contents):len(contents)], f.Bytes...)
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
			return dst, protobuf.Truncated("a shape")
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
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return dst, protobuf.Truncated("a parameter")
		}
		b = rest
		var err error
		switch {
		case f.Is(1, protowire.BytesType):
			p.Name, err = f.Text("a parameter's name")
		case f.Is(2, protowire.BytesType):
			p.Value, err = decodeValue(p.Value, f.Bytes)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, p), nil
}

func decodeValue(v tensor.Value, b []byte) (tensor.Value, error) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return v, protobuf.Truncated("a parameter's value")
		}
		b = rest
		switch {
		case f.Is(1, protowire.VarintType):
			v = tensor.BoolOf(f.Num != 0)
		case f.Is(2, protowire.VarintType):
			v = tensor.Int64Of(int64(f.Num))
		case f.Is(3, protowire.BytesType):
			text, err := f.Text("a parameter's value")
			if err != nil {
				return v, err
			}
			v = tensor.StringOf(text)
		case f.Is(4, protowire.Fixed64Type):
			v = tensor.DoubleOf(math.Float64frombits(f.Num))
		case f.Is(5, protowire.VarintType):
			v = tensor.Uint64Of(f.Num)
		}
	}
	return v, nil
}
