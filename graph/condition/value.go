package condition

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/tidwall/gjson"

	"github.com/millrace/millrace/protocol/tensor"
)

// value makes a CEL value of a tensor, or of one of its rows: a scalar where there is one element, else nested lists.
func value(t *tensor.Tensor, row int) ref.Val {
	n := t.Len()
	shape := t.Shape
	var s tensor.Strings
	from := 0
	switch {
	case row < 0:
		s = t.Strings()
		for len(shape) > 1 && shape[0] == 1 {
			shape = shape[1:]
		}
	case len(shape) == 0 || int64(row) >= shape[0]:
		return types.NewErr("tensor %q has no row %d", t.Name, row)
	default:
		shape = shape[1:]
		n /= int(t.Shape[0])
		from = row * n
		s = t.Strings()
		for range from {
			s.Next()
		}
	}
	if n == 1 {
		shape = nil
	}
	w := walker{t: t, at: from, strings: s}
	return w.take(shape)
}

// walker takes elements in order.
type walker struct {
	t       *tensor.Tensor
	at      int
	strings tensor.Strings
}

func (w *walker) take(shape []int64) ref.Val {
	if len(shape) == 0 {
		return w.next()
	}
	list := make([]ref.Val, shape[0])
	for i := range list {
		list[i] = w.take(shape[1:])
	}
	return types.NewRefValList(types.DefaultTypeAdapter, list)
}

func (w *walker) next() ref.Val {
	i := w.at
	w.at++
	switch d := w.t.Datatype; {
	case d == tensor.Bytes:
		if b, ok := w.strings.Next(); ok {
			return types.String(b)
		}
	case d == tensor.Untyped:
		if b, ok := w.strings.Next(); ok {
			if f, err := tensor.ParseFloat(b); err == nil {
				return types.Double(f)
			}
		}
	case d == tensor.Bool:
		if b, ok := w.t.BoolAt(i); ok {
			return types.Bool(b)
		}
	case d.IsFloat():
		if f, ok := w.t.Float64At(i); ok {
			return types.Double(f)
		}
	default:
		if v, ok := w.t.Int64At(i); ok {
			return types.Int(v)
		}
		if d == tensor.Uint64 && len(w.t.Data) >= 8*i+8 {
			return types.Uint(binary.LittleEndian.Uint64(w.t.Data[8*i:]))
		}
	}
	return types.NewErr("tensor %q has no element %d", w.t.Name, i)
}

func parameter(v *tensor.Value) ref.Val {
	switch v.Kind {
	case tensor.BoolValue:
		return types.Bool(v.Bool)
	case tensor.Int64Value:
		return types.Int(v.Int)
	case tensor.Uint64Value:
		return types.Uint(v.Uint)
	case tensor.DoubleValue:
		return types.Double(v.Double)
	case tensor.StringValue:
		return types.String(v.String)
	case tensor.JSONValue:
		return fromJSON(gjson.Parse(v.String))
	}
	return types.NullValue
}

var pathEscaper = strings.NewReplacer(".", `\.`, "*", `\*`, "?", `\?`, "|", `\|`, "#", `\#`, "@", `\@`, "!", `\!`, "{", `\{`, "[", `\[`, "(", `\(`, "=", `\=`, "<", `\<`, ">", `\>`, "%", `\%`)

// member returns a member of a JSON object.
func member(text []byte, name string) (ref.Val, bool) {
	r := gjson.GetBytes(text, pathEscaper.Replace(name))
	if !r.Exists() {
		return nil, false
	}
	return fromJSON(r), true
}

func fromJSON(r gjson.Result) ref.Val {
	switch r.Type {
	case gjson.True, gjson.False:
		return types.Bool(r.Bool())
	case gjson.Number:
		return types.Double(r.Num)
	case gjson.String:
		return types.String(r.Str)
	case gjson.JSON:
		return types.DefaultTypeAdapter.NativeToValue(r.Value())
	}
	return types.NullValue
}

// toTensor makes a tensor of a scalar (shape [1]) or of a list of scalars of one type.
func toTensor(v ref.Val) (tensor.Tensor, error) {
	l, ok := v.(traits.Lister)
	if !ok {
		t := tensor.Tensor{Shape: []int64{1}}
		err := appendElement(&t, v, true)
		return t, err
	}
	n := int(l.Size().(types.Int))
	t := tensor.Tensor{Shape: []int64{int64(n)}, Datatype: tensor.FP64}
	for i := range n {
		if err := appendElement(&t, l.Get(types.Int(i)), i == 0); err != nil {
			return t, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return t, nil
}

func appendElement(t *tensor.Tensor, v ref.Val, first bool) error {
	var d tensor.Datatype
	switch x := v.(type) {
	case types.Bool:
		d = tensor.Bool
		b := byte(0)
		if x {
			b = 1
		}
		t.Data = append(t.Data, b)
	case types.Int:
		d = tensor.Int64
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(x))
	case types.Uint:
		d = tensor.Uint64
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(x))
	case types.Double:
		d = tensor.FP64
		t.Data = binary.LittleEndian.AppendUint64(t.Data, math.Float64bits(float64(x)))
	case types.String:
		d = tensor.Bytes
		t.Data = tensor.AppendBytes(t.Data, string(x))
	default:
		return fmt.Errorf("%s is no element of a tensor", v.Type().TypeName())
	}
	if first {
		t.Datatype = d
	}
	if t.Datatype != d {
		return fmt.Errorf("%s among %s", d, t.Datatype)
	}
	return nil
}
