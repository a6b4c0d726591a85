package own

import (
	"fmt"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/xds/frontend/document"
)

func (r *reader) parallel(v document.Value, m document.Map) ast.Part {
	p := &ast.Parallel{Need: m.Get("need").Int(0, 1<<20)}
	for _, e := range v.List() {
		p.Parts = append(p.Parts, r.part(e))
	}
	if v.IsList() && len(p.Parts) == 0 {
		v.Refuse(document.CodeMissing, "list the parts that are asked", "a combiner has no children")
	}
	p.Combine = r.combine(m.Get("combine"))
	return p
}

const combiners = "it is merge, concat, mean, first, {vote: field}, {mean: field} or {server: name}"

func (r *reader) combine(v document.Value) ast.Combine {
	c := ast.Combine{Pos: v.Pos()}
	if !v.Present() {
		return c
	}
	if v.IsScalar() {
		switch v.String() {
		case "merge":
			c.By = ast.Merge
		case "concat":
			c.By = ast.Concat
		case "mean":
			c.By = ast.Mean
		case "first":
			c.By = ast.First
		case "first-in-order":
			c.By = ast.FirstIn
		default:
			v.Refuse(document.CodeValue, combiners, "there is no combiner %q", v.String())
		}
		return c
	}
	m := v.Map()
	switch {
	case m.Has("vote"):
		c.By, c.Field, c.Tie = ast.Vote, m.Get("vote").String(), m.Get("tie").String()
		c.Weights = weights(m)
	case m.Has("mean"):
		c.By, c.Field = ast.Mean, m.Get("mean").String()
		c.Weights = weights(m)
	case m.Has("server"):
		c.By, c.Server = ast.ByServer, callOf(m.Required("server", "the model that combines"))
		c.Server.Method = message.Aggregate
	default:
		v.Refuse(document.CodeValue, combiners, "the combiner is not given")
	}
	m.Done()
	return c
}

func weights(m document.Map) map[string]float64 {
	w := m.Get("weights").Map()
	if !w.Present() {
		return nil
	}
	out := map[string]float64{}
	for _, k := range w.Keys() {
		out[k] = w.Get(k).Float()
	}
	return out
}

func (r *reader) split(v document.Value, m document.Map) ast.Part {
	c := &ast.Choose{By: ast.ByWeight, Sticky: condition(m.Get("sticky")), Rows: rows(m)}
	arms := v.Map()
	for _, name := range arms.Keys() {
		a := ast.Arm{Name: name, Pos: arms.KeyPos(name)}
		am := arms.Get(name).Map()
		a.Weight = am.Required("weight", "the arm's share, such as 90").Float()
		if to := am.Required("to", "what the arm runs"); to.Present() {
			a.Part = r.part(to)
		} else {
			a.Part = &ast.Pass{}
		}
		am.Done()
		c.Arms = append(c.Arms, a)
	}
	return c
}

// canary reads `{canary: new, stable: old, percent: 5}`: a split of two arms.
func (r *reader) canary(v document.Value, m document.Map) ast.Part {
	percent := m.Required("percent", "the canary's share of requests, such as 5")
	share := percent.Float()
	if share < 0 || share > 100 {
		percent.Refuse(document.CodeValue, "", "percent must be from 0 to 100, not %v", share)
	}
	if abort := m.Get("abort"); abort.Present() {
		abort.Refuse(document.CodeValue, "watch the canary by /stats/prometheus and edit percent", "abort is not executed by this version")
	}
	stable := m.Required("stable", "what serves the rest")
	c := &ast.Choose{By: ast.ByWeight, Sticky: condition(m.Get("sticky"))}
	rest := ast.Part(&ast.Pass{})
	if stable.Present() {
		rest = r.part(stable)
	}
	c.Arms = []ast.Arm{
		{Name: "stable", Weight: 100 - share, Part: rest, Pos: m.KeyPos("stable")},
		{Name: "canary", Weight: share, Part: r.part(v), Pos: m.KeyPos("canary")},
	}
	return c
}

