package tfserving

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The protocol's messages as protobuf-go sees them, built from TensorFlow's field numbers: the reference for our own code. A line is a
// message: its fields as name=number:type, + for repeated, and map for a map from strings. Enumerations are int32 on the wire.
const definitions = `
Int64Value value=1:int64
Any type_url=1:string value=2:bytes
ModelSpec name=1:string signature_name=3:string version=2:Int64Value version_label=4:string
Dim size=1:int64 name=2:string
TensorShapeProto dim=2:+Dim unknown_rank=3:bool
TensorProto dtype=1:int32 tensor_shape=2:TensorShapeProto version_number=3:int32 tensor_content=4:bytes float_val=5:+float double_val=6:+double int_val=7:+int32 string_val=8:+bytes scomplex_val=9:+float int64_val=10:+int64 bool_val=11:+bool dcomplex_val=12:+double half_val=13:+int32 uint32_val=16:+uint32 uint64_val=17:+uint64
PredictRequest model_spec=1:ModelSpec inputs=2:mapTensorProto output_filter=3:+string client_id=6:bytes
PredictResponse outputs=1:mapTensorProto model_spec=2:ModelSpec
GetModelStatusRequest model_spec=1:ModelSpec
StatusProto error_code=1:int32 error_message=2:string
ModelVersionStatus version=1:int64 state=2:int32 status=3:StatusProto
GetModelStatusResponse model_version_status=1:+ModelVersionStatus
GetModelMetadataRequest model_spec=1:ModelSpec metadata_field=2:+string
GetModelMetadataResponse model_spec=1:ModelSpec metadata=2:mapAny
SignatureDefMap signature_def=1:mapSignatureDef
SignatureDef inputs=1:mapTensorInfo outputs=2:mapTensorInfo method_name=3:string
TensorInfo name=1:string dtype=2:int32 tensor_shape=3:TensorShapeProto
`

var scalars = map[string]descriptorpb.FieldDescriptorProto_Type{
	"bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL, "int32": descriptorpb.FieldDescriptorProto_TYPE_INT32, "int64": descriptorpb.FieldDescriptorProto_TYPE_INT64,
	"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64, "float": descriptorpb.FieldDescriptorProto_TYPE_FLOAT,
	"double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, "bytes": descriptorpb.FieldDescriptorProto_TYPE_BYTES, "string": descriptorpb.FieldDescriptorProto_TYPE_STRING,
}

func define(name string, number int32, kind string) *descriptorpb.FieldDescriptorProto {
	f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
	if rest, ok := strings.CutPrefix(kind, "+"); ok {
		kind, f.Label = rest, descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	if scalar, ok := scalars[kind]; ok {
		f.Type = scalar.Enum()
		return f
	}
	f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".tensorflow."+kind)
	return f
}

var tensorflow = func() protoreflect.FileDescriptor {
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("t.proto"), Package: proto.String("tensorflow"), Syntax: proto.String("proto3")}
	for line := range strings.Lines(strings.TrimSpace(definitions)) {
		words := strings.Fields(line)
		m := &descriptorpb.DescriptorProto{Name: &words[0]}
		for _, word := range words[1:] {
			name, rest, _ := strings.Cut(word, "=")
			digits, kind, _ := strings.Cut(rest, ":")
			number := int32(0)
			for _, c := range digits {
				number = 10*number + c - '0'
			}
			if value, ok := strings.CutPrefix(kind, "map"); ok {
				camel := ""
				for part := range strings.SplitSeq(name, "_") {
					camel += strings.ToUpper(part[:1]) + part[1:]
				}
				m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{
					Name: proto.String(camel + "Entry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
					Field: []*descriptorpb.FieldDescriptorProto{define("key", 1, "string"), define("value", 2, value)},
				})
				kind = "+" + words[0] + "." + camel + "Entry"
			}
			m.Field = append(m.Field, define(name, number, kind))
		}
		if words[0] == "ModelSpec" {
			m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("version_choice")}}
			m.Field[2].OneofIndex, m.Field[3].OneofIndex = proto.Int32(0), proto.Int32(0)
		}
		file.MessageType = append(file.MessageType, m)
	}
	fd, err := protodesc.NewFile(file, nil)
	if err != nil {
		panic(err)
	}
	return fd
}()

// reference decodes b as protobuf-go does.
func reference(t interface{ Fatalf(string, ...any) }, name string, b []byte) *dynamicpb.Message {
	m := dynamicpb.NewMessage(tensorflow.Messages().ByName(protoreflect.Name(name)))
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatalf("protobuf-go does not read our %s: %v", name, err)
	}
	return m
}

func get(m protoreflect.Message, name string) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
}

func keyOf(name string) protoreflect.MapKey { return protoreflect.ValueOfString(name).MapKey() }

// build returns a message of these fields: scalars, messages, lists as []any and maps as map[string]any.
func build(name string, fields map[string]any) protoreflect.Message {
	m := dynamicpb.NewMessage(tensorflow.Messages().ByName(protoreflect.Name(name)))
	for key, v := range fields {
		f := m.Descriptor().Fields().ByName(protoreflect.Name(key))
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				m.Mutable(f).List().Append(protoreflect.ValueOf(e))
			}
		case map[string]any:
			for k, e := range v {
				m.Mutable(f).Map().Set(protoreflect.ValueOf(k).MapKey(), protoreflect.ValueOf(e))
			}
		default:
			m.Set(f, protoreflect.ValueOf(v))
		}
	}
	return m
}

func marshal(t testing.TB, m protoreflect.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tensorProto builds a TensorProto with a field of values.
func tensorProto(dtype int32, shape []int64, field string, values any) protoreflect.Message {
	var dims []any
	for _, n := range shape {
		dims = append(dims, build("Dim", map[string]any{"size": n}))
	}
	fields := map[string]any{"dtype": dtype, "tensor_shape": build("TensorShapeProto", map[string]any{"dim": dims})}
	if field != "" {
		fields[field] = values
	}
	return build("TensorProto", fields)
}

func predict(t testing.TB, name string, p protoreflect.Message) []byte {
	t.Helper()
	return marshal(t, build("PredictRequest", map[string]any{"model_spec": build("ModelSpec", map[string]any{"name": "m"}), "inputs": map[string]any{name: p}}))
}
