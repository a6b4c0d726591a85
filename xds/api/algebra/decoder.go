package algebra

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// Codes of resources that cannot be decoded.
const (
	CodeUnknownField message.Code = "MR301"
	CodeMissing      message.Code = "MR302"
	CodeBadValue     message.Code = "MR303"
)

var _ = diagnostic.Register(
	diagnostic.Entry{
		Code: CodeUnknownField, Title: "a resource has a field that this proxy does not know",
		Text: "The control plane is newer than the proxy and sent a Model or an InferenceGraph with a field that the proxy cannot honour. Ignoring it could change answers, so the resource is refused and the last good one goes on serving.\n\nUpdate the proxy, or stop using what the field stands for.",
	},
	diagnostic.Entry{
		Code: CodeMissing, Title: "a resource lacks something that it must have",
		Text: "A part without an operator, a call without a model, a condition without an expression or the like. A control plane of Millrace never sends this; check the one that does.",
	},
	diagnostic.Entry{
		Code: CodeBadValue, Title: "a value in a resource is out of its range",
		Text: "An element type, a duration, a shape or a name that cannot be. The message names the place.",
	},
)

// maxDepth bounds how deep messages nest in a resource: no graph that compiles comes near it, and paths and recursion stay
// small whatever a peer sends.
const maxDepth = 1000

// decoder gathers what is wrong on the way down a resource.
type decoder struct {
	graph string
	found []diagnostic.Diagnostic
	depth int
}

func (d *decoder) refuse(code message.Code, pos *pb.Position, path, format string, args ...any) {
	d.found = append(d.found, diagnostic.Diagnostic{Code: code, Pos: DecodePosition(pos), Graph: d.graph, Path: path, Message: path + ": " + fmt.Sprintf(format, args...)})
}

// unknownFields refuses what the generated code did not know, anywhere below m. It tells whether m nests no deeper than
// maxDepth, so that the rest of it can be read.
func (d *decoder) unknownFields(m protoreflect.Message, pos *pb.Position, path string) bool {
	if d.depth++; d.depth > maxDepth {
		d.refuse(CodeBadValue, pos, path[:min(len(path), 200)], "the resource nests deeper than %d messages", maxDepth)
		return false
	}
	defer func() { d.depth-- }()
	ok := true
	if b := m.GetUnknown(); len(b) > 0 {
		d.refuse(CodeUnknownField, pos, path, "%s has a field that this proxy does not know", m.Descriptor().FullName())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := path + "." + string(f.Name())
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
					ok = d.unknownFields(v.Message(), pos, fmt.Sprintf("%s[%v]", at, k))
					return ok
				})
			}
		case f.Message() == nil:
		case f.IsList():
			for i := 0; i < v.List().Len() && ok; i++ {
				ok = d.unknownFields(v.List().Get(i).Message(), pos, fmt.Sprintf("%s[%d]", at, i))
			}
		default:
			ok = d.unknownFields(v.Message(), pos, at)
		}
		return ok
	})
	return ok
}

func (d *decoder) datatype(v pb.Datatype, pos *pb.Position, path string) tensor.Datatype {
	if int(v) < 0 || int(v) >= len(datatypes) {
		d.refuse(CodeBadValue, pos, path, "there is no datatype %d", v)
		return tensor.Untyped
	}
	return datatypes[v]
}

func (d *decoder) duration(v *durationpb.Duration, pos *pb.Position, path string) time.Duration {
	if v == nil {
		return 0
	}
	if err := v.CheckValid(); err != nil || v.AsDuration() < 0 {
		d.refuse(CodeBadValue, pos, path, "the duration must not be negative or beyond its range")
		return 0
	}
	return v.AsDuration()
}

func (d *decoder) condition(c *pb.Condition, pos *pb.Position, path string) *ast.Condition {
	if c == nil {
		return nil
	}
	pos = or(c.GetPosition(), pos)
	out := &ast.Condition{Pos: DecodePosition(c.GetPosition())}
	switch e := c.GetExpression().(type) {
	case *pb.Condition_Cel:
		out.Language, out.Text = ast.CEL, e.Cel
	case *pb.Condition_Gjson:
		out.Language, out.Text = ast.GJSON, e.Gjson
	default:
		d.refuse(CodeMissing, pos, path, "the condition has no expression")
	}
	return out
}

func (d *decoder) tensor(t *pb.Tensor, pos *pb.Position, path string) *tensor.Tensor {
	if t == nil {
		return nil
	}
	out := &tensor.Tensor{Name: t.GetName(), Datatype: d.datatype(t.GetDatatype(), pos, path), Shape: t.GetShape(), Data: t.GetData()}
	if err := out.Check(); err != nil {
		d.refuse(CodeBadValue, pos, path, "%v", err)
	}
	return out
}

// resource is a message that xDS carries by name.
type resource interface {
	proto.Message
	GetName() string
	GetPosition() *pb.Position
}

// name splits a resource's `namespace/name` and refuses any other form.
func (d *decoder) name(r resource) (namespace, name string) {
	full := r.GetName()
	for i := range full {
		if full[i] == '/' {
			namespace, name = full[:i], full[i+1:]
			break
		}
	}
	if namespace == "" || name == "" {
		d.refuse(CodeBadValue, r.GetPosition(), "name", "a resource is called namespace/name, not %q", full)
	}
	return namespace, name
}
