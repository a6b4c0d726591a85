package seldon

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// anyTyped draws a tensor of any datatype that TensorFlow has, any bits and any shape, empty axes and scalars among them.
func anyTyped(t *rapid.T) tensor.Tensor {
	x := tensor.Tensor{Datatype: tensor.Datatype(rapid.IntRange(int(tensor.Bool), int(tensor.Bytes)).Draw(t, "type")), Shape: rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 3).Draw(t, "shape")}
	if x.Shape == nil {
		x.Shape = []int64{}
	}
	for range x.Len() {
		switch x.Datatype {
		case tensor.Bytes:
			x.Data = tensor.AppendBytes(x.Data, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes"))
		case tensor.Bool:
			x.Data = append(x.Data, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
		default:
			x.Data = append(x.Data, rapid.SliceOfN(rapid.Byte(), x.Datatype.Size(), x.Datatype.Size()).Draw(t, "bits")...)
		}
	}
	return x
}

func TestTFTensorsComeBackBitForBitOverBothTransports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyTyped(t)
		x.Name = "tftensor"
		in := []*message.Message{message.FromContent(&message.Content{Tensors: []tensor.Tensor{x}})}
		x.Name = ""
		for _, codec := range []message.Codec{Codec{}, GRPC{}} {
			w, err := codec.EncodeRequest(in, &message.Target{})
			if err != nil {
				t.Fatal(err)
			}
			if w.Dialect == message.SeldonGRPC {
				reference(t, "SeldonMessage", w.Body.Bytes())
			}
			out, err := codec.DecodeRequest(w)
			if err != nil {
				t.Fatalf("%q: %v", w.Body.Bytes(), err)
			}
			if len(out.Tensors) != 1 || !tensor.Equal(&out.Tensors[0], &x) {
				t.Fatalf("%s: %v became %v", codec.Dialect(), x, out.Tensors)
			}
		}
	})
}

func TestElementsOneByOneAreReadAsThoseInOnePiece(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyTyped(t)
		ref := dynamicpb.NewMessage(protos.Messages().ByName("TensorProto"))
		fields := ref.Descriptor().Fields()
		ref.Set(fields.ByName("dtype"), protoreflect.ValueOfInt32(tensorproto.Of(x.Datatype).Number))
		shape := ref.Mutable(fields.ByName("tensor_shape")).Message()
		dims := shape.Mutable(shape.Descriptor().Fields().ByName("dim")).List()
		for _, n := range x.Shape {
			dim := dims.AppendMutable().Message()
			dim.Set(dim.Descriptor().Fields().ByName("size"), protoreflect.ValueOfInt64(n))
		}
		values := ref.Mutable(fields.ByNumber(protoreflect.FieldNumber(tensorproto.Of(x.Datatype).Field))).List()
		walk := x.Strings()
		for i := range x.Len() {
			switch x.Datatype {
			case tensor.Bytes:
				element, _ := walk.Next()
				values.Append(protoreflect.ValueOfBytes(element))
			case tensor.Bool:
				values.Append(protoreflect.ValueOfBool(x.Data[i] != 0))
			case tensor.FP32:
				v := math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*i:]))
				if v != v { // protobuf-go's reflection changes the bits of a signalling NaN
					v = 1
					binary.LittleEndian.PutUint32(x.Data[4*i:], math.Float32bits(v))
				}
				values.Append(protoreflect.ValueOfFloat32(v))
			case tensor.FP64:
				values.Append(protoreflect.ValueOfFloat64(math.Float64frombits(binary.LittleEndian.Uint64(x.Data[8*i:]))))
			case tensor.FP16, tensor.BF16:
				values.Append(protoreflect.ValueOfInt32(int32(binary.LittleEndian.Uint16(x.Data[2*i:]))))
			case tensor.Uint64:
				values.Append(protoreflect.ValueOfUint64(binary.LittleEndian.Uint64(x.Data[8*i:])))
			case tensor.Uint32:
				values.Append(protoreflect.ValueOfUint32(binary.LittleEndian.Uint32(x.Data[4*i:])))
			default:
				v, _ := x.Int64At(i)
				if x.Datatype == tensor.Int64 {
					values.Append(protoreflect.ValueOfInt64(v))
				} else {
					values.Append(protoreflect.ValueOfInt32(int32(v)))
				}
			}
		}
		b, err := proto.Marshal(ref)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readTensorProto(b)
		if err != nil || !tensor.Equal(&got, &x) {
			t.Fatalf("%v became %v, %v", x, got, err)
		}
	})
}

func TestWhatIsWrittenOverGRPCIsReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyTensor(t)
		if x.Datatype == tensor.Untyped {
			x = tensor.Tensor{Datatype: tensor.FP64, Shape: x.Shape, Data: rapid.SliceOfN(rapid.Byte(), 8*x.Len(), 8*x.Len()).Draw(t, "bits")}
		}
		forms := []string{"", "ndarray", "tftensor", "tensor"}
		if x.Datatype == tensor.Bool {
			forms = forms[:3] // a contract that wants the form tensor wants doubles
		}
		form := rapid.SampledFrom(forms).Draw(t, "form")
		named := x
		named.Name = form
		in := &message.Content{ID: rapid.String().Draw(t, "id"), Tensors: []tensor.Tensor{named}, Tags: tensor.Parameters{{Name: "k", Value: tensor.StringOf(rapid.String().Draw(t, "tag"))}}}
		b, err := encodedGRPC(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := GRPC{}.DecodeRequest(grpcWire(b))
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if len(out.Tensors) != 1 || !tensor.Equal(&out.Tensors[0], &x) || out.ID != in.ID || out.Tags[0] != in.Tags[0] {
			t.Fatalf("%v is read as %v", in, out)
		}
		agrees(t, out, reference(t, "SeldonMessage", b))
	})
}

// agrees checks that content is what protobuf-go sees.
func agrees(t fatal, c *message.Content, ref protoreflect.Message) {
	get := func(m protoreflect.Message, name string) protoreflect.Value {
		return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	has := func(m protoreflect.Message, name string) bool {
		return m.Has(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	meta := get(ref, "meta").Message()
	if puid := get(meta, "puid").String(); puid != c.ID || get(meta, "tags").Map().Len() != len(c.Tags) {
		t.Fatalf("puid %q and %v, expected %v", c.ID, c.Tags, meta)
	}
	switch {
	case has(ref, "strData") || has(ref, "binData"):
		want := get(ref, "strData").String()
		if has(ref, "binData") {
			want = string(get(ref, "binData").Bytes())
		}
		if got, _ := c.Tensors[0].BytesAt(0); string(got) != want {
			t.Fatalf("text %q, expected %q", got, want)
		}
	case has(ref, "data"):
		data := get(ref, "data").Message()
		if n := get(data, "names").List(); n.Len() != len(c.Names) {
			t.Fatalf("names %q, expected %v", c.Names, n)
		}
		if !has(data, "tensor") {
			return
		}
		dense := get(data, "tensor").Message()
		values := get(dense, "values").List()
		if values.Len() != c.Tensors[0].Len() {
			t.Fatalf("%d values, expected %d", c.Tensors[0].Len(), values.Len())
		}
		for i := range values.Len() {
			if got, _ := c.Tensors[0].Float64At(i); math.Float64bits(got) != math.Float64bits(values.Get(i).Float()) {
				t.Fatalf("value %d is %v, expected %v", i, got, values.Get(i))
			}
		}
	}
}

// unmarshal reads a SeldonMessage as protobuf-go does. Its code for dynamic messages panics where a map's entry has two keys, the second of
// another type; that counts as refused.
func unmarshal(b []byte) (ref *dynamicpb.Message, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("protobuf-go panicked")
		}
	}()
	ref = dynamicpb.NewMessage(protos.Messages().ByName("SeldonMessage"))
	return ref, proto.Unmarshal(b, ref)
}

func FuzzGRPC(f *testing.F) {
	for _, text := range []string{
		`data{names:"a" tensor{shape:[1,2] values:[1,2]}} meta{puid:"p" tags{key:"a" value{number_value:1}} routing{key:"r" value:1} metrics{key:"k" value:1}}`,
		`data{ndarray{values{list_value{values{number_value:1}}} values{list_value{values{number_value:2}}}}}`,
		`data{ndarray{values{string_value:"a"}}}`, `data{tftensor{dtype:3 tensor_shape{dim{size:3}} int_val:[1,2]}}`, `data{tftensor{dtype:1 tensor_content:"abcd"}}`,
		`jsonData{struct_value{fields{key:"a" value{list_value{values{bool_value:true}}}}}}`, `customData{type_url:"t"}`, `status{code:1 status:1 info:"x"}`, `strData:"x"`, `binData:"x"`,
	} {
		_, b := protoOf(f, "SeldonMessage", text)
		f.Add(b)
	}
	_, b := protoOf(f, "Feedback", `request{strData:"x"} response{meta{routing{key:"r" value:1}}} reward:1 truth{binData:"y"}`)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		w := grpcWire(b)
		ErrorText(w)
		if _, err := ParseRoute(w); err != nil {
			var fail *message.Failure
			if !errors.As(err, &fail) || fail.Kind != message.BadReply {
				t.Fatal(err)
			}
		}
		if fb, err := ParseFeedback(w); err == nil {
			fb.Route("r")
			if over, err := fb.Convert(message.SeldonREST); err == nil {
				if _, err := ParseFeedback(wire(string(over.Append(nil)))); err != nil {
					t.Fatal(err)
				}
			}
		}
		ref, refused := unmarshal(b)
		c, err := GRPC{}.DecodeRequest(w)
		if err != nil {
			if refused == nil && strings.Contains(err.Error(), "cut or garbled") {
				t.Fatalf("protobuf-go reads it as %v, and we: %v", ref, err)
			}
			return
		}
		if refused == nil {
			agrees(t, c, ref)
		}
		total := 0
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
			total += cap(c.Tensors[i].Data)
		}
		if total > 16*len(b)+2*maxFill {
			t.Fatalf("%d bytes of data from %d", total, len(b))
		}
		merged, err := MergeMetaWire(w, w)
		if err == nil && refused == nil {
			again, err := GRPC{}.DecodeRequest(merged)
			if err != nil || again.ID != c.ID || len(again.Tensors) != len(c.Tensors) {
				t.Fatalf("%v became %v, %v", c, again, err)
			}
		}
		out, err := GRPC{}.EncodeReply(message.FromContent(c), &message.Asking{Wire: w, Request: c})
		if err != nil {
			return // what another form than the client's does not hold
		}
		reference(t, "SeldonMessage", out.Body.Bytes())
		back, err := GRPC{}.DecodeRequest(out)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", b, out.Body.Bytes(), err)
		}
		if len(back.Tensors) != len(c.Tensors) || back.ID != c.ID || string(back.JSON) != string(c.JSON) {
			t.Fatalf("%v became %v", c, back)
		}
		for i := range c.Tensors {
			if x, y := &c.Tensors[i], &back.Tensors[i]; x.Datatype != tensor.Untyped && !tensor.Equal(x, y) {
				t.Fatalf("%v became %v", x, y)
			}
		}
		if rest, err := (Codec{}).EncodeReply(message.FromContent(c), &message.Asking{Wire: w, Request: c}); err == nil {
			if _, err := (Codec{}).DecodeRequest(rest); err != nil {
				t.Fatalf("%q is written as %s: %v", b, rest.Body.Bytes(), err)
			}
		}
	})
}

