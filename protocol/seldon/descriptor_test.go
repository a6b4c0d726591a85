package seldon

import (
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/structpb"
)

// wireNumbers are the protocol's messages by the numbers of its fields: name, then fields as name=number:type, with * for repeated
// ones, a map's as map:type, and | for members of the one oneof.
const wireNumbers = `
SeldonMessage      status=1:Status meta=2:Meta data=3:DefaultData| binData=4:bytes| strData=5:string| jsonData=6:google.protobuf.Value| customData=7:google.protobuf.Any|
DefaultData        names=1:string* tensor=2:Tensor| ndarray=3:google.protobuf.ListValue| tftensor=4:TensorProto|
Tensor             shape=1:int32* values=2:double*
Meta               puid=1:string tags=2:map:google.protobuf.Value routing=3:map:int32 requestPath=4:map:string metrics=5:Metric*
Metric             key=1:string type=2:int32 value=3:float tags=4:map:string
Status             code=1:int32 info=2:string reason=3:string status=4:int32
SeldonMessageList  seldonMessages=1:SeldonMessage*
Feedback           request=1:SeldonMessage response=2:SeldonMessage reward=3:float truth=4:SeldonMessage
TensorProto        dtype=1:int32 tensor_shape=2:TensorShapeProto version_number=3:int32 tensor_content=4:bytes float_val=5:float* double_val=6:double* int_val=7:int32* string_val=8:bytes* int64_val=10:int64* bool_val=11:bool* half_val=13:int32* uint32_val=16:uint32* uint64_val=17:uint64*
TensorShapeProto   dim=2:Dim* unknown_rank=3:bool
Dim                size=1:int64 name=2:string
`

// protos are these messages as protobuf-go sees them: the reference for our own code.
var protos = func() protoreflect.FileDescriptor {
	kinds := map[string]descriptorpb.FieldDescriptorProto_Type{
		"bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL, "int32": descriptorpb.FieldDescriptorProto_TYPE_INT32, "int64": descriptorpb.FieldDescriptorProto_TYPE_INT64,
		"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64, "float": descriptorpb.FieldDescriptorProto_TYPE_FLOAT,
		"double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, "bytes": descriptorpb.FieldDescriptorProto_TYPE_BYTES, "string": descriptorpb.FieldDescriptorProto_TYPE_STRING,
	}
	field := func(name string, number int32, kind string, repeated bool) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: proto.String(name), JsonName: proto.String(name), Number: proto.Int32(number), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		if k, ok := kinds[kind]; ok {
			f.Type = k.Enum()
			return f
		}
		if !strings.Contains(kind, ".") {
			kind = Package + "." + kind
		}
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String("."+kind)
		return f
	}
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("prediction.proto"), Package: proto.String(Package), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/struct.proto", "google/protobuf/any.proto"},
	}
	for line := range strings.Lines(strings.TrimSpace(wireNumbers)) {
		words := strings.Fields(line)
		m := &descriptorpb.DescriptorProto{Name: proto.String(words[0])}
		for _, word := range words[1:] {
			name, rest, _ := strings.Cut(word, "=")
			digits, kind, _ := strings.Cut(rest, ":")
			number, err := strconv.Atoi(digits)
			if err != nil {
				panic(err)
			}
			inner, isMap := strings.CutPrefix(kind, "map:")
			if isMap {
				kind = words[0] + "." + strings.ToUpper(name[:1]) + name[1:] + "Entry"
				m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{
					Name: proto.String(strings.ToUpper(name[:1]) + name[1:] + "Entry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
					Field: []*descriptorpb.FieldDescriptorProto{field("key", 1, "string", false), field("value", 2, inner, false)},
				})
				kind = Package + "." + kind
			}
			kind, one := strings.CutSuffix(kind, "|")
			kind, repeated := strings.CutSuffix(kind, "*")
			f := field(name, int32(number), kind, repeated || isMap)
			if one {
				if len(m.OneofDecl) == 0 {
					m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("data_oneof")}}
				}
				f.OneofIndex = proto.Int32(0)
			}
			m.Field = append(m.Field, f)
		}
		file.MessageType = append(file.MessageType, m)
	}
	fd, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	return fd
}()

type fatal interface{ Fatalf(string, ...any) }

// reference decodes b as protobuf-go does.
func reference(t fatal, name string, b []byte) *dynamicpb.Message {
	m := dynamicpb.NewMessage(protos.Messages().ByName(protoreflect.Name(name)))
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatalf("protobuf-go does not read our %s: %v", name, err)
	}
	return m
}

// protoOf returns a message that is given in protobuf's text form, as protobuf-go makes and encodes it.
func protoOf(t fatal, name, text string) (*dynamicpb.Message, []byte) {
	m := dynamicpb.NewMessage(protos.Messages().ByName(protoreflect.Name(name)))
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m, b
}

// checkProto checks that b is what the text says.
func checkProto(t *testing.T, name string, b []byte, text string) {
	t.Helper()
	want, _ := protoOf(t, name, text)
	if got := reference(t, name, b); !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
