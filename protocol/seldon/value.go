package seldon

import (
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// appendValueJSON appends a google.protobuf.Value as JSON. what names it in errors.
func appendValueJSON(dst, b []byte, what string, depth int) ([]byte, error) {
	if depth > jsontext.MaxDepth {
		return dst, malformed("%s is nested deeper than %d levels", what, jsontext.MaxDepth)
	}
	v, err := readValue(b)
	if err != nil {
		return dst, err
	}
	switch v.Number {
	case valueNumber:
		if f := v.double(); math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, malformed("%s: %v has no JSON form", what, f)
		}
		return tensor.AppendFloat(dst, v.double(), 64), nil
	case valueString:
		if !utf8.Valid(v.Bytes) {
			return dst, malformed("%s: a string is not UTF-8", what)
		}
		return jsontext.AppendString(dst, v.Bytes), nil
	case valueBool:
		return strconv.AppendBool(dst, v.Num != 0), nil
	case valueStruct:
		return appendStructJSON(dst, v.Bytes, what, depth)
	case valueList:
		dst = append(dst, '[')
		for b := v.Bytes; len(b) > 0; {
			f, rest, ok := protobuf.Next(b)
			if !ok {
				return dst, protobuf.Truncated(what)
			}
			if b = rest; !f.Is(1, protowire.BytesType) {
				continue
			}
			if dst, err = appendValueJSON(comma(dst, '['), f.Bytes, what, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	return append(dst, "null"...), nil
}

// appendStructJSON appends a google.protobuf.Struct: a map of strings to Values in its one field.
func appendStructJSON(dst, b []byte, what string, depth int) ([]byte, error) {
	dst = append(dst, '{')
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return dst, protobuf.Truncated(what)
		}
		if b = rest; !f.Is(1, protowire.BytesType) {
			continue
		}
		e, err := readEntry(f.Bytes, what)
		if err != nil {
			return dst, err
		}
		dst = append(jsontext.AppendString(comma(dst, '{'), e.key), ':')
		if dst, err = appendValueJSON(dst, e.value.Bytes, what, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// comma separates what follows from the element before it, if any, in the container that starts with begin: dst ends in that byte only
// where the container has just been started, for no JSON value ends in it.
func comma(dst []byte, begin byte) []byte {
	if dst[len(dst)-1] != begin {
		dst = append(dst, ',')
	}
	return dst
}

// entry is one entry of a map with string keys: its value's field as it stands.
type entry struct {
	key   string
	value choice
}

func readEntry(b []byte, what string) (e entry, err error) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return e, protobuf.Truncated(what)
		}
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			if e.key, err = f.Text(what + ": a key"); err != nil {
				return e, err
			}
		case f.Is(2, protowire.BytesType):
			e.value.message(f)
		case f.Number == 2:
			e.value.scalar(f)
		}
	}
	return e, nil
}

// appendValue appends the next value of s as the content of a google.protobuf.Value. Its numbers are doubles: an integer that none
// of them is fails in s.
func appendValue(dst []byte, s *jsontext.Scanner) []byte {
	switch s.Kind() {
	case jsontext.Number:
		d := s.Decimal()
		f, err := tensor.ParseFloat(d.Text)
		switch {
		case s.Err() != nil:
		case err != nil:
			s.Fail("number %.40s: %v", d.Text, err)
		case d.Integer && (d.Long || d.Mantissa > 1<<53):
			s.Fail("%.40s is an integer that a double may not hold exactly; send it as a string", d.Text)
		}
		return protowire.AppendFixed64(protowire.AppendTag(dst, valueNumber, protowire.Fixed64Type), math.Float64bits(f))
	case jsontext.String:
		dst, at := protobuf.Open(dst, valueString)
		return protobuf.Seal(s.AppendString(dst), at)
	case jsontext.Bool:
		return protobuf.AppendVarint(dst, valueBool, protowire.EncodeBool(s.Bool()))
	case jsontext.Array:
		dst, list := protobuf.Open(dst, valueList)
		for s.Array(); s.NextElement(); {
			at := 0
			dst, at = protobuf.Open(dst, 1)
			dst = protobuf.Seal(appendValue(dst, s), at)
		}
		return protobuf.Seal(dst, list)
	case jsontext.Object:
		dst, object := protobuf.Open(dst, valueStruct)
		for s.Object(); s.NextKey(); {
			pair, at := 0, 0
			dst, pair = protobuf.Open(dst, 1)
			dst = protobuf.AppendBytes(dst, 1, s.Key())
			dst, at = protobuf.Open(dst, 2)
			dst = protobuf.Seal(protobuf.Seal(appendValue(dst, s), at), pair)
		}
		return protobuf.Seal(dst, object)
	case jsontext.Null:
		s.Null()
	default:
		s.Skip() // it says what is wrong
	}
	return protobuf.AppendVarint(dst, valueNull, 0)
}

// appendParameter appends a parameter's value as the content of a Value. An integer that no double is goes as a string, as JSON
// of protobuf writes integers of 64 bits.
func appendParameter(dst []byte, v tensor.Value) ([]byte, error) {
	switch v.Kind {
	case tensor.BoolValue:
		return protobuf.AppendVarint(dst, valueBool, protowire.EncodeBool(v.Bool)), nil
	case tensor.Int64Value:
		if v.Int > 1<<53 || v.Int < -1<<53 {
			return protobuf.AppendBytes(dst, valueString, strconv.FormatInt(v.Int, 10)), nil
		}
		return appendDouble(dst, float64(v.Int)), nil
	case tensor.Uint64Value:
		if v.Uint > 1<<53 {
			return protobuf.AppendBytes(dst, valueString, strconv.FormatUint(v.Uint, 10)), nil
		}
		return appendDouble(dst, float64(v.Uint)), nil
	case tensor.DoubleValue:
		return appendDouble(dst, v.Double), nil
	case tensor.StringValue:
		if !utf8.ValidString(v.String) {
			return dst, noForm("it is not UTF-8")
		}
		return protobuf.AppendBytes(dst, valueString, v.String), nil
	case tensor.JSONValue:
		s := jsontext.NewScanner([]byte(v.String))
		dst = appendValue(dst, &s)
		return dst, s.End()
	}
	return protobuf.AppendVarint(dst, valueNull, 0), nil
}

func appendDouble(dst []byte, f float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(dst, valueNumber, protowire.Fixed64Type), math.Float64bits(f))
}

// parameterOf reads a Value as a parameter's: arrays and objects as their JSON.
func parameterOf(b []byte, what string) (tensor.Value, error) {
	v, err := readValue(b)
	if err != nil {
		return tensor.Value{}, err
	}
	switch v.Number {
	case valueNumber:
		return tensor.DoubleOf(v.double()), nil
	case valueString:
		text, err := v.Text(what)
		return tensor.StringOf(text), err
	case valueBool:
		return tensor.BoolOf(v.Num != 0), nil
	case valueStruct, valueList:
		text, err := appendValueJSON(nil, b, what, 0)
		return tensor.JSONOf(string(text)), err
	}
	return tensor.Value{}, nil
}
