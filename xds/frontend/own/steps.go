package own

import (
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/xds/api/algebra"
	"github.com/millrace/millrace/xds/frontend/document"
)

func (r *reader) steps(v document.Value, m document.Map) ast.Part {
	s := &ast.Steps{Out: bindings(m.Get("out"))}
	steps := v.Map()
	for _, name := range steps.Keys() {
		sv := steps.Get(name)
		st := ast.Step{Name: name, Pos: steps.KeyPos(name)}
		if sv.IsMap() {
			sm := sv.Map()
			st.In, st.When = bindings(sm.Get("in")), condition(sm.Get("when"))
			st.Part = r.mapped(sv, "in", "when")
		} else {
			st.Part = r.part(sv)
		}
		s.Steps = append(s.Steps, st)
	}
	return s
}

// bindings reads `{text: request.text, x: enc.pooled}`; a single string takes all of a value.
func bindings(v document.Value) []ast.Binding {
	if v.IsScalar() {
		return []ast.Binding{binding("", v)}
	}
	m := v.Map()
	var out []ast.Binding
	for _, k := range m.Keys() {
		out = append(out, binding(k, m.Get(k)))
	}
	return out
}

func binding(field string, v document.Value) ast.Binding {
	from, output, _ := strings.Cut(v.String(), ".")
	if from == "" {
		v.Refuse(document.CodeValue, "write it as request.text or step.output", "%q names no value", v.String())
	}
	return ast.Binding{Field: field, From: from, Output: output, Pos: v.Pos()}
}

func (r *reader) mapping(v document.Value) ast.Part {
	out := &ast.Map{}
	for _, e := range v.List() {
		m := e.Map()
		if keys := m.Keys(); len(keys) != 1 {
			e.Refuse(document.CodeValue, "write each operation as an entry of its own", "%s must have one operation, not %d", e.Path(), len(keys))
			continue
		}
		op := m.Get(m.Keys()[0])
		switch m.Keys()[0] {
		case "rename":
			each(op, func(k string, v document.Value) {
				out.Operations = append(out.Operations, ast.Operation{Op: ast.Rename, Field: k, To: v.String(), Pos: v.Pos()})
			})
		case "select":
			out.Operations = append(out.Operations, ast.Operation{Op: ast.Select, Fields: op.Strings(), Pos: op.Pos()})
		case "drop":
			out.Operations = append(out.Operations, ast.Operation{Op: ast.Drop, Fields: op.Strings(), Pos: op.Pos()})
		case "cast":
			each(op, func(k string, v document.Value) {
				out.Operations = append(out.Operations, ast.Operation{Op: ast.Cast, Field: k, Type: datatype(v), Pos: v.Pos()})
			})
		case "reshape":
			each(op, func(k string, v document.Value) {
				o := ast.Operation{Op: ast.Reshape, Field: k, Pos: v.Pos()}
				for _, d := range v.List() {
					o.Shape = append(o.Shape, int64(d.Int(-1, 1<<40)))
				}
				out.Operations = append(out.Operations, o)
			})
		case "compute":
			each(op, func(k string, v document.Value) {
				out.Operations = append(out.Operations, ast.Operation{Op: ast.Compute, Field: k, Value: condition(v), Pos: v.Pos()})
			})
		case "parameters":
			each(op, func(k string, v document.Value) {
				out.Operations = append(out.Operations, ast.Operation{Op: ast.SetParameter, Field: k, Param: value(v), Pos: v.Pos()})
			})
		default:
			e.Refuse(document.CodeUnknown, "it is rename, select, drop, cast, reshape, compute or parameters", "a map has no operation %q", m.Keys()[0])
		}
	}
	return out
}

func each(v document.Value, do func(string, document.Value)) {
	m := v.Map()
	for _, k := range m.Keys() {
		do(k, m.Get(k))
	}
}

// answer reads `answer: {label: unknown}` or `answer: {error: "text", status: 404}`.
func (r *reader) answer(v document.Value) ast.Part {
	a := &ast.Answer{}
	m := v.Map()
	if m.Has("error") {
		status := m.Get("status").Int(400, 599)
		if status == 0 {
			status = 500
		}
		a.Failure = &message.Failure{Code: algebra.CodeAnswered, Kind: message.KindOf(status), Detail: m.Get("error").String()}
		m.Done()
		return a
	}
	for _, k := range m.Keys() {
		a.Fields = append(a.Fields, constant(m.Get(k), k, 0))
	}
	a.JSON = v.JSON()
	return a
}

func (r *reader) policies(m document.Map, p *ast.Policies) {
	if v := m.Get("timeout"); v.Present() {
		p.Timeout = v.Duration()
	}
	if v := m.Get("optional"); v.Present() {
		p.Optional = v.Bool()
	}
	if v := m.Get("retry"); v.Present() {
		p.Retry = retry(v)
	}
	if v := m.Get("breaker"); v.Present() {
		b := v.Map()
		p.Breaker = &ast.Breaker{
			ConsecutiveFailures: uint32(b.Get("failures").Int(0, 1<<30)), FailureRatio: b.Get("ratio").Float(),
			MinRequests: uint32(b.Get("min-requests").Int(0, 1<<30)), Interval: b.Get("interval").Duration(),
			OpenFor: b.Get("open-for").Duration(), HalfOpenRequests: uint32(b.Get("half-open").Int(0, 1<<30)),
		}
		if p.Breaker.ConsecutiveFailures == 0 && p.Breaker.FailureRatio == 0 {
			v.Refuse(document.CodeMissing, "say when it opens: {failures: 5}, or {ratio: 0.5, min-requests: 20}", "the breaker never opens")
		}
		b.Done()
	}
	if v := m.Get("hedge"); v.Present() {
		h := v.Map()
		p.Hedge = &ast.Hedge{After: h.Required("after", "a duration").Duration()}
		h.Done()
	}
	if v := m.Get("cache"); v.Present() {
		c := v.Map()
		p.Cache = &ast.Cache{TTL: c.Required("ttl", "a duration").Duration(), Entries: c.Get("entries").Int(1, 1<<30)}
		c.Done()
	}
	if v := m.Get("batch"); v.Present() {
		b := v.Map()
		p.Batch = &ast.Batch{MaxRows: b.Required("max-rows", "the most rows in one call").Int(1, 1<<20), MaxWait: b.Get("max-wait").Duration()}
		b.Done()
	}
	if v := m.Get("limit"); v.Present() {
		l := v.Map()
		p.Limit = &ast.Limit{MaxConcurrent: l.Required("concurrent", "the most at once").Int(1, 1<<20), MaxQueue: l.Get("queue").Int(0, 1<<20)}
		l.Done()
	}
}

// retry reads `retry: 3` or `retry: {attempts: 3, per-try: 100ms, on: [reset]}`.
func retry(v document.Value) *ast.Retry {
	if v.IsScalar() {
		return &ast.Retry{Attempts: v.Int(1, 10)}
	}
	m := v.Map()
	out := &ast.Retry{
		Attempts:      m.Required("attempts", "the most tries, the first included, up to 10").Int(1, 10),
		PerTryTimeout: m.Get("per-try").Duration(), On: m.Get("on").Strings(),
	}
	m.Done()
	return out
}
