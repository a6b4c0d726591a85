package seldon

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// tfReader reads a TensorProto in the form that JSON of protobuf gives it: names in camel or snake case, integers of 64 bits and
// numbers that are not finite in quotes, bytes in base64.
type tfReader struct {
	dtype   *tensorproto.Type
	shape   []int64
	content []byte
	values  map[string][]byte // the text of each member of values, which may stand before the dtype
}

// readTFTensor reads the value of the member tftensor. Errors stick in s.
func readTFTensor(s *jsontext.Scanner) (t tensor.Tensor) {
	r := tfReader{shape: []int64{}}
	for s.Object(); s.NextKey(); {
		r.member(s)
	}
	if s.Err() != nil {
		return t
	}
	if r.dtype == nil {
		s.Fail("data.tftensor: expected a dtype, as DT_FLOAT")
		return t
	}
	t.Datatype, t.Shape = r.dtype.Datatype, r.shape
	var err error
	if len(r.content) > 0 {
		t.Data = r.content
		err = whole(&t)
	} else {
		if raw := r.values[r.dtype.Member]; raw != nil {
			t.Data, err = r.elements(raw)
		}
		if err == nil {
			err = fill(&t)
		}
	}
	if err != nil {
		s.Fail("%v", detail(err))
	}
	return t
}

func (r *tfReader) member(s *jsontext.Scanner) {
	key := s.Key()
	switch {
	case s.TryNull():
	case same(key, "dtype"):
		var err error
		if s.Kind() == jsontext.String {
			r.dtype, err = tfNamed(s.Bytes())
		} else {
			r.dtype, err = tfNumbered(int32(readInteger(s, 32)))
		}
		if err != nil {
			s.Fail("%v", detail(err))
		}
	case same(key, "tensorShape"):
		r.dims(s)
	case same(key, "tensorContent"):
		r.content = decodeBase64(s, "data.tftensor.tensorContent")
	default:
		for d := tensor.Bool; d <= tensor.Bytes; d++ {
			if member := tensorproto.Of(d).Member; same(key, member) {
				if r.values == nil {
					r.values = make(map[string][]byte, 1)
				}
				r.values[member] = s.Skip()
				return
			}
		}
		s.Skip()
	}
}

func (r *tfReader) dims(s *jsontext.Scanner) {
	r.shape = r.shape[:0]
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); {
		case s.TryNull():
		case same(key, "unknownRank"):
			if s.Bool() {
				s.Fail("data.tftensor: its shape is not known")
			}
		case string(key) == "dim":
			for s.Array(); s.NextElement(); {
				size := int64(0)
				for s.Object(); s.NextKey(); {
					if string(s.Key()) == "size" {
						size = readInteger(s, 64)
					} else {
						s.Skip()
					}
				}
				if r.shape = append(r.shape, size); len(r.shape) > maxAxes {
					s.Fail("data.tftensor: expected at most %d axes", maxAxes)
				}
			}
		default:
			s.Skip()
		}
	}
}

// elements reads an array of values.
func (r *tfReader) elements(raw []byte) ([]byte, error) {
	d := r.dtype.Datatype
	if d == tensor.FP16 || d == tensor.BF16 {
		d = tensor.Uint16 // their bits
	}
	if d == tensor.Bytes {
		s := jsontext.NewScanner(raw)
		var data []byte
		for s.Array(); s.NextElement(); {
			data = tensor.AppendBytes(data, decodeBase64(&s, "data.tftensor.stringVal"))
		}
		return data, s.End()
	}
	if bytes.IndexByte(raw, '"') >= 0 {
		unquoted, err := unquote(raw)
		if err != nil {
			return nil, err
		}
		raw = unquoted
	}
	s := jsontext.NewScanner(raw)
	s.NonFinite = true
	t := tensor.ReadJSON(&s, d)
	if err := s.End(); err != nil {
		return nil, err
	}
	if len(t.Shape) != 1 {
		return nil, malformed("data.tftensor.%s: expected an array of values", r.dtype.Member)
	}
	return t.Data, nil
}

// unquote takes the quotes from the numbers of an array.
func unquote(raw []byte) ([]byte, error) {
	s := jsontext.NewScanner(raw)
	out := append(make([]byte, 0, len(raw)), '[')
	for s.Array(); s.NextElement(); {
		out = comma(out, '[')
		if s.Kind() != jsontext.String {
			out = append(out, s.Skip()...)
			continue
		}
		text := s.Bytes()
		for _, c := range text {
			if bytes.IndexByte([]byte("0123456789+-.eEINafinty"), c) < 0 {
				return nil, malformed("data.tftensor: %.40q is no number", text)
			}
		}
		out = append(out, text...)
	}
	return append(out, ']'), s.End()
}

// same tells whether a key is that name, in camel case or in snake case.
func same(key []byte, name string) bool {
	if string(key) == name {
		return true
	}
	i := 0
	for _, c := range key {
		if c == '_' {
			continue
		}
		if i == len(name) || c|0x20 != name[i]|0x20 {
			return false
		}
		i++
	}
	return i == len(name)
}

// decodeBase64 reads a string as any reader of protobuf's JSON does: of either alphabet, with padding or without.
func decodeBase64(s *jsontext.Scanner, what string) []byte {
	text := s.Bytes()
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	text = bytes.TrimRight(text, "=")
	out := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(out, text)
	if err != nil {
		s.Fail("%s: expected base64: %v", what, err)
		return nil
	}
	return out[:n]
}

// appendTFTensor appends a TensorProto as JSON; t has a type of TensorFlow's.
func appendTFTensor(dst []byte, t *tensor.Tensor) ([]byte, error) {
	if err := t.Check(); err != nil {
		return dst, noForm("tensor %q: %v", t.Name, err)
	}
	dst = append(dst, `{"dtype":"`...)
	dst = append(dst, tensorproto.Of(t.Datatype).Name...)
	dst = append(dst, `","tensorShape":{"dim":[`...)
	for _, n := range t.Shape {
		dst = append(comma(dst, '['), `{"size":"`...)
		dst = append(strconv.AppendInt(dst, n, 10), `"}`...)
	}
	dst = append(dst, `]}`...)
	switch {
	case len(t.Data) == 0:
	case t.Datatype == tensor.Bytes:
		dst = append(dst, `,"stringVal":[`...)
		for walk := t.Strings(); ; {
			element, ok := walk.Next()
			if !ok {
				break
			}
			dst = append(comma(dst, '['), '"')
			dst = append(base64.StdEncoding.AppendEncode(dst, element), '"')
		}
		dst = append(dst, ']')
	default:
		dst = append(dst, `,"tensorContent":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, t.Data), '"')
	}
	return append(dst, '}'), nil
}
