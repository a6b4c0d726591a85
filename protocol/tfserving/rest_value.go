package tfserving

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/tensor"
)

var errBrackets = errors.New("an empty tensor of that many rows has no form in JSON")

// check refuses what has no form, and tells whether the elements are written as {"b64": …}: those of a tensor whose name ends in _bytes,
// and all of one of which some are not UTF-8.
func check(t *tensor.Tensor) (b64 bool, err error) {
	if err := t.Check(); err != nil {
		return false, err
	}
	if !jsontensor.Writable(t.Shape) {
		return false, errBrackets
	}
	if t.Datatype.IsFloat() {
		return false, checkNaNs(t)
	}
	if t.Datatype != tensor.Bytes {
		return false, nil
	}
	if strings.HasSuffix(t.Name, "_bytes") {
		return true, nil
	}
	for walk := t.Strings(); ; {
		element, ok := walk.Next()
		if !ok {
			return false, nil
		}
		if !utf8.Valid(element) {
			return true, nil
		}
	}
}

// floatBits says where a float's exponent and the payload of a NaN are, without the bit that makes it quiet.
type floatBits struct{ exponent, quiet, payload uint64 }

func bitsOf(d tensor.Datatype) floatBits {
	switch d {
	case tensor.FP16:
		return floatBits{0x7C00, 0x0200, 0x01FF}
	case tensor.BF16:
		return floatBits{0x7F80, 0x0040, 0x003F}
	case tensor.FP32:
		return floatBits{0x7F80_0000, 0x0040_0000, 0x003F_FFFF}
	}
	return floatBits{0x7FF << 52, 1 << 51, 1<<51 - 1}
}

// checkNaNs refuses a NaN that the token cannot stand for: one that signals, or has a payload. A payload of 1 in FP64 is what Go
// makes of NaN, and means nothing.
func checkNaNs(t *tensor.Tensor) error {
	bits, size := bitsOf(t.Datatype), t.Datatype.Size()
	for i := 0; i < len(t.Data); i += size {
		var v uint64
		switch size {
		case 2:
			v = uint64(binary.LittleEndian.Uint16(t.Data[i:]))
		case 4:
			v = uint64(binary.LittleEndian.Uint32(t.Data[i:]))
		default:
			v = binary.LittleEndian.Uint64(t.Data[i:])
		}
		if v&bits.exponent != bits.exponent || v&(bits.quiet|bits.payload) == 0 {
			continue
		}
		if payload := v & bits.payload; v&bits.quiet == 0 || payload != 0 && (size < 8 || payload != 1) {
			return fmt.Errorf("element %d is a NaN with a payload, which the token NaN would lose; use gRPC", i/size)
		}
	}
	return nil
}

// appendNested appends t, which check has seen, as arrays nested by its shape.
func appendNested(dst []byte, t *tensor.Tensor, b64 bool) ([]byte, error) {
	if !b64 {
		return tensor.AppendJSON(dst, t, tensor.Nested|tensor.NonFinite)
	}
	walk := t.Strings()
	return appendB64(dst, &walk, t.Shape), nil
}

func appendB64(dst []byte, walk *tensor.Strings, shape []int64) []byte {
	if len(shape) == 0 {
		element, _ := walk.Next()
		dst = base64.StdEncoding.AppendEncode(append(dst, `{"b64":"`...), element)
		return append(dst, '"', '}')
	}
	dst = append(dst, '[')
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendB64(dst, walk, shape[1:])
	}
	return append(dst, ']')
}

// rowsOf writes a tensor row by row, each in the time that it takes by itself.
type rowsOf struct {
	key  []byte        // the name as JSON, with its colon
	row  tensor.Tensor // of which Data is set for each row
	rest []byte
	size int // bytes of a row; -1 where its elements have lengths of their own
	n    int // elements of a row
	b64  bool
}

// newRows returns the rows of t, which check has seen, from the first.
func newRows(t *tensor.Tensor, b64 bool) rowsOf {
	r := rowsOf{row: tensor.Tensor{Datatype: t.Datatype, Shape: t.Shape[1:]}, rest: t.Data, size: -1, b64: b64}
	r.n = r.row.Len()
	if size := t.Datatype.Size(); size > 0 {
		r.size = size * r.n
	}
	return r
}

// appendNext appends the next row. There are as many as the first axis has elements.
func (r *rowsOf) appendNext(dst []byte) ([]byte, error) {
	size := r.size
	if size < 0 {
		size = 0
		for range r.n {
			size += 4 + int(binary.LittleEndian.Uint32(r.rest[size:]))
		}
	}
	r.row.Data, r.rest = r.rest[:size], r.rest[size:]
	return appendNested(dst, &r.row, r.b64)
}
