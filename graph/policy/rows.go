package policy

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Rows returns the number of rows that all tensors of c have as their first axis; a content of scalars has one. It is an
// error where they differ, or where there are no tensors. Only models whose contracts declare rows may be asked by them.
func Rows(c *message.Content) (int, error) {
	if len(c.Tensors) == 0 {
		return 0, fmt.Errorf("there are no tensors whose rows could be told apart")
	}
	n, of := -1, ""
	for i := range c.Tensors {
		t := &c.Tensors[i]
		rows := 1
		if len(t.Shape) > 0 {
			rows = t.Rows()
		}
		if n >= 0 && rows != n {
			return 0, fmt.Errorf("field %q has %d rows and field %q has %d", of, n, t.Name, rows)
		}
		n, of = rows, t.Name
	}
	return n, nil
}

// Gather returns the rows of these numbers as a content of its own.
func Gather(c *message.Content, rows []int) (*message.Content, error) {
	out := *c
	out.Scalar = false
	out.Tensors = make([]tensor.Tensor, len(c.Tensors))
	for i := range c.Tensors {
		t, err := c.Tensors[i].Gather(rows)
		if err != nil {
			return nil, err
		}
		out.Tensors[i] = t
	}
	return &out, nil
}

// Group is the reply for some rows: row Take[i] of Content (row i where Take is nil) belongs at Rows[i].
type Group struct {
	Name    string
	Content *message.Content
	Rows    []int
	Take    []int
}

// Stitch puts the replies of groups back in the order of total rows. All must have the same outputs; merges are stitched part by
// part.
func Stitch(groups []Group, total int) (*message.Content, error) {
	first := groups[0].Content
	out := *first
	out.Scalar = false
	if len(first.Parts) > 0 {
		return stitchParts(&out, groups, total)
	}
	out.Tensors = make([]tensor.Tensor, len(first.Tensors))
	if len(out.Tensors) == 0 {
		return nil, fmt.Errorf("the reply of %s has no outputs whose rows could be joined", groups[0].Name)
	}
	rows := make([][]int, len(groups))
	for i := range first.Tensors {
		pieces := make([]tensor.Tensor, len(groups))
		for g := range groups {
			t := groups[g].Content.Tensor(first.Tensors[i].Name)
			if t == nil || len(groups[g].Content.Tensors) != len(first.Tensors) {
				return nil, fmt.Errorf("the replies of %s and %s do not have the same outputs", groups[0].Name, groups[g].Name)
			}
			piece := t.Squeeze()
			if len(piece.Shape) == 0 {
				piece.Shape = []int64{1}
			}
			if groups[g].Take != nil {
				taken, err := piece.Gather(groups[g].Take)
				if err != nil {
					return nil, err
				}
				piece = taken
			}
			pieces[g], rows[g] = piece, groups[g].Rows
		}
		if err := resolve(pieces); err != nil {
			return nil, err
		}
		t, err := tensor.Stitch(pieces, rows, total)
		if err != nil {
			return nil, err
		}
		out.Tensors[i] = t
	}
	return &out, nil
}

// resolve gives pieces whose numbers have no type the type of the others.
func resolve(pieces []tensor.Tensor) error {
	typed := slices.IndexFunc(pieces, func(t tensor.Tensor) bool { return t.Datatype != tensor.Untyped })
	for i := range pieces {
		if typed < 0 || pieces[i].Datatype != tensor.Untyped || !pieces[typed].Datatype.IsNumber() {
			continue
		}
		t, err := tensor.Resolve(&pieces[i], pieces[typed].Datatype)
		if err != nil {
			return err
		}
		pieces[i] = t
	}
	return nil
}

func stitchParts(out *message.Content, groups []Group, total int) (*message.Content, error) {
	first := groups[0].Content
	out.Parts = make([]message.Part, len(first.Parts))
	out.Errors = nil
	for i, p := range first.Parts {
		inner := make([]Group, len(groups))
		for g := range groups {
			c := groups[g].Content
			if len(c.Parts) != len(first.Parts) || c.Parts[i].Name != p.Name {
				return nil, fmt.Errorf("the replies of %s and %s do not have the same parts", groups[0].Name, groups[g].Name)
			}
			content, err := c.Parts[i].Message.Content()
			if err != nil {
				return nil, err
			}
			inner[g] = Group{groups[g].Name, content, groups[g].Rows, groups[g].Take}
		}
		c, err := Stitch(inner, total)
		if err != nil {
			return nil, err
		}
		out.Parts[i] = message.Part{Name: p.Name, Message: message.FromContent(c)}
	}
	return out, nil
}

// Repeat gives the one row of c once for each row of request.
func Repeat(c, request *message.Content) (*message.Content, error) {
	n, err := Rows(request)
	if err != nil {
		return nil, err
	}
	out := *c
	out.Tensors = make([]tensor.Tensor, len(c.Tensors))
	for i, t := range c.Tensors {
		if len(t.Shape) == 0 {
			t.Shape = []int64{1}
		}
		if t, err = t.Gather(make([]int, n)); err != nil {
			return nil, err
		}
		out.Tensors[i] = t
	}
	return &out, nil
}