func FuzzMeta(f *testing.F) {
	f.Add([]byte(`{"strData":"x","meta":{"puid":"p","tags":{"a":[1]},"routing":{"r":"1"},"requestPath":{"n":"i"},"metrics":[{"key":"k","type":1,"value":"NaN","tags":{"a":"b"}}],"x":1}}`), []byte(`{ "meta":{"tags":{"a":2}} , "x":1}`))
	f.Add([]byte(`{}`), []byte(`{"meta":null,"meta":{"puid":"q"}}`))
	f.Fuzz(func(t *testing.T, first, last []byte) {
		w := &message.Wire{Dialect: message.SeldonREST, Body: body.Of(last), JSONLength: -1}
		merged, err := MergeMetaWire(w, &message.Wire{Dialect: message.SeldonREST, Body: body.Of(first), JSONLength: -1})
		if err != nil {
			return
		}
		m, err := ReadMeta(merged)
		if err != nil {
			t.Fatalf("%q: %v", merged.Body.Bytes(), err)
		}
		over, err := WithMeta(grpcWire(nil), &m)
		if err != nil {
			return // a metric that is none
		}
		if _, err := ReadMeta(over); err != nil {
			t.Fatalf("%q went over as %q: %v", merged.Body.Bytes(), over.Body.Bytes(), err)
		}
		reference(t, "SeldonMessage", over.Body.Bytes())
	})
}

func FuzzForm(f *testing.F) {
	f.Add(formWire(`name="strData"`, "x", `name="meta"`, `{"puid":"p"}`).Body.Bytes())
	f.Add(formWire(`name="binData"; filename="a"`, "\xff").Body.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &message.Wire{Dialect: message.SeldonREST, Body: body.Of(b), ContentType: "multipart/form-data; boundary=b0", JSONLength: -1}
		formOf(w)
		c, err := Codec{}.DecodeRequest(w)
		if err != nil {
			return
		}
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
