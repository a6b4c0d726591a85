package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/jsontext"
)

// JSONForm says how a tensor is written as JSON. Forms combine by |.
type JSONForm uint8

// The forms.
const (
	Flat      JSONForm = 0         // one array of all elements in row-major order
	Nested    JSONForm = 1 << iota // arrays nested by shape; a scalar stands alone
	NonFinite                      // NaN, Infinity and -Infinity are written as these tokens instead of being refused
)

// AppendJSON appends t's elements as JSON: integers in full, floats with the fewest digits that read back to the same bits
// and always with a point or an exponent, BOOL as true and false, BYTES as strings. It refuses what has no JSON form, naming the
// element: text that is not UTF-8, and floats that are not finite unless the form has tokens for them. On an error dst comes
// back as it was.
func AppendJSON(dst []byte, t *Tensor, form JSONForm) ([]byte, error) {
	w := jsonWriter{t: t, tokens: form&NonFinite != 0, walk: t.Strings()}
	start := len(dst)
	var err error
	if form&Nested != 0 {
		dst, err = w.nested(dst, t.Shape)
	} else {
		dst, err = w.row(dst, t.Len())
	}
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

type jsonWriter struct {
	t      *Tensor
	tokens bool
	i      int // the next element
	walk   Strings
}

func (w *jsonWriter) nested(dst []byte, shape []int64) ([]byte, error) {
	if len(shape) == 0 {
		from := len(dst)
		dst, err := w.row(dst, 1)
		if err != nil {
			return dst, err
		}
		return append(dst[:from], dst[from+1:len(dst)-1]...), nil
	}
	if len(shape) == 1 {
		return w.row(dst, int(shape[0]))
	}
	dst = append(dst, '[')
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = w.nested(dst, shape[1:]); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// row appends the next n elements as one array.
func (w *jsonWriter) row(dst []byte, n int) ([]byte, error) {
	dst = append(dst, '[')
	d, data := w.t.Datatype, w.t.Data
	var err error
	for end := w.i + n; w.i < end; w.i++ {
		switch d.class() {
		case float:
			dst, err = w.float(dst, loadFloat(d, data, w.i))
		case unsigned:
			dst = strconv.AppendUint(dst, binary.LittleEndian.Uint64(data[8*w.i:]), 10)
		case text:
			dst, err = w.text(dst)
		default:
			if d != Bool {
				dst = strconv.AppendInt(dst, loadInt(d, data, w.i), 10)
				break
			}
			switch data[w.i] {
			case 0:
				dst = append(dst, "false"...)
			case 1:
				dst = append(dst, "true"...)
			default:
				err = fmt.Errorf("element %d is the byte %d: expected 0 or 1 for BOOL", w.i, data[w.i])
			}
		}
		if err != nil {
			return dst, err
		}
		dst = append(dst, ',')
	}
	if n > 0 {
		dst = dst[:len(dst)-1]
	}
	return append(dst, ']'), nil
}

func (w *jsonWriter) text(dst []byte) ([]byte, error) {
	element, ok := w.walk.Next()
	switch {
	case !ok:
		return dst, fmt.Errorf("element %d is missing", w.i)
	case w.t.Datatype == Untyped:
		return append(dst, element...), nil
	case !utf8.Valid(element):
		return dst, fmt.Errorf("element %d is not UTF-8 and has no JSON form; ask for binary data or use gRPC", w.i)
	}
	return jsontext.AppendString(dst, element), nil
}

func (w *jsonWriter) float(dst []byte, b uint64) ([]byte, error) {
	f := math.Float64frombits(b)
	if b>>52&0x7FF == 0x7FF {
		token := "NaN"
		if !math.IsNaN(f) {
			token = "Infinity"
			if f < 0 {
				token = "-Infinity"
			}
		}
		if !w.tokens {
			return dst, fmt.Errorf("element %d is %s, which JSON does not have; ask for binary data or use gRPC", w.i, token)
		}
		return append(dst, token...), nil
	}
	if w.t.Datatype == FP64 {
		return AppendFloat(dst, f, 64), nil
	}
	return AppendFloat(dst, f, 32), nil
}

// AppendFloat appends a finite float of 32 or 64 bits as a JSON number: the fewest digits that read back to it, with a point or
// an exponent, so that every reader takes it for a float.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	// Numbers with few decimals, the usual ones: two decimals of at most 15 digits (7 in FP32: 6) never read as the same float,
	// so the first that reads back is the shortest.
	limit, slack := 1e15, 1e-15
	if bits == 32 {
		limit, slack = 1e6, 1e-7
	}
	if abs := math.Abs(f); abs < limit && (abs >= 1e-4 || f == 0) {
		for k := 0; k <= 4; k++ {
			m := abs * pow10[k]
			if m >= limit {
				break
			}
			whole := math.Floor(m + 0.5)
			if math.Abs(m-whole) > m*slack {
				continue
			}
			if q := whole / pow10[k]; q == abs || bits == 32 && float32(q) == float32(abs) {
				return appendDecimals(dst, uint64(whole), k, math.Signbit(f))
			}
		}
	}
	start := len(dst)
	form := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		form = 'e'
	}
	dst = strconv.AppendFloat(dst, f, form, -1, bits)
	if form == 'f' {
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendDecimals appends m·10^-k; k is as small as can be.
func appendDecimals(dst []byte, m uint64, k int, negative bool) []byte {
	if negative {
		dst = append(dst, '-')
	}
	if k == 0 {
		return append(strconv.AppendUint(dst, m, 10), '.', '0')
	}
	scale := uint64(pow10[k])
	dst = append(strconv.AppendUint(dst, m/scale, 10), '.')
	rest := m % scale
	for k--; k >= 0; k-- {
		scale /= 10
		dst = append(dst, byte('0'+rest/scale))
		rest %= scale
	}
	return dst
}
