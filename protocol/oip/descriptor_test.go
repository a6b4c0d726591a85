package oip

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The protocol's messages as protobuf-go sees them, built from the specification's field numbers: the reference for our own code.
var inference = func() protoreflect.FileDescriptor {
	type F = descriptorpb.FieldDescriptorProto
	kinds := map[string]F_Type{
		"bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL, "int32": descriptorpb.FieldDescriptorProto_TYPE_INT32, "int64": descriptorpb.FieldDescriptorProto_TYPE_INT64,
		"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64, "float": descriptorpb.FieldDescriptorProto_TYPE_FLOAT,
		"double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, "bytes": descriptorpb.FieldDescriptorProto_TYPE_BYTES, "string": descriptorpb.FieldDescriptorProto_TYPE_STRING,
	}
	field := func(name string, number int32, kind string, repeated bool) *F {
		f := &F{Name: proto.String(name), Number: proto.Int32(number), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		if k, ok := kinds[kind]; ok {
			f.Type = k.Enum()
		} else {
			f.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
			f.TypeName = proto.String(".inference." + kind)
		}
		return f
	}
	message := func(name string, fields ...*F) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: proto.String(name), Field: fields}
	}
	// withParameters adds a map<string, InferParameter> parameters.
	withParameters := func(m *descriptorpb.DescriptorProto, number int32) *descriptorpb.DescriptorProto {
		m.Field = append(m.Field, field("parameters", number, m.GetName()+".ParametersEntry", true))
		entry := message("ParametersEntry", field("key", 1, "string", false), field("value", 2, "InferParameter", false))
		entry.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
		m.NestedType = append(m.NestedType, entry)
		return m
	}
	parameter := message("InferParameter", field("bool_param", 1, "bool", false), field("int64_param", 2, "int64", false), field("string_param", 3, "string", false),
		field("double_param", 4, "double", false), field("uint64_param", 5, "uint64", false))
	parameter.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("choice")}}
	for _, f := range parameter.Field {
		f.OneofIndex = proto.Int32(0)
	}
	infer := func(name string) *descriptorpb.DescriptorProto {
		return withParameters(message(name, field("name", 1, "string", false), field("datatype", 2, "string", false), field("shape", 3, "int64", true), field("contents", 5, "InferTensorContents", false)), 4)
	}
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("inference.proto"), Package: proto.String("inference"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			parameter,
			message("InferTensorContents", field("bool_contents", 1, "bool", true), field("int_contents", 2, "int32", true), field("int64_contents", 3, "int64", true), field("uint_contents", 4, "uint32", true),
				field("uint64_contents", 5, "uint64", true), field("fp32_contents", 6, "float", true), field("fp64_contents", 7, "double", true), field("bytes_contents", 8, "bytes", true)),
			infer("InferInputTensor"), infer("InferOutputTensor"),
			withParameters(message("InferRequestedOutputTensor", field("name", 1, "string", false)), 2),
			withParameters(message("ModelInferRequest", field("model_name", 1, "string", false), field("model_version", 2, "string", false), field("id", 3, "string", false),
				field("inputs", 5, "InferInputTensor", true), field("outputs", 6, "InferRequestedOutputTensor", true), field("raw_input_contents", 7, "bytes", true)), 4),
			withParameters(message("ModelInferResponse", field("model_name", 1, "string", false), field("model_version", 2, "string", false), field("id", 3, "string", false),
				field("outputs", 5, "InferOutputTensor", true), field("raw_output_contents", 6, "bytes", true)), 4),
			message("TensorMetadata", field("name", 1, "string", false), field("datatype", 2, "string", false), field("shape", 3, "int64", true)),
			message("ModelMetadataResponse", field("name", 1, "string", false), field("versions", 2, "string", true), field("platform", 3, "string", false),
				field("inputs", 4, "TensorMetadata", true), field("outputs", 5, "TensorMetadata", true)),
		},
	}
	fd, err := protodesc.NewFile(file, nil)
	if err != nil {
		panic(err)
	}
	return fd
}()

// F_Type shortens the name of the type of a field's type.
type F_Type = descriptorpb.FieldDescriptorProto_Type

// reference decodes b as protobuf-go does.
func reference(t interface{ Fatalf(string, ...any) }, name string, b []byte) *dynamicpb.Message {
	m := dynamicpb.NewMessage(inference.Messages().ByName(protoreflect.Name(name)))
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatalf("protobuf-go does not read our %s: %v", name, err)
	}
	return m
}

func TestTheReferenceDescriptorsAreWhole(t *testing.T) {
	if inference.Messages().ByName("ModelInferRequest") == nil {
		t.Fatal("no ModelInferRequest")
	}
}
