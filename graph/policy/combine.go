package policy

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Part is one reply to combine.
type Part struct {
	Name    string
	Content *message.Content
	Weight  float64
}

// Mean returns the weighted average of field, or of every numeric output of the first part where field is empty. Results
// are FP64 in the shape of the first part.
func Mean(parts []Part, field string) (*message.Content, error) {
	out := like(parts[0].Content)
	for i := range parts[0].Content.Tensors {
		t := &parts[0].Content.Tensors[i]
		if t.Name == field || field == "" && t.Datatype.IsNumber() {
			m, err := mean(parts, t)
			if err != nil {
				return nil, err
			}
			out.Tensors = append(out.Tensors, m)
		}
	}
	if len(out.Tensors) == 0 {
		return nil, fmt.Errorf("part %s has no output %s to average", parts[0].Name, orAny(field, "numeric"))
	}
	out.Answer = kept(out)
	return out, nil
}

func mean(parts []Part, first *tensor.Tensor) (tensor.Tensor, error) {
	n := first.Len()
	sums, total := make([]float64, n), 0.0
	for p := range parts {
		t, err := same(parts, p, first)
		if err != nil {
			return tensor.Tensor{}, err
		}
		if t.Datatype == tensor.Untyped { // its elements are found by walking
			r, err := tensor.Resolve(t, tensor.FP64)
			if err != nil {
				return tensor.Tensor{}, fmt.Errorf("part %s: %w", parts[p].Name, err)
			}
			t = &r
		}
		w := parts[p].Weight
		total += w
		for i := range sums {
			v, ok := t.Float64At(i)
			if !ok {
				return tensor.Tensor{}, fmt.Errorf("part %s: element %d of %s output %q has no exact FP64 value to average", parts[p].Name, i, t.Datatype, t.Name)
			}
			sums[i] += w * v
		}
	}
	data := make([]byte, 0, 8*n)
	for _, s := range sums {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(s/total))
	}
	return tensor.Tensor{Name: first.Name, Datatype: tensor.FP64, Shape: first.Shape, Data: data}, nil
}

// Concat joins outputs of the same name along the first axis. Every part must have the outputs of the first.
func Concat(parts []Part) (*message.Content, error) {
	out := like(parts[0].Content)
	for i := range parts[0].Content.Tensors {
		first := &parts[0].Content.Tensors[i]
		all := make([]tensor.Tensor, len(parts))
		for p := range parts {
			t := parts[p].Content.Tensor(first.Name)
			if t == nil {
				return nil, fmt.Errorf("part %s has no output %q, which part %s has", parts[p].Name, first.Name, parts[0].Name)
			}
			s := t.Squeeze()
			f := first.Squeeze()
			if len(s.Shape) == 0 || t.Datatype != first.Datatype || !slices.Equal(s.Shape[1:], f.Shape[min(1, len(f.Shape)):]) {
				return nil, mismatch(&parts[0], first, &parts[p], t)
			}
			all[p] = s
		}
		t, err := tensor.Concat(all...)
		if err != nil {
			return nil, err
		}
		out.Tensors = append(out.Tensors, t)
	}
	if len(out.Tensors) == 0 {
		return nil, fmt.Errorf("part %s has no outputs to concatenate", parts[0].Name)
	}
	out.Answer, out.Scalar = parts[0].Content.Answer, false
	return out, nil
}

// same returns part p's output that stands where first stands in part 0, or says why it does not fit.
func same(parts []Part, p int, first *tensor.Tensor) (*tensor.Tensor, error) {
	t := parts[p].Content.Tensor(first.Name)
	if t == nil {
		return nil, fmt.Errorf("part %s has no output %q, which part %s has", parts[p].Name, first.Name, parts[0].Name)
	}
	if !t.Datatype.IsNumber() || !fits(t.Shape, first.Shape) {
		return nil, mismatch(&parts[0], first, &parts[p], t)
	}
	return t, nil
}

// fits tells whether two shapes are the same but for axes of size one at the end.
func fits(a, b []int64) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	for _, n := range b[len(a):] {
		if n != 1 {
			return false
		}
	}
	return slices.Equal(a, b[:len(a)])
}

func mismatch(a *Part, ta *tensor.Tensor, b *Part, tb *tensor.Tensor) error {
	return fmt.Errorf("output %q of part %s is %s %v and that of part %s is %s %v", ta.Name, a.Name, ta.Datatype, ta.Shape, b.Name, tb.Datatype, tb.Shape)
}

// like begins a combined reply with what the first one says of the request.
func like(first *message.Content) *message.Content {
	return &message.Content{ID: first.ID, Scalar: first.Scalar, Answer: first.Answer, Tags: first.Tags}
}

// kept returns the answer if the reply still has it, else its first output.
func kept(c *message.Content) string {
	if c.Answer != "" && c.Tensor(c.Answer) != nil {
		return c.Answer
	}
	return c.Tensors[0].Name
}

func orAny(field, otherwise string) string {
	if field == "" {
		return otherwise
	}
	return fmt.Sprintf("%q", field)
}
