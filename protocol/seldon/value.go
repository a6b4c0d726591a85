package seldon

import (
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontext"
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
	switch v.number {
	case valueNumber:
		if f := v.double(); math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, malformed("%s: %v has no JSON form", what, f)
		}
		return tensor.AppendFloat(dst, v.double(), 64), nil
	case valueString:
		if !utf8.Valid(v.bytes) {
			return dst, malformed("%s: a string is not UTF-8", what)
		}
		return jsontext.AppendString(dst, v.bytes), nil
	case valueBool:
		return strconv.AppendBool(dst, v.num != 0), nil
	case valueStruct:
		return appendStructJSON(dst, v.bytes, what, depth)
	case valueList:
		dst = append(dst, '[')
		for b := v.bytes; len(b) > 0; {
			f, rest, ok := next(b)
			if !ok {
				return dst, truncated(what)
			}
			if b = rest; !f.is(1, protowire.BytesType) {
				continue
			}
			if dst, err = appendValueJSON(comma(dst, '['), f.bytes, what, depth+1); err != nil {
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
		f, rest, ok := next(b)
		if !ok {
			return dst, truncated(what)
		}
		if b = rest; !f.is(1, protowire.BytesType) {
			continue
		}
		e, err := readEntry(f.bytes, what)
		if err != nil {
			return dst, err
		}
		dst = append(jsontext.AppendString(comma(dst, '{'), e.key), ':')
		if dst, err = appendValueJSON(dst, e.value.bytes, what, depth+1); err != nil {
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
		f, rest, ok := next(b)
		if !ok {
			return e, truncated(what)
		}
		b = rest
		switch {
		case f.is(1, protowire.BytesType):
			if e.key, err = f.text(what + ": a key"); err != nil {
				return e, err
			}
		case f.is(2, protowire.BytesType):
			e.value.message(f)
		case f.number == 2:
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
		dst, at := open(dst, valueString)
		return seal(s.AppendString(dst), at)
	case jsontext.Bool:
		return appendVarint(dst, valueBool, protowire.EncodeBool(s.Bool()))
	case jsontext.Array:
		dst, list := open(dst, valueList)
		for s.Array(); s.NextElement(); {
			at := 0
			dst, at = open(dst, 1)
			dst = seal(appendValue(dst, s), at)
		}
		return seal(dst, list)
	case jsontext.Object:
		dst, object := open(dst, valueStruct)
		for s.Object(); s.NextKey(); {
			pair, at := 0, 0
			dst, pair = open(dst, 1)
			dst = appendText(dst, 1, s.Key())
			dst, at = open(dst, 2)
			dst = seal(seal(appendValue(dst, s), at), pair)
		}
		return seal(dst, object)
	case jsontext.Null:
		s.Null()
	default:
		s.Skip() // it says what is wrong
	}
	return appendVarint(dst, valueNull, 0)
}

// appendParameter appends a parameter's value as the content of a Value. An integer that no double is goes as a string, as JSON
// of protobuf writes integers of 64 bits.
func appendParameter(dst []byte, v tensor.Value) ([]byte, error) {
	switch v.Kind {
	case tensor.BoolValue:
		return appendVarint(dst, valueBool, protowire.EncodeBool(v.Bool)), nil
	case tensor.Int64Value:
		if v.Int > 1<<53 || v.Int < -1<<53 {
			return appendText(dst, valueString, strconv.FormatInt(v.Int, 10)), nil
		}
		return appendDouble(dst, float64(v.Int)), nil
	case tensor.Uint64Value:
		if v.Uint > 1<<53 {
			return appendText(dst, valueString, strconv.FormatUint(v.Uint, 10)), nil
		}
		return appendDouble(dst, float64(v.Uint)), nil
	case tensor.DoubleValue:
		return appendDouble(dst, v.Double), nil
	case tensor.StringValue:
		if !utf8.ValidString(v.String) {
			return dst, noForm("it is not UTF-8")
		}
		return appendText(dst, valueString, v.String), nil
	case tensor.JSONValue:
		s := jsontext.NewScanner([]byte(v.String))
		dst = appendValue(dst, &s)
		return dst, s.End()
	}
	return appendVarint(dst, valueNull, 0), nil
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
	switch v.number {
	case valueNumber:
		return tensor.DoubleOf(v.double()), nil
	case valueString:
		text, err := v.text(what)
		return tensor.StringOf(text), err
	case valueBool:
		return tensor.BoolOf(v.num != 0), nil
	case valueStruct, valueList:
		text, err := appendValueJSON(nil, b, what, 0)
		return tensor.JSONOf(string(text)), err
	}
	return tensor.Value{}, nil
}
