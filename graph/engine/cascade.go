package engine

import (
	"fmt"
	"strconv"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// cascade begins with the first try.
func (r *Run) cascade(f *frame, n *plan.Cascade) {
	if n.Rows != ast.RowsWhole {
		total, fl := r.rowsOf(f)
		if fl != nil {
			r.finish(f, result{err: fl})
			return
		}
		if total > 1 {
			f.rows = &rows{total: total, open: make([]int, total)}
			for i := range f.rows.open {
				f.rows.open[i] = i
			}
		}
	}
	r.try(f, n)
}

// try begins the next try, on the rows that are still open where rows decide.
func (r *Run) try(f *frame, n *plan.Cascade) {
	part := n.Else
	if f.next < len(n.Tries) {
		part = n.Tries[f.next].Part
	}
	in := f.in
	if f.rows != nil {
		var fl *message.Failure
		if in, fl = r.take(f, f.in, f.rows.open, f.rows.total); fl != nil {
			r.finish(f, result{err: fl})
			return
		}
		f.rows.asked = in
	}
	f.next++
	f.left, f.joined, f.onward = 1, true, f.next <= len(n.Tries)
	r.begin(part, f, f.next-1, in, f.scope, f.deadline)
}

// tried takes the end of a try.
func (r *Run) tried(f *frame, n *plan.Cascade, i int, res result) {
	if f.rows != nil {
		r.triedRows(f, n, i, res)
		return
	}
	if i == len(n.Tries) {
		r.decide(n, "else", 0)
		r.finish(f, res)
		return
	}
	if res.good() && n.Tries[i].Accept != nil {
		r.values = r.values[:0]
		accepted, err := n.Tries[i].Accept.Bool(r.on(f.in, res.msg, -1))
		switch {
		case err != nil:
			res = result{err: conditionFailure(n.Tries[i].Part.Base(), err)}
		case !accepted && (i+1 < len(n.Tries) || n.Else != nil):
			r.try(f, n)
			return
		}
	}
	if res.err != nil && (i+1 < len(n.Tries) || n.Else != nil) {
		r.try(f, n)
		return
	}
	if res.good() {
		r.decide(n, tryName(n, i), 0)
	}
	r.finish(f, res)
}

// tryName names try i by its part, or by its number where the part has no name.
func tryName(n *plan.Cascade, i int) string {
	if i == len(n.Tries) {
		return "else"
	}
	if name := n.Tries[i].Part.Base().Name; name != "" {
		return name
	}
	return strconv.Itoa(i)
}

// triedRows settles the rows of a try that were accepted and goes on with the others. Rows that nothing accepts have the last reply
// that came for them.
func (r *Run) triedRows(f *frame, n *plan.Cascade, i int, res result) {
	st := f.rows
	final := i == len(n.Tries) || i == len(n.Tries)-1 && n.Else == nil
	var content *message.Content
	if res.good() {
		c, err := res.msg.Content()
		if err != nil {
			res = result{err: asFailure(err)}
		}
		content = c
	}
	if content == nil {
		if !final {
			r.try(f, n)
			return
		}
		r.finish(f, result{err: rowFailure(f, st.open, res.err)})
		return
	}
	yes, no, err := r.accepted(f, n, i, res.msg)
	if err != nil {
		fl := conditionFailure(n.Tries[i].Part.Base(), err)
		if !final {
			r.try(f, n)
			return
		}
		r.finish(f, result{err: rowFailure(f, st.open, fl)})
		return
	}
	if final {
		yes, no = append(yes, no...), nil
	}
	if n.Rows == ast.RowsSame && len(yes) > 0 && len(no) > 0 {
		r.finish(f, result{err: fail(&n.Info, CodeMixedRows, message.InvalidArgument, "the rows of the batch would go different ways: %s accepted from %s, %s not", listed(pickInts(st.open, yes)), tryName(n, i), listed(pickInts(st.open, no)))})
		return
	}
	if len(yes) > 0 {
		r.decide(n, tryName(n, i), len(yes))
		st.groups = append(st.groups, policy.Group{Name: tryName(n, i), Content: content, Rows: pickInts(st.open, yes), Take: yes})
	}
	st.open = pickInts(st.open, no)
	switch {
	case len(st.open) > 0:
		r.try(f, n)
	case len(st.groups) == 1:
		r.finish(f, res) // every row from one try: as it came
	default:
		r.stitch(f)
	}
}

// accepted returns which rows of a reply are accepted, counted among the rows that were asked.
func (r *Run) accepted(f *frame, n *plan.Cascade, i int, reply *message.Message) (yes, no []int, err error) {
	r.values = r.values[:0]
	for row := range f.rows.open {
		ok := true
		if i < len(n.Tries) && n.Tries[i].Accept != nil {
			if ok, err = n.Tries[i].Accept.Bool(r.on(f.rows.asked, reply, row)); err != nil {
				return nil, nil, fmt.Errorf("row %d: %w", f.rows.open[row], err)
			}
		}
		if ok {
			yes = append(yes, row)
		} else {
			no = append(no, row)
		}
	}
	return yes, no, nil
}

func pickInts(from, at []int) []int {
	out := make([]int, len(at))
	for i, k := range at {
		out[i] = from[k]
	}
	return out
}
