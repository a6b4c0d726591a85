package tensor

import (
	"fmt"
	"math"
	"strconv"

	"github.com/millrace/millrace/protocol/jsontext"
)

// BoolOf returns a boolean value.
func BoolOf(b bool) Value { return Value{Kind: BoolValue, Bool: b} }

// Int64Of returns an integer value.
func Int64Of(v int64) Value { return Value{Kind: Int64Value, Int: v} }

// Uint64Of returns an unsigned integer value.
func Uint64Of(v uint64) Value { return Value{Kind: Uint64Value, Uint: v} }

// DoubleOf returns a floating-point value.
func DoubleOf(f float64) Value { return Value{Kind: DoubleValue, Double: f} }

// StringOf returns a string value.
func StringOf(s string) Value { return Value{Kind: StringValue, String: s} }

// JSONOf returns a value of any other shape, given as its valid JSON text.
func JSONOf(text string) Value { return Value{Kind: JSONValue, String: text} }

// Get returns the value of that name; the last where it stands more than once.
func (p Parameters) Get(name string) (Value, bool) {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].Name == name {
			return p[i].Value, true
		}
	}
	return Value{}, false
}

// Set changes the value of that name in place, or adds it at the end. It is for parameters that are being built.
func (p *Parameters) Set(name string, v Value) {
	for i := range *p {
		if (*p)[i].Name == name {
			(*p)[i].Value = v
			return
		}
	}
	*p = append(*p, Parameter{name, v})
}

// With returns parameters in which that name has that value; p stays as it is.
func (p Parameters) With(name string, v Value) Parameters {
	out := append(make(Parameters, 0, len(p)+1), p...)
	out.Set(name, v)
	return out
}

// Without returns parameters without these names; p stays as it is, and is returned where it has none of them.
func (p Parameters) Without(names ...string) Parameters {
	drop := func(name string) bool {
		for _, n := range names {
			if n == name {
				return true
			}
		}
		return false
	}
	n := 0
	for i := range p {
		if drop(p[i].Name) {
			n++
		}
	}
	if n == 0 {
		return p
	}
	out := make(Parameters, 0, len(p)-n)
	for i := range p {
		if !drop(p[i].Name) {
			out = append(out, p[i])
		}
	}
	return out
}

// Under returns p with the defaults that it does not name itself; p and defaults stay as they are.
func (p Parameters) Under(defaults Parameters) Parameters {
	out := p
	for i := range defaults {
		if _, ok := p.Get(defaults[i].Name); !ok {
			if len(out) == len(p) {
				out = append(make(Parameters, 0, len(p)+len(defaults)), p...)
			}
			out = append(out, defaults[i])
		}
	}
	return out
}

// AppendJSON appends the value as JSON. Floats that are not finite have no JSON form and are refused.
func (v Value) AppendJSON(dst []byte) ([]byte, error) {
	switch v.Kind {
	case BoolValue:
		return strconv.AppendBool(dst, v.Bool), nil
	case Int64Value:
		return strconv.AppendInt(dst, v.Int, 10), nil
	case Uint64Value:
		return strconv.AppendUint(dst, v.Uint, 10), nil
	case DoubleValue:
		if math.IsNaN(v.Double) || math.IsInf(v.Double, 0) {
			return dst, fmt.Errorf("%v has no JSON form", v.Double)
		}
		return AppendFloat(dst, v.Double, 64), nil
	case StringValue:
		return jsontext.AppendString(dst, v.String), nil
	case JSONValue:
		return append(dst, v.String...), nil
	}
	return append(dst, "null"...), nil
}

// AppendJSON appends the parameters as a JSON object.
func (p Parameters) AppendJSON(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, '{')
	for i := range p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, p[i].Name), ':')
		var err error
		if dst, err = p[i].Value.AppendJSON(dst); err != nil {
			return dst[:start], fmt.Errorf("parameter %q: %w", p[i].Name, err)
		}
	}
	return append(dst, '}'), nil
}

// ReadValue reads the next value of s: integers that 64 bits hold as integers, other numbers as doubles, arrays and objects
// (and integers that fit nowhere) as their text. Strings are copies. Errors stick in s.
func ReadValue(s *jsontext.Scanner) Value {
	switch s.Kind() {
	case jsontext.Null:
		s.Null()
		return Value{}
	case jsontext.Bool:
		return BoolOf(s.Bool())
	case jsontext.String:
		return StringOf(s.Text())
	case jsontext.Number:
		d := s.Decimal()
		if d.Integer {
			if v, ok := decimalInt64(&d); ok {
				return Int64Of(v)
			}
			if !d.Negative {
				if u, err := decimalUint(&d); err == nil {
					return Uint64Of(u)
				}
			}
			return JSONOf(string(d.Text))
		}
		if s.Err() != nil {
			return Value{}
		}
		b, err := decimalFloat(&d)
		if err != nil {
			return JSONOf(string(d.Text))
		}
		return DoubleOf(math.Float64frombits(b))
	}
	return JSONOf(string(s.Skip()))
}

// ReadParameters reads the object, or null, that comes next. Of a name that stands twice the last value counts.
func ReadParameters(s *jsontext.Scanner) Parameters {
	var p Parameters
	if s.TryNull() {
		return nil
	}
	for s.Object(); s.NextKey(); {
		name := string(s.Key())
		p = append(p, Parameter{name, ReadValue(s)})
	}
	return p.Unique()
}

// Unique drops, in place, all values of a name but the last, and returns what is left. Its cost is linear for many.
func (p Parameters) Unique() Parameters {
	if len(p) < 2 {
		return p
	}
	seen := make(map[string]int, len(p)) // name to its place in the result
	out := p[:0]
	for i := range p {
		if at, ok := seen[p[i].Name]; ok {
			out[at].Value = p[i].Value
			continue
		}
		seen[p[i].Name] = len(out)
		out = append(out, p[i])
	}
	return out
}
