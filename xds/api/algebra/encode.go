package algebra

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// EncodeGraph returns g as a resource; address may be nil.
func EncodeGraph(g *ast.Graph, address *pb.Address) *pb.InferenceGraph {
	return &pb.InferenceGraph{
		Name:     g.Namespace + "/" + g.Name,
		Inputs:   encodeFields(g.Inputs),
		Outputs:  encodeFields(g.Outputs),
		Root:     encodePart(g.Root),
		Rules:    pb.Rules(g.Rules),
		Origin:   g.Origin,
		Askable:  g.Askable,
		Address:  address,
		Position: EncodePosition(g.Pos),
	}
}

func encodeFields(fs []ast.Field) []*pb.Field {
	var out []*pb.Field
	for _, f := range fs {
		out = append(out, &pb.Field{Name: f.Name, Datatype: EncodeDatatype(f.Type), Position: EncodePosition(f.Pos)})
	}
	return out
}

func encodeParts(ps []ast.Part) []*pb.Part {
	var out []*pb.Part
	for _, p := range ps {
		out = append(out, encodePart(p))
	}
	return out
}

func encodePart(p ast.Part) *pb.Part {
	if p == nil {
		return nil
	}
	c := p.Base()
	out := &pb.Part{Label: c.Label, Policies: encodePolicies(&c.Policies), Position: EncodePosition(c.Pos)}
	switch p := p.(type) {
	case *ast.Call:
		out.Operator = &pb.Part_Call{Call: encodeCall(p)}
	case *ast.Chain:
		out.Operator = &pb.Part_Chain{Chain: &pb.Chain{Parts: encodeParts(p.Parts)}}
	case *ast.Steps:
		out.Operator = &pb.Part_Steps{Steps: encodeSteps(p)}
	case *ast.Parallel:
		out.Operator = &pb.Part_Parallel{Parallel: &pb.Parallel{Parts: encodeParts(p.Parts), Combine: encodeCombine(&p.Combine), Need: uint32(p.Need)}}
	case *ast.Choose:
		out.Operator = &pb.Part_Choose{Choose: encodeChoose(p)}
	case *ast.Cascade:
		out.Operator = &pb.Part_Cascade{Cascade: encodeCascade(p)}
	case *ast.Map:
		out.Operator = &pb.Part_Map{Map: encodeMap(p)}
	case *ast.Answer:
		out.Operator = &pb.Part_Answer{Answer: encodeAnswer(p)}
	case *ast.Pass:
		out.Operator = &pb.Part_Pass{Pass: &pb.Pass{Status: uint32(p.Status)}}
	case *ast.Guard:
		out.Operator = &pb.Part_Guard{Guard: &pb.Guard{If: encodeCondition(p.If), Then: encodePart(p.Then), Else: encodePart(p.Else)}}
	case *ast.Original:
		out.Operator = &pb.Part_Original{Original: &pb.Original{Part: encodePart(p.Part)}}
	case *ast.Scope:
		out.Operator = &pb.Part_Scope{Scope: &pb.Scope{Part: encodePart(p.Part)}}
	case *ast.Tap:
		out.Operator = &pb.Part_Tap{Tap: encodeTap(p)}
	case *ast.Repeat:
		out.Operator = &pb.Part_Repeat{Repeat: &pb.Repeat{Part: encodePart(p.Part), While: encodeCondition(p.While), Max: uint32(p.Max)}}
	case *ast.Each:
		out.Operator = &pb.Part_Each{Each: &pb.Each{Part: encodePart(p.Part), Chunk: uint32(p.Chunk)}}
	}
	return out
}

