package seldon

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

func TestMetasMergeAsSeldonUsersExpect(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []string // oldest first
		want string
	}{
		{"the request's puid stays, and an empty meta changes nothing", []string{`{"puid":"a"}`, `{}`, `{"puid":"b"}`}, `{"puid":"a"}`},
		{"of tags the later one wins", []string{`{"tags":{"a":1,"b":"x"}}`, `{"tags":{"b":"y","c":[1]}}`}, `{"tags":{"a":1,"b":"y","c":[1]}}`},
		{"requestPath accumulates", []string{`{"requestPath":{"t":"transformer:1"}}`, `{"requestPath":{"m":"model:2"}}`}, `{"requestPath":{"t":"transformer:1","m":"model:2"}}`},
		{"routing accumulates, the later wins", []string{`{"routing":{"ab":1,"r":-1}}`, `{"routing":{"r":2}}`}, `{"routing":{"ab":1,"r":2}}`},
		{"metrics are concatenated", []string{`{"metrics":[{"key":"a","type":"COUNTER","value":1}]}`, `{"metrics":[{"key":"b","type":"GAUGE","value":2}]}`}, `{"metrics":[{"key":"a","type":"COUNTER","value":1},{"key":"b","type":"GAUGE","value":2}]}`},
		{"metrics that a server passes on are taken once", []string{`{"metrics":[{"key":"a","type":"COUNTER","value":1}]}`, `{"metrics":[{"value":1.0,"key":"a"},{"key":"b","type":"GAUGE","value":2}]}`}, `{"metrics":[{"key":"a","type":"COUNTER","value":1},{"key":"b","type":"GAUGE","value":2}]}`},
		{"what is not known is kept", []string{`{"x":{"y":1}}`, `{"z":null}`}, `{"x":{"y":1},"z":null}`},
	} {
		var wires []*message.Wire
		var contents []*message.Content
		for _, m := range c.in {
			text := `{"strData":"x","meta":` + m + `}`
			wires, contents = append(wires, wire(text)), append(contents, decoded(t, text))
		}
		last := len(wires) - 1
		w, err := MergeMetaWire(wires[last], wires[:last]...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(w.Body.Bytes()); got != `{"strData":"x","meta":`+c.want+`}` {
			t.Errorf("%s, on bytes:\n got %s\nwant %s", c.name, got, c.want)
		}
		if err := MergeMeta(contents[last], contents[:last]...); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := encoded(t, contents[last]); got != `{"strData":"x","meta":`+c.want+`}` {
			t.Errorf("%s, on content:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestMetaIsMergedAcrossTransports(t *testing.T) {
	_, b := protoOf(t, "SeldonMessage", `data{tensor{values:1}} meta{puid:"p" tags{key:"a" value{number_value:1.5}} routing{key:"r" value:-1} requestPath{key:"n" value:"i:1"} metrics{key:"k" type:2 value:22.1 tags{key:"x" value:"y"}}}`)
	w, err := MergeMetaWire(wire(`{"data":{"ndarray":[ 1 ]}}`), grpcWire(b))
	want := `{"meta":{"puid":"p","tags":{"a":1.5},"routing":{"r":-1},"requestPath":{"n":"i:1"},"metrics":[{"key":"k","type":"TIMER","value":22.1,"tags":{"x":"y"}}]},"data":{"ndarray":[ 1 ]}}`
	if err != nil || string(w.Body.Bytes()) != want {
		t.Fatalf("got  %s, %v\nwant %s", w.Body.Bytes(), err, want)
	}
	_, bare := protoOf(t, "SeldonMessage", `strData:"x"`)
	back, err := MergeMetaWire(grpcWire(bare), w)
	if err != nil {
		t.Fatal(err)
	}
	checkProto(t, "SeldonMessage", back.Body.Bytes(), `strData:"x" meta{puid:"p" tags{key:"a" value{number_value:1.5}} routing{key:"r" value:-1} requestPath{key:"n" value:"i:1"} metrics{key:"k" type:2 value:22.1 tags{key:"x" value:"y"}}}`)
}

func TestSplicingAMetaSharesTheBytesAroundIt(t *testing.T) {
	unknown := protobuf.AppendBytes(nil, 99, "kept")
	_, first := protoOf(t, "SeldonMessage", `meta{puid:"a" tags{key:"t" value{bool_value:true}}}`)
	_, payload := protoOf(t, "SeldonMessage", `data{tensor{values:[1,2,3]}}`)
	_, second := protoOf(t, "SeldonMessage", `meta{tags{key:"u" value{bool_value:true}}}`)
	newer := protobuf.AppendBytes(nil, 2, protobuf.AppendBytes(nil, 77, "newer")) // a field of Meta that is not known
	var b []byte
	for _, piece := range [][]byte{first, payload, second, unknown, newer} {
		b = append(b, piece...)
	}
	w := grpcWire(b)
	m, err := ReadMeta(w)
	if err != nil {
		t.Fatal(err)
	}
	m.SetRoute("router", 1)
	out, err := WithMeta(w, &m)
	if err != nil {
		t.Fatal(err)
	}
	got := out.Body.Bytes()
	for _, part := range [][]byte{payload, unknown, protobuf.AppendBytes(nil, 77, "newer")} {
		if !strings.Contains(string(got), string(part)) {
			t.Errorf("%q is lost", part)
		}
	}
	ref := reference(t, "SeldonMessage", got)
	ref.SetUnknown(nil)
	meta := ref.Mutable(ref.Descriptor().Fields().ByName("meta")).Message()
	meta.SetUnknown(nil)
	want, _ := protoOf(t, "SeldonMessage", `data{tensor{values:[1,2,3]}} meta{puid:"a" tags{key:"t" value{bool_value:true}} tags{key:"u" value{bool_value:true}} routing{key:"router" value:1}}`)
	if !proto.Equal(ref, want) {
		t.Errorf("got  %v\nwant %v", ref, want)
	}
	if &out.Body.Segment(0)[0] != &b[len(first)] {
		t.Error("the payload was copied")
	}
}

func TestAMetaIsPutIntoJSONWhereverItStands(t *testing.T) {
	m := Meta{ID: "p"}
	for text, want := range map[string]string{
		`{}`:                         `{"meta":{"puid":"p"}}`,
		` { "strData" : "x" } `:      ` {"meta":{"puid":"p"}, "strData" : "x" } `,
		`{"meta":null,"x":1}`:        `{"meta":{"puid":"p"},"x":1}`,
		`{"x":1, "meta" : { "a":1}}`: `{"x":1, "meta" : {"puid":"p"}}`,
	} {
		w, err := WithMeta(wire(text), &m)
		if err != nil || string(w.Body.Bytes()) != want {
			t.Errorf("%s: %s, %v", text, w.Body.Bytes(), err)
		}
	}
	for _, text := range []string{`[1]`, `{`, ``} {
		if _, err := WithMeta(wire(text), &m); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	bare := wire(`{"a":1}`)
	if w, err := WithMeta(bare, &Meta{}); err != nil || w.Body != bare.Body {
		t.Errorf("an empty meta: %v", err)
	}
	oip := &message.Wire{Dialect: message.OpenInferenceREST, Body: body.Of([]byte(`{}`))}
	if _, err := WithMeta(oip, &m); err == nil {
		t.Error("a message of another dialect got a meta")
	}
}

func TestAMetaCrossesTransportsInContent(t *testing.T) {
	text := `{"strData":"x","meta":{"puid":"p","tags":{"a":1.5,"l":[1.0,null]},"routing":{"r":1},"requestPath":{"n":"i"},"metrics":[{"key":"k","type":"GAUGE","value":0.1}]}}`
	b, err := encodedGRPC(decoded(t, text))
	if err != nil {
		t.Fatal(err)
	}
	checkProto(t, "SeldonMessage", b, `strData:"x" meta{puid:"p" tags{key:"a" value{number_value:1.5}} tags{key:"l" value{list_value{values{number_value:1}values{null_value:NULL_VALUE}}}} routing{key:"r" value:1} requestPath{key:"n" value:"i"} metrics{key:"k" type:1 value:0.1}}`)
	c, err := GRPC{}.DecodeRequest(grpcWire(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, c); got != `{"strData":"x","meta":{"puid":"p","tags":{"a":1.5,"l":[1.0,null]},"routing":{"r":1},"requestPath":{"n":"i"},"metrics":[{"key":"k","type":"GAUGE","value":0.1}]}}` {
		t.Errorf("it came back as %s", got)
	}
	for _, bad := range []string{`{"meta":{"routing":[1]}}`, `{"meta":{"routing":{"r":4294967296}}}`, `{"meta":{"metrics":[{"type":"NONE"}]}}`, `{"meta":{"requestPath":{"a":1}}}`} {
		if _, err := encodedGRPC(decoded(t, bad)); err == nil {
			t.Errorf("%s went over gRPC", bad)
		}
	}
}

func TestPartialAnswersOverGRPCHaveTheirErrorsInTheTags(t *testing.T) {
	c := &message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("strData", "x")}, Errors: []message.PartError{{Part: "tox", Failure: &message.Failure{Code: "MR501", Detail: "no answer"}}}}
	b, err := encodedGRPC(c)
	if err != nil {
		t.Fatal(err)
	}
	checkProto(t, "SeldonMessage", b, `strData:"x" meta{tags{key:"errors" value{struct_value{fields{key:"tox" value{string_value:"MR501 no answer"}}}}}}`)
}
