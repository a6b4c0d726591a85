package algebra

import (
	"fmt"

	"golang.org/x/net/http/httpguts"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// FieldKey is the key of a contract's field where inputs and outputs stand in one map.
func FieldKey(output bool, name string) string {
	if output {
		return "outputs." + name
	}
	return "inputs." + name
}

// EncodeContract returns the wire form of c; positions gives the place of each field by its FieldKey.
func EncodeContract(c *contract.Contract, positions map[string]ast.Position) *pb.Contract {
	if c == nil {
		return nil
	}
	return &pb.Contract{
		Inputs: encodeContractFields(c.Inputs, false, positions), Outputs: encodeContractFields(c.Outputs, true, positions),
		Parameters: EncodeParameters(c.Parameters), Answer: c.Answer,
	}
}

func encodeContractFields(fs []contract.Field, output bool, positions map[string]ast.Position) []*pb.ContractField {
	var out []*pb.ContractField
	for i := range fs {
		f := &fs[i]
		p := &pb.ContractField{
			Name: f.Name, Tensor: f.Tensor, Datatype: EncodeDatatype(f.Type), ShapeDeclared: f.Shape != nil,
			Parameters: EncodeParameters(f.Parameters), Optional: f.Optional, Default: encodeTensor(f.Default), Position: EncodePosition(positions[FieldKey(output, f.Name)]),
		}
		for _, dim := range f.Shape {
			p.Shape = append(p.Shape, &pb.Dimension{Size: dim.Size, Rows: dim.Rows})
		}
		out = append(out, p)
	}
	return out
}

// DecodeContract turns the contract of the model r into the program's; nil where it has none.
func DecodeContract(r *pb.Model) (*contract.Contract, []diagnostic.Diagnostic) {
	d := &decoder{graph: ""}
	c := d.contract(r.GetContract(), r.GetPosition())
	return c, d.found
}

func (d *decoder) contract(c *pb.Contract, pos *pb.Position) *contract.Contract {
	if c == nil {
		return nil
	}
	return &contract.Contract{
		Inputs: d.contractFields(c.GetInputs(), pos, "inputs"), Outputs: d.contractFields(c.GetOutputs(), pos, "outputs"),
		Parameters: DecodeParameters(c.GetParameters()), Answer: c.GetAnswer(),
	}
}

func (d *decoder) contractFields(fs []*pb.ContractField, pos *pb.Position, path string) []contract.Field {
	var out []contract.Field
	for _, p := range fs {
		at := path + "." + p.GetName()
		pos := or(p.GetPosition(), pos)
		f := contract.Field{
			Name: p.GetName(), Tensor: p.GetTensor(), Type: d.datatype(p.GetDatatype(), pos, at),
			Parameters: DecodeParameters(p.GetParameters()), Optional: p.GetOptional(), Default: d.tensor(p.GetDefault(), pos, at+".default"),
		}
		if p.GetShapeDeclared() {
			f.Shape = make([]contract.Dim, 0, len(p.GetShape()))
			for _, dim := range p.GetShape() {
				f.Shape = append(f.Shape, contract.Dim{Size: dim.GetSize(), Rows: dim.GetRows()})
			}
		}
		out = append(out, f)
	}
	return out
}

// CheckModel finds what is wrong with a model's resource in itself.
func CheckModel(r *pb.Model) []diagnostic.Diagnostic {
	d := &decoder{}
	_, name := d.name(r)
	if !d.unknownFields(r.ProtoReflect(), r.GetPosition(), "model") {
		return d.found
	}
	if len(r.GetTransports()) == 0 {
		d.refuse(CodeMissing, r.GetPosition(), "transports", "model %s has no transport", name)
	}
	for i, t := range r.GetTransports() {
		at := fmt.Sprintf("transports[%d]", i)
		if t.GetCluster() == "" {
			d.refuse(CodeMissing, r.GetPosition(), at, "model %s: the cluster is not named", name)
		}
		if _, ok := DecodeDialect(t.GetDialect()); !ok {
			d.refuse(CodeBadValue, r.GetPosition(), at, "model %s: there is no dialect %s", name, t.GetDialect())
		}
	}
	if _, ok := pb.Idempotence_name[int32(r.GetIdempotence())]; !ok {
		d.refuse(CodeBadValue, r.GetPosition(), "idempotence", "model %s: there is no idempotence %d", name, r.GetIdempotence())
	}
	for i, h := range r.GetHeaders() {
		if !httpguts.ValidHeaderFieldName(h.GetName()) || !httpguts.ValidHeaderFieldValue(h.GetValue()) {
			d.refuse(CodeBadValue, r.GetPosition(), fmt.Sprintf("headers[%d]", i), "model %s: %q is no header field that can be sent", name, h.GetName())
		}
	}
	d.duration(r.GetTimeout(), r.GetPosition(), "timeout")
	before := len(d.found)
	c := d.contract(r.GetContract(), r.GetPosition())
	if len(d.found) > before {
		return d.found
	}
	for _, p := range contract.Check(c) {
		side, fields := "inputs", r.GetContract().GetInputs()
		if p.Side == contract.Output {
			side, fields = "outputs", r.GetContract().GetOutputs()
		}
		at, pos := "contract", r.GetPosition()
		if p.Side != contract.Whole {
			at = "contract." + side + "." + p.Field
			for _, f := range fields {
				if f.GetName() == p.Field {
					pos = or(f.GetPosition(), pos)
				}
			}
		}
		d.refuse(CodeBadValue, pos, at, "model %s: %v", name, p)
	}
	return d.found
}

// dialects pairs the wire's dialects with the program's.
var dialects = map[pb.Dialect]message.Dialect{
	pb.Dialect_DIALECT_OPEN_INFERENCE_REST: message.OpenInferenceREST,
	pb.Dialect_DIALECT_OPEN_INFERENCE_GRPC: message.OpenInferenceGRPC,
	pb.Dialect_DIALECT_SELDON_REST:         message.SeldonREST,
	pb.Dialect_DIALECT_SELDON_GRPC:         message.SeldonGRPC,
	pb.Dialect_DIALECT_KSERVE_V1:           message.KServeV1,
	pb.Dialect_DIALECT_TFSERVING_GRPC:      message.TFServingGRPC,
	pb.Dialect_DIALECT_MLFLOW:              message.MLflow,
	pb.Dialect_DIALECT_BENTOML:             message.BentoML,
	pb.Dialect_DIALECT_OPENAI:              message.OpenAI,
	pb.Dialect_DIALECT_PLAIN:               message.Plain,
	pb.Dialect_DIALECT_OPAQUE:              message.Opaque,
	pb.Dialect_DIALECT_TFSERVING_REST:      message.TFServingREST,
}

// DecodeDialect returns the program's dialect, and whether there is one.
func DecodeDialect(d pb.Dialect) (message.Dialect, bool) {
	own, ok := dialects[d]
	return own, ok
}

// EncodeDialect returns the wire's dialect.
func EncodeDialect(d message.Dialect) pb.Dialect {
	for p, own := range dialects {
		if own == d {
			return p
		}
	}
	return pb.Dialect_DIALECT_UNSPECIFIED
}