func encodePolicies(p *ast.Policies) *pb.Policies {
	out := &pb.Policies{Timeout: EncodeDuration(p.Timeout), Optional: p.Optional}
	if r := p.Retry; r != nil {
		out.Retry = &pb.Retry{Attempts: uint32(r.Attempts), PerTryTimeout: EncodeDuration(r.PerTryTimeout), On: r.On}
	}
	if b := p.Breaker; b != nil {
		out.Breaker = &pb.Breaker{
			ConsecutiveFailures: b.ConsecutiveFailures, FailureRatio: b.FailureRatio, MinRequests: b.MinRequests,
			Interval: EncodeDuration(b.Interval), OpenFor: EncodeDuration(b.OpenFor), HalfOpenRequests: b.HalfOpenRequests,
		}
	}
	if h := p.Hedge; h != nil {
		out.Hedge = &pb.Hedge{After: EncodeDuration(h.After)}
	}
	if c := p.Cache; c != nil {
		out.Cache = &pb.Cache{Ttl: EncodeDuration(c.TTL), Entries: uint32(c.Entries)}
	}
	if b := p.Batch; b != nil {
		out.Batch = &pb.Batch{MaxRows: uint32(b.MaxRows), MaxWait: EncodeDuration(b.MaxWait)}
	}
	if l := p.Limit; l != nil {
		out.Limit = &pb.Limit{MaxConcurrent: uint32(l.MaxConcurrent), MaxQueue: uint32(l.MaxQueue)}
	}
	if out.Timeout == nil && !out.Optional && out.Retry == nil && out.Breaker == nil && out.Hedge == nil && out.Cache == nil && out.Batch == nil && out.Limit == nil {
		return nil
	}
	return out
}

// methods pairs the wire's methods with the program's.
var methods = [...]message.Method{
	pb.Method_METHOD_UNSPECIFIED:      message.Predict,
	pb.Method_METHOD_TRANSFORM_INPUT:  message.TransformInput,
	pb.Method_METHOD_TRANSFORM_OUTPUT: message.TransformOutput,
	pb.Method_METHOD_ROUTE:            message.Route,
	pb.Method_METHOD_AGGREGATE:        message.Aggregate,
	pb.Method_METHOD_EXPLAIN:          message.Explain,
	pb.Method_METHOD_FEEDBACK:         message.Feedback,
}

func encodeMethod(m message.Method) pb.Method {
	for p, own := range methods {
		if own == m {
			return pb.Method(p)
		}
	}
	return pb.Method_METHOD_UNSPECIFIED
}

func encodeCall(c *ast.Call) *pb.Call {
	if c == nil {
		return nil
	}
	return &pb.Call{
		Model: c.Model, Version: c.Version, Method: encodeMethod(c.Method), Parameters: EncodeParameters(c.Parameters),
		Tolerate: c.Tolerate, As: c.As,
	}
}

func encodeBindings(bs []ast.Binding) []*pb.Binding {
	var out []*pb.Binding
	for _, b := range bs {
		out = append(out, &pb.Binding{Field: b.Field, From: b.From, Output: b.Output, Position: EncodePosition(b.Pos)})
	}
	return out
}

func encodeSteps(s *ast.Steps) *pb.Steps {
	out := &pb.Steps{Out: encodeBindings(s.Out)}
	for _, st := range s.Steps {
		out.Steps = append(out.Steps, &pb.Step{
			Name: st.Name, Part: encodePart(st.Part), In: encodeBindings(st.In), When: encodeCondition(st.When), Position: EncodePosition(st.Pos),
		})
	}
	return out
}

func encodeCombine(c *ast.Combine) *pb.Combine {
	out := &pb.Combine{Position: EncodePosition(c.Pos)}
	switch c.By {
	case ast.Merge:
		out.By = &pb.Combine_Merge{Merge: &pb.Merge{}}
	case ast.Concat:
		out.By = &pb.Combine_Concat{Concat: &pb.Concat{}}
	case ast.Mean:
		out.By = &pb.Combine_Mean{Mean: &pb.Mean{Field: c.Field, Weights: c.Weights}}
	case ast.Vote:
		out.By = &pb.Combine_Vote{Vote: &pb.Vote{Field: c.Field, Weights: c.Weights, Tie: c.Tie}}
	case ast.First:
		out.By = &pb.Combine_First{First: &pb.First{}}
	case ast.FirstIn:
		out.By = &pb.Combine_FirstInOrder{FirstInOrder: &pb.FirstInOrder{}}
	case ast.ByServer:
		out.By = &pb.Combine_Server{Server: encodeCall(c.Server)}
	case ast.JSONObject:
		out.By = &pb.Combine_JsonObject{JsonObject: &pb.JsonObject{}}
	}
	return out
}