func (r *reader) choose(v document.Value, m document.Map) ast.Part {
	c := &ast.Choose{By: ast.ByCondition, Rows: rows(m)}
	if v.IsMap() {
		return r.router(v, m, c)
	}
	for i, e := range v.List() {
		am := e.Map()
		a := ast.Arm{Name: fmt.Sprintf("arm%d", i), Pos: e.Pos(), When: condition(am.Required("when", "a condition such as 'lang == \"de\"'"))}
		if name := am.Get("as"); name.Present() {
			a.Name = name.String()
		}
		if to := am.Required("to", "what runs when it holds"); to.Present() {
			a.Part = r.part(to)
		} else {
			a.Part = &ast.Pass{}
		}
		am.Done()
		c.Arms = append(c.Arms, a)
	}
	with := m.Get("with").Map()
	for _, name := range with.Keys() {
		w := with.Get(name)
		model, output, ok := cutLast(w.String())
		if !ok {
			w.Refuse(document.CodeValue, "write it as model.output", "%q names no output of a model", w.String())
		}
		call := &ast.Call{Model: model}
		call.Pos = w.Pos()
		c.With = append(c.With, ast.With{Name: name, Part: call, Output: output, Pos: with.KeyPos(name)})
	}
	if e := m.Get("else"); e.Present() {
		c.Else = r.part(e)
	}
	return c
}

// router reads `choose: {router: server, to: [a, b]}`: a router server answers the index of the branch.
func (r *reader) router(v document.Value, m document.Map, c *ast.Choose) ast.Part {
	rm := v.Map()
	c.By = ast.ByServerRoute
	c.Router = callOf(rm.Required("router", "the model that answers the branch"))
	c.Router.Method = message.Route
	for i, e := range rm.Required("to", "the list of branches").List() {
		c.Arms = append(c.Arms, ast.Arm{Name: fmt.Sprintf("%d", i), Part: r.part(e), Pos: e.Pos()})
	}
	rm.Done()
	return c
}

func cutLast(s string) (before, after string, ok bool) {
	for i := len(s) - 1; i > 0; i-- {
		if s[i] == '.' {
			return s[:i], s[i+1:], i+1 < len(s)
		}
	}
	return s, "", false
}

func (r *reader) cascade(v document.Value, m document.Map) ast.Part {
	c := &ast.Cascade{Rows: rows(m)}
	for _, e := range v.List() {
		t := ast.Try{Pos: e.Pos()}
		if e.IsMap() && e.Map().Has("to") {
			tm := e.Map()
			t.Part = r.part(tm.Get("to"))
			t.Accept = condition(tm.Get("accept"))
			r.policies(tm, &t.Part.Base().Policies)
			tm.Done()
		} else {
			t.Part = r.part(e)
		}
		c.Tries = append(c.Tries, t)
	}
	if e := m.Get("else"); e.Present() {
		c.Else = r.part(e)
	}
	return c
}

func (r *reader) tap(v document.Value, m document.Map) ast.Part {
	t := &ast.Tap{Part: r.part(v)}
	for _, e := range m.Required("shadows", "a list of {to: model, percent: 20}").List() {
		sm := e.Map()
		s := ast.Shadow{Percent: 100, InFlight: sm.Get("in-flight").Int(1, 1<<20), Timeout: sm.Get("timeout").Duration(), Key: condition(sm.Get("key")), Pos: e.Pos()}
		if to := sm.Required("to", "what runs on the copy"); to.Present() {
			s.To = r.part(to)
		} else {
			s.To = &ast.Pass{}
		}
		if p := sm.Get("percent"); p.Present() {
			s.Percent = p.Float()
		}
		compare := sm.Get("compare").Map()
		for _, field := range compare.Keys() {
			s.Compare = append(s.Compare, comparison(field, compare.Get(field)))
		}
		sm.Done()
		t.Shadows = append(t.Shadows, s)
	}
	return t
}

func comparison(field string, v document.Value) ast.Compare {
	if v.IsMap() {
		m := v.Map()
		abs := m.Required("abs", "the largest difference that counts as equal").Float()
		m.Done()
		return ast.Compare{Field: field, Abs: abs}
	}
	if v.String() != "exact" {
		v.Refuse(document.CodeValue, "it is exact or {abs: 0.01}", "%q is not a comparison", v.String())
	}
	return ast.Compare{Field: field, Exact: true}
}
