package algebra

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/tensor"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// datatypes is the wire's order of element types, which is tensor's own.
var datatypes = [...]tensor.Datatype{
	pb.Datatype_DATATYPE_UNSPECIFIED: tensor.Untyped,
	pb.Datatype_DATATYPE_BOOL:        tensor.Bool,
	pb.Datatype_DATATYPE_UINT8:       tensor.Uint8,
	pb.Datatype_DATATYPE_UINT16:      tensor.Uint16,
	pb.Datatype_DATATYPE_UINT32:      tensor.Uint32,
	pb.Datatype_DATATYPE_UINT64:      tensor.Uint64,
	pb.Datatype_DATATYPE_INT8:        tensor.Int8,
	pb.Datatype_DATATYPE_INT16:       tensor.Int16,
	pb.Datatype_DATATYPE_INT32:       tensor.Int32,
	pb.Datatype_DATATYPE_INT64:       tensor.Int64,
	pb.Datatype_DATATYPE_FP16:        tensor.FP16,
	pb.Datatype_DATATYPE_BF16:        tensor.BF16,
	pb.Datatype_DATATYPE_FP32:        tensor.FP32,
	pb.Datatype_DATATYPE_FP64:        tensor.FP64,
	pb.Datatype_DATATYPE_BYTES:       tensor.Bytes,
}

// EncodeDatatype returns the wire's name of d.
func EncodeDatatype(d tensor.Datatype) pb.Datatype {
	for p, own := range datatypes {
		if own == d {
			return pb.Datatype(p)
		}
	}
	return pb.Datatype_DATATYPE_UNSPECIFIED
}

// EncodePosition returns the wire form of a place; nil where it is unknown.
func EncodePosition(p ast.Position) *pb.Position {
	if p == (ast.Position{}) {
		return nil
	}
	return &pb.Position{File: p.File, Line: uint32(p.Line), Column: uint32(p.Column)}
}

// DecodePosition returns where a resource or a part of it stands in its source.
func DecodePosition(p *pb.Position) ast.Position {
	return ast.Position{File: p.GetFile(), Line: int(p.GetLine()), Column: int(p.GetColumn())}
}

// EncodeDuration returns the wire form of d; nil for 0.
func EncodeDuration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// EncodeParameters returns the wire form of ps.
func EncodeParameters(ps tensor.Parameters) []*pb.Parameter {
	var out []*pb.Parameter
	for _, p := range ps {
		out = append(out, encodeParameter(p))
	}
	return out
}

func encodeParameter(p tensor.Parameter) *pb.Parameter {
	out := &pb.Parameter{Name: p.Name}
	switch v := p.Value; v.Kind {
	case tensor.BoolValue:
		out.Value = &pb.Parameter_BoolValue{BoolValue: v.Bool}
	case tensor.Int64Value:
		out.Value = &pb.Parameter_Int64Value{Int64Value: v.Int}
	case tensor.Uint64Value:
		out.Value = &pb.Parameter_Uint64Value{Uint64Value: v.Uint}
	case tensor.DoubleValue:
		out.Value = &pb.Parameter_DoubleValue{DoubleValue: v.Double}
	case tensor.StringValue:
		out.Value = &pb.Parameter_StringValue{StringValue: v.String}
	case tensor.JSONValue:
		out.Value = &pb.Parameter_JsonValue{JsonValue: v.String}
	}
	return out
}

// DecodeParameters returns the parameters of a resource.
func DecodeParameters(ps []*pb.Parameter) tensor.Parameters {
	var out tensor.Parameters
	for _, p := range ps {
		out = append(out, decodeParameter(p))
	}
	return out
}

func decodeParameter(p *pb.Parameter) tensor.Parameter {
	out := tensor.Parameter{Name: p.GetName()}
	switch v := p.GetValue().(type) {
	case *pb.Parameter_BoolValue:
		out.Value = tensor.Value{Kind: tensor.BoolValue, Bool: v.BoolValue}
	case *pb.Parameter_Int64Value:
		out.Value = tensor.Value{Kind: tensor.Int64Value, Int: v.Int64Value}
	case *pb.Parameter_Uint64Value:
		out.Value = tensor.Value{Kind: tensor.Uint64Value, Uint: v.Uint64Value}
	case *pb.Parameter_DoubleValue:
		out.Value = tensor.Value{Kind: tensor.DoubleValue, Double: v.DoubleValue}
	case *pb.Parameter_StringValue:
		out.Value = tensor.Value{Kind: tensor.StringValue, String: v.StringValue}
	case *pb.Parameter_JsonValue:
		out.Value = tensor.Value{Kind: tensor.JSONValue, String: v.JsonValue}
	}
	return out
}

func encodeTensor(t *tensor.Tensor) *pb.Tensor {
	if t == nil {
		return nil
	}
	return &pb.Tensor{Name: t.Name, Datatype: EncodeDatatype(t.Datatype), Shape: t.Shape, Data: t.Data}
}

func encodeCondition(c *ast.Condition) *pb.Condition {
	if c == nil {
		return nil
	}
	out := &pb.Condition{Position: EncodePosition(c.Pos)}
	switch c.Language {
	case ast.CEL:
		out.Expression = &pb.Condition_Cel{Cel: c.Text}
	case ast.GJSON:
		out.Expression = &pb.Condition_Gjson{Gjson: c.Text}
	}
	return out
}