func encodeChoose(c *ast.Choose) *pb.Choose {
	out := &pb.Choose{Rows: pb.Rows(c.Rows)}
	switch c.By {
	case ast.ByWeight:
		out.By = &pb.Choose_Weight{Weight: &pb.ByWeight{Sticky: encodeCondition(c.Sticky)}}
	case ast.ByCondition:
		out.By = &pb.Choose_Condition{Condition: &pb.ByCondition{Else: encodePart(c.Else), NoMatchStatus: uint32(c.NoMatch)}}
	case ast.ByServerRoute:
		out.By = &pb.Choose_Router{Router: encodeCall(c.Router)}
	case ast.ByWish:
		out.By = &pb.Choose_Wish{Wish: &pb.ByWish{Header: c.Wish}}
	}
	for _, a := range c.Arms {
		out.Arms = append(out.Arms, &pb.Arm{Name: a.Name, Weight: a.Weight, When: encodeCondition(a.When), Part: encodePart(a.Part), Position: EncodePosition(a.Pos)})
	}
	for _, w := range c.With {
		out.With = append(out.With, &pb.With{Name: w.Name, Part: encodePart(w.Part), Output: w.Output, Position: EncodePosition(w.Pos)})
	}
	return out
}

func encodeCascade(c *ast.Cascade) *pb.Cascade {
	out := &pb.Cascade{Else: encodePart(c.Else), Rows: pb.Rows(c.Rows)}
	for _, t := range c.Tries {
		out.Tries = append(out.Tries, &pb.Try{Part: encodePart(t.Part), Accept: encodeCondition(t.Accept), Position: EncodePosition(t.Pos)})
	}
	return out
}

func encodeMap(m *ast.Map) *pb.Map {
	out := &pb.Map{}
	for _, o := range m.Operations {
		p := &pb.Operation{Position: EncodePosition(o.Pos)}
		switch o.Op {
		case ast.Rename:
			p.Op = &pb.Operation_Rename{Rename: &pb.Rename{Field: o.Field, To: o.To}}
		case ast.Select:
			p.Op = &pb.Operation_Select{Select: &pb.Select{Fields: o.Fields}}
		case ast.Drop:
			p.Op = &pb.Operation_Drop{Drop: &pb.Drop{Fields: o.Fields}}
		case ast.Cast:
			p.Op = &pb.Operation_Cast{Cast: &pb.Cast{Field: o.Field, To: EncodeDatatype(o.Type)}}
		case ast.Reshape:
			p.Op = &pb.Operation_Reshape{Reshape: &pb.Reshape{Field: o.Field, Shape: o.Shape}}
		case ast.Compute:
			p.Op = &pb.Operation_Compute{Compute: &pb.Compute{Field: o.Field, Value: encodeCondition(o.Value), Datatype: EncodeDatatype(o.Type)}}
		case ast.SetParameter:
			p.Op = &pb.Operation_SetParameter{SetParameter: encodeParameter(tensor.Parameter{Name: o.Field, Value: o.Param})}
		}
		out.Operations = append(out.Operations, p)
	}
	return out
}

func encodeAnswer(a *ast.Answer) *pb.Answer {
	out := &pb.Answer{Json: string(a.JSON), Status: uint32(a.Status)}
	for i := range a.Fields {
		out.Fields = append(out.Fields, encodeTensor(&a.Fields[i]))
	}
	if f := a.Failure; f != nil {
		out.Failure = &pb.Failure{Detail: f.Detail, Status: uint32(f.Kind.HTTP())}
	}
	return out
}

func encodeTap(t *ast.Tap) *pb.Tap {
	out := &pb.Tap{Part: encodePart(t.Part)}
	for _, s := range t.Shadows {
		p := &pb.Shadow{
			To: encodePart(s.To), Percent: s.Percent, Key: encodeCondition(s.Key), InFlight: uint32(s.InFlight),
			Timeout: EncodeDuration(s.Timeout), Position: EncodePosition(s.Pos),
		}
		for _, c := range s.Compare {
			cmp := &pb.Compare{Field: c.Field}
			if c.Exact {
				cmp.Tolerance = &pb.Compare_Exact{Exact: true}
			} else {
				cmp.Tolerance = &pb.Compare_Abs{Abs: c.Abs}
			}
			p.Compare = append(p.Compare, cmp)
		}
		out.Shadows = append(out.Shadows, p)
	}
	return out
}
