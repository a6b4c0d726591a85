package oip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func grpcWire(b []byte) *message.Wire {
	return &message.Wire{Dialect: message.OpenInferenceGRPC, JSONLength: -1, Body: body.Of(b)}
}

// pieces builds a message of length-delimited fields.
func pieces(parts ...any) []byte {
	var b []byte
	for i := 0; i < len(parts); i += 2 {
		b = protowire.AppendTag(b, protowire.Number(parts[i].(int)), protowire.BytesType)
		b = protowire.AppendString(b, fmt.Sprintf("%s", parts[i+1]))
	}
	return b
}

func TestAMalformedGRPCRequestIsToldByTensor(t *testing.T) {
	input := func(datatype string, shape string, more ...any) []byte {
		return pieces(append([]any{1, "x", 2, datatype, 3, shape}, more...)...)
	}
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"garbage", []byte{0xFF, 0xFF}, "the body is not a protobuf message: it is cut or garbled"},
		{"raw data for no input", pieces(7, "abcd"), "expected 0 entries in raw_input_contents, one for each input, got 1"},
		{"raw data of another size", pieces(1, "m", 5, input("FP32", "\x02"), 7, "abcd"), "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 4"},
		{"raw data beside contents", pieces(1, "m", 5, input("FP32", "\x01", 5, pieces(6, "abcd")), 7, "abcd"), "contents field must not be specified when using raw_input_contents for 'x' for model 'm'"},
		{"no data", pieces(1, "m", 5, input("FP32", "\x02")), "unable to find data for input tensor 'x' for model 'm' in request."},
		{"too few elements", pieces(1, "m", 5, input("FP32", "\x02", 5, pieces(6, "abcd"))), "input 'x' for model 'm': expected 2 elements for shape [2], got 1"},
		{"floats that are cut", pieces(1, "m", 5, input("FP32", "\x02", 5, pieces(6, "abcde"))), "input 'x' for model 'm': its typed contents are cut in the middle of an element"},
		{"an unknown datatype", pieces(5, input("STRING", "\x01")), `input 'x': unknown datatype "STRING"; expected BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 or BYTES`},
		{"a name given twice", pieces(5, input("FP32", "\x00"), 5, input("FP32", "\x00")), "input 'x' already exists in request"},
		{"a name that is no text", pieces(1, "\xff"), "model_name is not UTF-8"},
		{"a shape that overflows", pieces(5, input("FP64", "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), 7, ""), "input 'x' for model '': shape [9223372036854775807]: the number of elements is too large"},
		{"more inputs than anybody has", bytes.Repeat([]byte{5<<3 | 2, 0}, maxTensors+1), "expected at most 16384 inputs, got 16385"},
		{"more parameters than anybody has", bytes.Repeat([]byte{4<<3 | 2, 0}, maxParameters+1), "expected at most 4096 parameters, got more"},
		{"more axes than anybody has", pieces(5, input("FP32", strings.Repeat("\x01", maxAxes+1))), "input 'x': expected at most 64 axes in its shape, got more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := GRPC{}.DecodeRequest(grpcWire(c.body))
			f, ok := err.(*message.Failure)
			if !ok || f.Kind != message.InvalidArgument {
				t.Fatalf("got %#v", err)
			}
			if got := strings.TrimPrefix(f.Error(), "MR402 "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRawContentsAndPackedFloatsAreViewsOfTheBody(t *testing.T) {
	within := func(data, b []byte) bool {
		at := bytes.Index(b, data)
		return at >= 0 && &data[0] == &b[at]
	}
	x := tensor.OfFP64("x", 1.5, 2.5)
	f, _ := flatten(&message.Content{Tensors: []tensor.Tensor{x}}, request)
	for _, typed := range []bool{false, true} {
		w := grpcWire(f.appendGRPC(nil, request, nil, typed))
		c, err := GRPC{}.DecodeRequest(w)
		if err != nil || !within(c.Tensors[0].Data, w.Body.Bytes()) {
			t.Errorf("typed %v: the data was copied, %v", typed, err)
		}
	}
}

// scattered returns b as a body of several segments.
func scattered(t *rapid.T, b []byte) *body.Body {
	var parts []*body.Body
	for len(b) > 0 {
		n := rapid.IntRange(1, len(b)).Draw(t, "segment")
		parts = append(parts, body.Of(b[:n]))
		b = b[n:]
	}
	return body.Join(parts...)
}

func TestAModelIsRenamedAroundTheTensorBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyContent(t)
		w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{Model: "first", Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		unknown := pieces(99, "kept")
		b := append(w.Body.AppendTo(nil), unknown...)
		// A second name, late: it counts.
		name := rapid.StringMatching("[a-z]{1,200}").Draw(t, "late name")
		b = append(b, pieces(1, name, 2, "7")...)
		whole := scattered(t, b)
		if got, version, err := PeekModel(whole); got != name || version != "7" || err != nil {
			t.Fatalf("peeked %q, %q, %v", got, version, err)
		}
		budget := body.NewBudget(1 << 20)
		to := rapid.SampledFrom([]string{"renamed", strings.Repeat("long", 100)}).Draw(t, "new name")
		version := rapid.SampledFrom([]string{"", "3"}).Draw(t, "new version")
		out, err := RenameModel(whole, to, version, budget)
		if err != nil {
			t.Fatal(err)
		}
		if got, v, err := PeekModel(out); got != to || v != version || err != nil {
			t.Fatalf("renamed to %q, %q, %v", got, v, err)
		}
		if !bytes.Contains(out.Bytes(), unknown) {
			t.Fatal("an unknown field is lost")
		}
		back, err := GRPC{}.DecodeRequest(&message.Wire{Dialect: message.OpenInferenceGRPC, Body: out})
		if err != nil {
			t.Fatal(err)
		}
		before, _ := GRPC{}.DecodeRequest(grpcWire(b))
		checkSame(t, "renamed", before, back)
		reference(t, "ModelInferRequest", out.Bytes())
		out.Release()
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are left charged", budget.Used())
		}
	})
}

func TestPeekingRefusesWhatIsCut(t *testing.T) {
	whole := pieces(1, "model", 5, "0123456789")
	for n := 1; n < len(whole); n++ {
		_, _, err := PeekModel(body.Of(whole[:n]))
		if atField := n == 7; (err == nil) != atField {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestMetadataComesBackInBothForms(t *testing.T) {
	m := &Metadata{Name: "triage", Versions: []string{"1", "2"}, Platform: "millrace_graph",
		Inputs:  []TensorMetadata{{Name: "text", Datatype: tensor.Bytes, Shape: []int64{-1, 1}}},
		Outputs: []TensorMetadata{{Name: "label", Datatype: tensor.Bytes, Shape: []int64{-1}}, {Name: "score", Datatype: tensor.FP32, Shape: []int64{-1, 3}}}}
	text, err := m.AppendJSON(nil)
	want := `{"name":"triage","versions":["1","2"],"platform":"millrace_graph","inputs":[{"name":"text","datatype":"BYTES","shape":[-1,1]}],"outputs":[{"name":"label","datatype":"BYTES","shape":[-1]},{"name":"score","datatype":"FP32","shape":[-1,3]}]}`
	if err != nil || string(text) != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
	fromJSON, err1 := ParseMetadata(text)
	fromGRPC, err2 := ParseMetadataGRPC(m.AppendGRPC(nil))
	for _, back := range []*Metadata{fromJSON, fromGRPC} {
		if fmt.Sprint(back) != fmt.Sprint(m) {
			t.Errorf("got  %v, %v, %v\nwant %v", back, err1, err2, m)
		}
	}
	ref := reference(t, "ModelMetadataResponse", m.AppendGRPC(nil))
	if n := ref.Get(ref.Descriptor().Fields().ByName("outputs")).List().Len(); n != 2 {
		t.Errorf("protobuf-go reads %d outputs", n)
	}
	real, err := ParseMetadata([]byte(`{"name":"iris","versions":[],"platform":"","inputs":[{"name":"predict","datatype":"FP32","shape":[-1,4],"parameters":{"content_type":"np"}}],"outputs":null,"parameters":{}}`))
	if v, _ := real.Inputs[0].Parameters.Get("content_type"); err != nil || v.String != "np" {
		t.Errorf("%+v, %v", real, err)
	}
}

func TestServersAndIndexesComeBackInBothForms(t *testing.T) {
	s := &ServerMetadata{Name: "millrace", Version: "1", Extensions: []string{"binary_tensor_data"}}
	a, err1 := ParseServerMetadata(s.AppendJSON(nil))
	b, err2 := ParseServerMetadataGRPC(s.AppendGRPC(nil))
	if fmt.Sprint(a) != fmt.Sprint(s) || fmt.Sprint(b) != fmt.Sprint(s) {
		t.Errorf("%v %v, %v %v", a, err1, b, err2)
	}
	index := []IndexEntry{{Name: "iris", State: "READY"}, {Name: "x", Version: "2", State: "UNAVAILABLE", Reason: "no"}}
	c, err1 := ParseIndex(AppendIndex(nil, index))
	d, err2 := ParseIndexGRPC(AppendIndexGRPC(nil, index))
	if fmt.Sprint(c) != fmt.Sprint(index) || fmt.Sprint(d) != fmt.Sprint(index) {
		t.Errorf("%v %v, %v %v", c, err1, d, err2)
	}
	for _, ready := range []bool{true, false} {
		if got, err := ParseReadyGRPC(AppendReadyGRPC(nil, ready)); got != ready || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
	if got := string(AppendReady(nil, "m", true)); got != `{"name":"m","ready":true}` {
		t.Error(got)
	}
	if name, version, err := PeekModel(body.Of(AppendModelRequestGRPC(nil, "m", "2"))); name != "m" || version != "2" || err != nil {
		t.Error(name, version, err)
	}
}
