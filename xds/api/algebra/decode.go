package algebra

import (
	"fmt"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// DecodeGraph turns a resource into the algebra. What is wrong with the resource in itself is returned; the graph is nil
// then. Whether the graph makes sense is plan.Check's business.
func DecodeGraph(r *pb.InferenceGraph) (*ast.Graph, []diagnostic.Diagnostic) {
	d := &decoder{graph: r.GetName()}
	g := &ast.Graph{Origin: r.GetOrigin(), Askable: r.GetAskable(), Pos: DecodePosition(r.GetPosition())}
	g.Namespace, g.Name = d.name(r)
	d.graph = g.Name
	if !d.unknownFields(r.ProtoReflect(), r.GetPosition(), "graph") {
		return nil, d.found
	}
	if _, ok := pb.Rules_name[int32(r.GetRules())]; !ok {
		d.refuse(CodeBadValue, r.GetPosition(), "rules", "there are no rules %d", r.GetRules())
	}
	g.Rules = ast.Rules(r.GetRules())
	g.Inputs, g.Outputs = d.fields(r.GetInputs(), "inputs"), d.fields(r.GetOutputs(), "outputs")
	if a := r.GetAddress(); a != nil && a.GetWorld() == nil {
		d.refuse(CodeMissing, r.GetPosition(), "address", "the address has no world")
	}
	g.Root = d.part(r.GetRoot(), r.GetPosition(), "graph")
	if len(d.found) > 0 {
		return nil, d.found
	}
	return g, nil
}

func (d *decoder) fields(fs []*pb.Field, path string) []ast.Field {
	var out []ast.Field
	for _, f := range fs {
		out = append(out, ast.Field{Name: f.GetName(), Type: d.datatype(f.GetDatatype(), f.GetPosition(), path+"."+f.GetName()), Pos: DecodePosition(f.GetPosition())})
	}
	return out
}

func (d *decoder) parts(ps []*pb.Part, pos *pb.Position, path string) []ast.Part {
	var out []ast.Part
	for i, p := range ps {
		out = append(out, d.part(p, pos, fmt.Sprintf("%s[%d]", path, i)))
	}
	return out
}

// optional decodes a part that may be absent; the result is then an untyped nil.
func (d *decoder) optional(p *pb.Part, pos *pb.Position, path string) ast.Part {
	if p == nil {
		return nil
	}
	return d.part(p, pos, path)
}

// part decodes p; outer is the position that errors fall back to.
func (d *decoder) part(p *pb.Part, outer *pb.Position, path string) ast.Part {
	pos := p.GetPosition()
	if pos == nil {
		pos = outer
	}
	c := ast.Common{Label: p.GetLabel(), Policies: d.policies(p.GetPolicies(), pos, path), Pos: DecodePosition(p.GetPosition())}
	switch o := p.GetOperator().(type) {
	case *pb.Part_Call:
		call := d.call(o.Call, pos, path+".call")
		call.Common = c
		return call
	case *pb.Part_Chain:
		return &ast.Chain{Common: c, Parts: d.parts(o.Chain.GetParts(), pos, path+".chain")}
	case *pb.Part_Steps:
		return d.steps(o.Steps, c, pos, path+".steps")
	case *pb.Part_Parallel:
		return &ast.Parallel{
			Common: c, Parts: d.parts(o.Parallel.GetParts(), pos, path+".parallel"),
			Combine: d.combine(o.Parallel.GetCombine(), pos, path+".combine"), Need: int(o.Parallel.GetNeed()),
		}
	case *pb.Part_Choose:
		return d.choose(o.Choose, c, pos, path+".choose")
	case *pb.Part_Cascade:
		return d.cascade(o.Cascade, c, pos, path+".cascade")
	case *pb.Part_Map:
		return d.mapping(o.Map, c, pos, path+".map")
	case *pb.Part_Answer:
		return d.answer(o.Answer, c, pos, path+".answer")
	case *pb.Part_Pass:
		return &ast.Pass{Common: c, Status: int(o.Pass.GetStatus())}
	case *pb.Part_Guard:
		if o.Guard.GetIf() == nil {
			d.refuse(CodeMissing, pos, path+".guard", "the guard has no condition")
		}
		return &ast.Guard{
			Common: c, If: d.condition(o.Guard.GetIf(), pos, path+".guard.if"), Then: d.part(o.Guard.GetThen(), pos, path+".guard.then"),
			Else: d.optional(o.Guard.GetElse(), pos, path+".guard.else"),
		}
	case *pb.Part_Original:
		return &ast.Original{Common: c, Part: d.part(o.Original.GetPart(), pos, path+".original")}
	case *pb.Part_Scope:
		return &ast.Scope{Common: c, Part: d.part(o.Scope.GetPart(), pos, path+".scope")}
	case *pb.Part_Tap:
		return d.tap(o.Tap, c, pos, path+".tap")
	case *pb.Part_Repeat:
		return &ast.Repeat{Common: c, Part: d.part(o.Repeat.GetPart(), pos, path+".repeat"), While: d.condition(o.Repeat.GetWhile(), pos, path+".repeat.while"), Max: int(o.Repeat.GetMax())}
	case *pb.Part_Each:
		return &ast.Each{Common: c, Part: d.part(o.Each.GetPart(), pos, path+".each"), Chunk: int(o.Each.GetChunk())}
	}
	d.refuse(CodeMissing, pos, path, "the part has no operator")
	return &ast.Pass{Common: c}
}

func (d *decoder) policies(p *pb.Policies, pos *pb.Position, path string) ast.Policies {
	out := ast.Policies{Timeout: d.duration(p.GetTimeout(), pos, path+".timeout"), Optional: p.GetOptional()}
	if r := p.GetRetry(); r != nil {
		out.Retry = &ast.Retry{Attempts: int(r.GetAttempts()), PerTryTimeout: d.duration(r.GetPerTryTimeout(), pos, path+".retry.per_try_timeout"), On: r.GetOn()}
	}
	if b := p.GetBreaker(); b != nil {
		out.Breaker = &ast.Breaker{
			ConsecutiveFailures: b.GetConsecutiveFailures(), FailureRatio: b.GetFailureRatio(), MinRequests: b.GetMinRequests(),
			Interval: d.duration(b.GetInterval(), pos, path+".breaker.interval"), OpenFor: d.duration(b.GetOpenFor(), pos, path+".breaker.open_for"),
			HalfOpenRequests: b.GetHalfOpenRequests(),
		}
		if r := b.GetFailureRatio(); !(r >= 0 && r <= 1) { // not a number is refused too
			d.refuse(CodeBadValue, pos, path+".breaker.failure_ratio", "the ratio must be from 0 to 1, not %v", r)
		}
	}
	if h := p.GetHedge(); h != nil {
		out.Hedge = &ast.Hedge{After: d.duration(h.GetAfter(), pos, path+".hedge.after")}
	}
	if c := p.GetCache(); c != nil {
		out.Cache = &ast.Cache{TTL: d.duration(c.GetTtl(), pos, path+".cache.ttl"), Entries: int(c.GetEntries())}
	}
	if b := p.GetBatch(); b != nil {
		out.Batch = &ast.Batch{MaxRows: int(b.GetMaxRows()), MaxWait: d.duration(b.GetMaxWait(), pos, path+".batch.max_wait")}
	}
	if l := p.GetLimit(); l != nil {
		out.Limit = &ast.Limit{MaxConcurrent: int(l.GetMaxConcurrent()), MaxQueue: int(l.GetMaxQueue())}
	}
	return out
}

func (d *decoder) call(c *pb.Call, pos *pb.Position, path string) *ast.Call {
	if c.GetModel() == "" {
		d.refuse(CodeMissing, pos, path, "the call names no model")
	}
	out := &ast.Call{
		Model: c.GetModel(), Version: c.GetVersion(), Parameters: DecodeParameters(c.GetParameters()),
		Tolerate: c.GetTolerate(), As: c.GetAs(),
	}
	if m := int(c.GetMethod()); m >= 0 && m < len(methods) {
		out.Method = methods[m]
	} else {
		d.refuse(CodeBadValue, pos, path, "there is no method %d", m)
	}
	return out
}

func decodeBindings(bs []*pb.Binding) []ast.Binding {
	var out []ast.Binding
	for _, b := range bs {
		out = append(out, ast.Binding{Field: b.GetField(), From: b.GetFrom(), Output: b.GetOutput(), Pos: DecodePosition(b.GetPosition())})
	}
	return out
}

func (d *decoder) steps(s *pb.Steps, c ast.Common, pos *pb.Position, path string) ast.Part {
	out := &ast.Steps{Common: c, Out: decodeBindings(s.GetOut())}
	for i, st := range s.GetSteps() {
		at, pos := fmt.Sprintf("%s[%d]", path, i), or(st.GetPosition(), pos)
		if st.GetName() != "" {
			at = path + "." + st.GetName()
		}
		out.Steps = append(out.Steps, ast.Step{
			Name: st.GetName(), Part: d.part(st.GetPart(), pos, at), In: decodeBindings(st.GetIn()),
			When: d.condition(st.GetWhen(), pos, at+".when"), Pos: DecodePosition(st.GetPosition()),
		})
	}
	return out
}

func or(a, b *pb.Position) *pb.Position {
	if a != nil {
		return a
	}
	return b
}

func (d *decoder) combine(c *pb.Combine, pos *pb.Position, path string) ast.Combine {
	out := ast.Combine{Pos: DecodePosition(c.GetPosition())}
	pos = or(c.GetPosition(), pos)
	switch b := c.GetBy().(type) {
	case *pb.Combine_Merge:
		out.By = ast.Merge
	case *pb.Combine_Concat:
		out.By = ast.Concat
	case *pb.Combine_Mean:
		out.By, out.Field, out.Weights = ast.Mean, b.Mean.GetField(), b.Mean.GetWeights()
	case *pb.Combine_Vote:
		out.By, out.Field, out.Weights, out.Tie = ast.Vote, b.Vote.GetField(), b.Vote.GetWeights(), b.Vote.GetTie()
	case *pb.Combine_First:
		out.By = ast.First
	case *pb.Combine_FirstInOrder:
		out.By = ast.FirstIn
	case *pb.Combine_Server:
		out.By, out.Server = ast.ByServer, d.call(b.Server, pos, path+".server")
	case *pb.Combine_JsonObject:
		out.By = ast.JSONObject
	default:
		d.refuse(CodeMissing, pos, path, "the combiner is not given")
	}
	return out
}

func (d *decoder) rows(r pb.Rows, pos *pb.Position, path string) ast.Rows {
	if _, ok := pb.Rows_name[int32(r)]; !ok {
		d.refuse(CodeBadValue, pos, path+".rows", "there is no way %d to deal with rows", r)
	}
	return ast.Rows(r)
}

func (d *decoder) choose(p *pb.Choose, c ast.Common, pos *pb.Position, path string) ast.Part {
	out := &ast.Choose{Common: c, Rows: d.rows(p.GetRows(), pos, path)}
	switch b := p.GetBy().(type) {
	case *pb.Choose_Weight:
		out.By, out.Sticky = ast.ByWeight, d.condition(b.Weight.GetSticky(), pos, path+".sticky")
	case *pb.Choose_Condition:
		out.By, out.Else, out.NoMatch = ast.ByCondition, d.optional(b.Condition.GetElse(), pos, path+".else"), int(b.Condition.GetNoMatchStatus())
	case *pb.Choose_Router:
		out.By, out.Router = ast.ByServerRoute, d.call(b.Router, pos, path+".router")
	case *pb.Choose_Wish:
		out.By, out.Wish = ast.ByWish, b.Wish.GetHeader()
	default:
		d.refuse(CodeMissing, pos, path, "the chooser is not given")
	}
	for i, a := range p.GetArms() {
		at, pos := fmt.Sprintf("%s[%d]", path, i), or(a.GetPosition(), pos)
		if a.GetName() != "" {
			at = path + "." + a.GetName()
		}
		out.Arms = append(out.Arms, ast.Arm{
			Name: a.GetName(), Weight: a.GetWeight(), When: d.condition(a.GetWhen(), pos, at+".when"),
			Part: d.part(a.GetPart(), pos, at), Pos: DecodePosition(a.GetPosition()),
		})
	}
	for _, w := range p.GetWith() {
		out.With = append(out.With, ast.With{Name: w.GetName(), Part: d.part(w.GetPart(), or(w.GetPosition(), pos), path+".with."+w.GetName()), Output: w.GetOutput(), Pos: DecodePosition(w.GetPosition())})
	}
	return out
}

func (d *decoder) cascade(p *pb.Cascade, c ast.Common, pos *pb.Position, path string) ast.Part {
	out := &ast.Cascade{Common: c, Else: d.optional(p.GetElse(), pos, path+".else"), Rows: d.rows(p.GetRows(), pos, path)}
	for i, t := range p.GetTries() {
		at, pos := fmt.Sprintf("%s[%d]", path, i), or(t.GetPosition(), pos)
		out.Tries = append(out.Tries, ast.Try{Part: d.part(t.GetPart(), pos, at), Accept: d.condition(t.GetAccept(), pos, at+".accept"), Pos: DecodePosition(t.GetPosition())})
	}
	return out
}

func (d *decoder) mapping(p *pb.Map, c ast.Common, pos *pb.Position, path string) ast.Part {
	out := &ast.Map{Common: c}
	for i, o := range p.GetOperations() {
		at, pos := fmt.Sprintf("%s[%d]", path, i), or(o.GetPosition(), pos)
		op := ast.Operation{Pos: DecodePosition(o.GetPosition())}
		switch v := o.GetOp().(type) {
		case *pb.Operation_Rename:
			op.Op, op.Field, op.To = ast.Rename, v.Rename.GetField(), v.Rename.GetTo()
		case *pb.Operation_Select:
			op.Op, op.Fields = ast.Select, v.Select.GetFields()
		case *pb.Operation_Drop:
			op.Op, op.Fields = ast.Drop, v.Drop.GetFields()
		case *pb.Operation_Cast:
			op.Op, op.Field, op.Type = ast.Cast, v.Cast.GetField(), d.datatype(v.Cast.GetTo(), pos, at)
		case *pb.Operation_Reshape:
			op.Op, op.Field, op.Shape = ast.Reshape, v.Reshape.GetField(), v.Reshape.GetShape()
		case *pb.Operation_Compute:
			op.Op, op.Field, op.Type = ast.Compute, v.Compute.GetField(), d.datatype(v.Compute.GetDatatype(), pos, at)
			if op.Value = d.condition(v.Compute.GetValue(), pos, at+".value"); op.Value == nil {
				d.refuse(CodeMissing, pos, at, "the computed field has no expression")
			}
		case *pb.Operation_SetParameter:
			param := decodeParameter(v.SetParameter)
			op.Op, op.Field, op.Param = ast.SetParameter, param.Name, param.Value
		default:
			d.refuse(CodeMissing, pos, at, "the operation is not given")
		}
		out.Operations = append(out.Operations, op)
	}
	return out
}

func (d *decoder) answer(p *pb.Answer, c ast.Common, pos *pb.Position, path string) ast.Part {
	out := &ast.Answer{Common: c, Status: int(p.GetStatus())}
	if p.GetJson() != "" {
		out.JSON = []byte(p.GetJson())
	}
	for i, t := range p.GetFields() {
		out.Fields = append(out.Fields, *d.tensor(t, pos, fmt.Sprintf("%s.fields[%d]", path, i)))
	}
	if f := p.GetFailure(); f != nil {
		if s := f.GetStatus(); s != 0 && (s < 400 || s > 599) {
			d.refuse(CodeBadValue, pos, path+".failure.status", "an error's status must be from 400 to 599, not %d", s)
		}
		out.Failure = &message.Failure{Code: CodeAnswered, Kind: message.KindOf(int(f.GetStatus())), Detail: f.GetDetail()}
	}
	return out
}

// CodeAnswered is the code of an error that a graph answers on purpose.
const CodeAnswered message.Code = "MR419"

var _ = diagnostic.Register(diagnostic.Entry{
	Code: CodeAnswered, Title: "the graph answers an error on purpose",
	Text: "The request reached an `answer` part with an error, as a graph's author puts one where no other branch fits. The message is the author's.",
})

func (d *decoder) tap(p *pb.Tap, c ast.Common, pos *pb.Position, path string) ast.Part {
	out := &ast.Tap{Common: c, Part: d.part(p.GetPart(), pos, path)}
	for i, s := range p.GetShadows() {
		at, pos := fmt.Sprintf("%s.shadows[%d]", path, i), or(s.GetPosition(), pos)
		sh := ast.Shadow{
			To: d.part(s.GetTo(), pos, at), Percent: s.GetPercent(), Key: d.condition(s.GetKey(), pos, at+".key"),
			InFlight: int(s.GetInFlight()), Timeout: d.duration(s.GetTimeout(), pos, at+".timeout"), Pos: DecodePosition(s.GetPosition()),
		}
		for _, cmp := range s.GetCompare() {
			switch t := cmp.GetTolerance().(type) {
			case *pb.Compare_Exact:
				sh.Compare = append(sh.Compare, ast.Compare{Field: cmp.GetField(), Exact: t.Exact})
			case *pb.Compare_Abs:
				sh.Compare = append(sh.Compare, ast.Compare{Field: cmp.GetField(), Abs: t.Abs})
			default:
				d.refuse(CodeMissing, pos, at+".compare."+cmp.GetField(), "the tolerance is not given")
			}
		}
		out.Shadows = append(out.Shadows, sh)
	}
	return out
}
