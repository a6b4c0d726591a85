package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// rows is the state of an operator that decides row by row.
type rows struct {
	total  int
	groups []policy.Group // with the replies that came
	open   []int          // of a cascade: the rows that were not accepted yet
	asked  *message.Message
}

// rowsOf returns the number of rows of what reached f.
func (r *Run) rowsOf(f *frame) (int, *message.Failure) {
	c, err := f.in.Content()
	if err != nil {
		return 0, name(asFailure(err), f.node.Base())
	}
	n, err := policy.Rows(c)
	if err != nil {
		return 0, fail(f.node.Base(), CodeRows, message.InvalidArgument, "%v", err)
	}
	return n, nil
}

// take makes a message of some rows of m, or returns m where these are all.
func (r *Run) take(f *frame, m *message.Message, rows []int, total int) (*message.Message, *message.Failure) {
	if len(rows) == total {
		return m, nil
	}
	c, err := m.Content()
	if err == nil {
		c, err = policy.Gather(c, rows)
	}
	if err != nil {
		return nil, fail(f.node.Base(), CodeRows, message.InvalidArgument, "%v", err)
	}
	return r.make(c), nil
}

// pickRows chooses an arm for each row and begins one call for each arm with its rows.
func (r *Run) pickRows(f *frame, n *plan.Choose) {
	total, fl := r.rowsOf(f)
	if fl != nil {
		r.finish(f, result{err: fl})
		return
	}
	arms := make([]int, 0, len(n.Arms)+1)
	st := &rows{total: total}
	for row := range total {
		at := row
		if total == 1 {
			at = -1 // scalars have no rows to be counted by
		}
		i, err := r.choice(f, n, at)
		if err != nil {
			fl := conditionFailure(&n.Info, err)
			fl.Detail = fmt.Sprintf("row %d: %s", row, fl.Detail)
			r.finish(f, result{err: fl})
			return
		}
		g := slices.Index(arms, i)
		if g < 0 {
			g = len(arms)
			arms = append(arms, i)
			st.groups = append(st.groups, policy.Group{Name: armName(n, i)})
		}
		st.groups[g].Rows = append(st.groups[g].Rows, row)
	}
	if len(arms) <= 1 {
		f.results = nil
		arm := -1
		if len(arms) == 1 {
			arm = arms[0]
		}
		r.arm(f, n, arm)
		return
	}
	if n.Rows == ast.RowsSame {
		r.finish(f, result{err: fail(&n.Info, CodeMixedRows, message.InvalidArgument, "%s", mixed(st.groups))})
		return
	}
	f.rows = st
	f.left, f.joined, f.onward = len(arms), true, false
	f.results = r.newResults(len(arms))
	for g, attempt := 0, f.attempt; g < len(arms) && !f.done && f.attempt == attempt; g++ {
		r.decide(n, st.groups[g].Name, len(st.groups[g].Rows))
		r.beginGroup(f, n, g, arms[g])
	}
}

func (r *Run) beginGroup(f *frame, n *plan.Choose, g, arm int) {
	part := n.Else
	if arm >= 0 {
		part = n.Arms[arm].Part
	}
	if part == nil {
		f.left--
		r.groupEnded(f, n, g, result{err: noBranch(n)})
		return
	}
	in, fl := r.take(f, f.in, f.rows.groups[g].Rows, f.rows.total)
	if fl != nil {
		f.left--
		r.groupEnded(f, n, g, result{err: fl})
		return
	}
	r.begin(part, f, g, in, f.scope, f.deadline)
}

// groupEnded takes the reply for one group of rows and stitches when all are there.
func (r *Run) groupEnded(f *frame, n *plan.Choose, g int, res result) {
	f.results[g] = res
	if f.left > 0 {
		return
	}
	for i := range f.results {
		if err := f.results[i].err; err != nil {
			r.finish(f, result{err: rowFailure(f, f.rows.groups[i].Rows, err)})
			return
		}
		c, err := f.results[i].msg.Content()
		if err != nil {
			r.finish(f, result{err: rowFailure(f, f.rows.groups[i].Rows, asFailure(err))})
			return
		}
		f.rows.groups[i].Content = c
	}
	r.stitch(f)
}

// stitch ends f with the groups' rows in order.
func (r *Run) stitch(f *frame) {
	c, err := policy.Stitch(f.rows.groups, f.rows.total)
	if err != nil {
		r.finish(f, result{err: fail(f.node.Base(), CodeRows, message.BadReply, "%v", err)})
		return
	}
	r.finish(f, result{msg: r.make(c)})
}

// rowFailure says for which rows a part failed, in the failure's own kind.
func rowFailure(f *frame, rows []int, cause *message.Failure) *message.Failure {
	fl := *cause // the reply, if any, stays the run's
	fl.Code, fl.Detail, fl.Cause = CodeRowFailure, listed(rows)+": "+cause.Detail, cause
	return name(&fl, f.node.Base())
}

func armName(n *plan.Choose, i int) string {
	if i < 0 {
		return "else"
	}
	return n.Arms[i].Name
}

// mixed says which rows would go where.
func mixed(groups []policy.Group) string {
	var b strings.Builder
	b.WriteString("the rows of the batch would go different ways: ")
	for i, g := range groups {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s to %s", listed(g.Rows), g.Name)
	}
	return b.String()
}

// listed names rows, the first few of many.
func listed(rows []int) string {
	if len(rows) == 1 {
		return fmt.Sprintf("row %d", rows[0])
	}
	var b strings.Builder
	b.WriteString("rows ")
	for i, row := range rows {
		if i == 8 {
			fmt.Fprintf(&b, " and %d more", len(rows)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, row)
	}
	return b.String()
}
