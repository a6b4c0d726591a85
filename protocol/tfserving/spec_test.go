package tfserving

import (
	"bytes"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

func pieces(b []byte, size int) *body.Body {
	var all []*body.Body
	for len(b) > 0 {
		n := min(size, len(b))
		all = append(all, body.Of(b[:n]))
		b = b[n:]
	}
	return body.Join(all...)
}

func TestAModelIsRenamedAroundItsTensors(t *testing.T) {
	unknown := protobuf.AppendBytes(nil, 77, "kept in the spec")
	head, at := protobuf.Open(nil, 1)
	head = protobuf.Seal(append(protobuf.AppendText(appendModel(head, "m", "3"), 3, "sig"), unknown...), at)
	rest := predict(t, "x", tensorProto(1, []int64{2}, "float_val", []any{float32(1), float32(2)}))
	rest = append(rest, protobuf.AppendBytes(nil, 6, "client")...)
	rest = append(rest, appendSpec(nil, 1, "late", "canary", "")...)
	all := append(bytes.Clone(head), rest...)
	budget := body.NewBudget(1 << 20)
	for _, size := range []int{1, 3, 1000} {
		b := pieces(all, size)
		if name, version, err := PeekModel(b); err != nil || name != "late" || version != "canary" {
			t.Errorf("%s %s, %v", name, version, err)
		}
		for _, version := range []string{"", "12", "stable"} {
			out, err := RenameModel(b, "other", version, budget)
			if err != nil {
				t.Fatal(err)
			}
			if name, got, err := PeekModel(out); err != nil || name != "other" || got != version {
				t.Errorf("%s %s, %v, want %s", name, got, err, version)
			}
			c, err := GRPC{}.DecodeRequest(grpcWire(out.Bytes()))
			if err != nil || show(c) != "x FP32 [2] [1.0,2.0]; signature_name=sig" || c.Model != "other" || c.Version != version {
				t.Errorf("%s %s %s, %v", show(c), c.Model, c.Version, err)
			}
			ref := reference(t, "PredictRequest", out.Bytes())
			if got := string(get(ref, "client_id").Bytes()); got != "client" {
				t.Error(got)
			}
			if got := get(ref, "model_spec").Message().GetUnknown(); !bytes.Equal(got, unknown) {
				t.Errorf("%q", got)
			}
			out.Release()
		}
		b.Release()
	}
	out, err := RenameModel(body.Of(nil), "m", "", budget)
	if err != nil || string(out.Bytes()) != string(appendSpec(nil, 1, "m", "", "")) {
		t.Errorf("a request without a model: %v", err)
	}
	out.Release()
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes are still charged", used)
	}
}

func TestABodyThatIsCutIsNotPeekedInto(t *testing.T) {
	b := predict(t, "x", tensorProto(1, []int64{2}, "float_val", []any{float32(1), float32(2)}))
	budget := body.NewBudget(1 << 20)
	whole := len(appendSpec(nil, 1, "m", "", "")) // of the tensor nothing is there
	for n := 1; n < len(b); n++ {
		cut := pieces(b[:n], 4)
		_, _, err := PeekModel(cut)
		_, renamed := RenameModel(cut, "m", "", budget)
		if wrong := n != whole; (err != nil) != wrong || (renamed != nil) != wrong {
			t.Errorf("at %d of %d: %v, %v", n, len(b), err, renamed)
		}
	}
	if _, _, err := PeekModel(body.Of(appendSpec(nil, 1, strings.Repeat("m", maxSpec), "", ""))); err == nil {
		t.Error("a name of any length was taken")
	}
	if _, _, err := PeekModel(body.Of(appendSpecLabel("5"))); err == nil {
		t.Error("a label that is a number was taken for a version")
	}
}

func TestAddresses(t *testing.T) {
	for path, want := range map[string]Address{
		"/v1/models/half:predict":                    {"half", "", VerbPredict},
		"/V1/Models/half/Versions/12:Classify":       {"half", "12", VerbClassify},
		"/v1/models/a%2Fb/labels/can%3Aary:regress":  {"a/b", "can:ary", VerbRegress},
		"/v1/models/half/metadata":                   {"half", "", VerbMetadata},
		"/v1/models/half/versions/3/metadata":        {"half", "3", VerbMetadata},
		"/v1/models/half/labels/stable":              {"half", "stable", VerbStatus},
		"/v1/models/half":                            {"half", "", VerbStatus},
		"/v1/models/sentiment%2Btopic:predict":       {"sentiment+topic", "", VerbPredict},
		"/v1/models/sentiment+topic%7Clabel:predict": {"sentiment+topic|label", "", VerbPredict},
	} {
		got, ok := ParseAddress(path)
		if !ok || got != want {
			t.Errorf("%s: %+v, %v", path, got, ok)
		}
		again, ok := ParseAddress(string(want.Append(nil)))
		if !ok || again != want {
			t.Errorf("%s: %+v, %v", want.Append(nil), again, ok)
		}
	}
	for _, path := range []string{"/v1/models/", "/v1/models", "/v2/models/x", "/v1/models/x/versions/a:predict", "/v1/models/x/versions/-1", "/v1/models/x/labels/5", "/v1/models/x:explain", "/v1/models/x/y/z", "/v1/models/%zz", "/v1/models/x/labels/"} {
		if a, ok := ParseAddress(path); ok {
			t.Errorf("%s was taken for %+v", path, a)
		}
	}
}

func TestStatusIsSaidAndReadInBothForms(t *testing.T) {
	text := `{"model_version_status":[{"version":"123","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}},{"version":"-1","state":"END","status":{"error_code":"NOT_FOUND","error_message":"gone \"away\""}}]}`
	all, err := ParseStatus([]byte(text))
	if err != nil || !Available(all) || len(all) != 2 || all[1] != (VersionStatus{-1, StateEnd, 5, `gone "away"`}) {
		t.Fatalf("%+v, %v", all, err)
	}
	if got := string(AppendStatus(nil, all)); got != text {
		t.Errorf("%s", got)
	}
	b := AppendStatusGRPC(nil, all)
	ref := reference(t, "GetModelStatusResponse", b)
	second := get(ref, "model_version_status").List().Get(1).Message()
	if get(second, "version").Int() != -1 || get(second, "state").Int() != 50 || get(get(second, "status").Message(), "error_message").String() != `gone "away"` {
		t.Errorf("%v", ref)
	}
	back, err := ParseStatusGRPC(marshal(t, ref))
	if err != nil || string(AppendStatus(nil, back)) != text {
		t.Errorf("%+v, %v", back, err)
	}
	spaced := "{\n \"model_version_status\": [\n  {\"version\": 7, \"state\": \"LOADING\", \"other\": {}, \"status\": {}}\n ]\n}\n"
	if all, err = ParseStatus([]byte(spaced)); err != nil || Available(all) || all[0].State != StateLoading || all[0].Version != 7 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, bad := range []string{`{"model_version_status":[{"version":"x"}]}`, `[]`, `{"model_version_status":{}}`} {
		if _, err := ParseStatus([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	if got := State(33).String(); got != "33" {
		t.Error(got)
	}
	if name, version, err := PeekModel(body.Of(AppendStatusRequestGRPC(nil, "m", "stable"))); err != nil || name != "m" || version != "stable" {
		t.Errorf("%s %s, %v", name, version, err)
	}
}

func TestMetadataIsSaidAndReadInBothForms(t *testing.T) {
	text := `{"model_spec":{"name":"m","signature_name":"","version":"1"},"metadata":{"signature_def":{"signature_def":{"serving_default":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"4","name":""}],"unknown_rank":false},"name":"x:0"},"any":{"dtype":"DT_STRING","tensor_shape":{"dim":[],"unknown_rank":true},"name":""}},"outputs":{"y":{"dtype":"DT_BFLOAT16","tensor_shape":{"dim":[],"unknown_rank":false},"name":"y:0"}},"method_name":"tensorflow/serving/predict"}}}}}`
	m, err := ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := m.Signature("")
	if s == nil || s.Method != PredictMethod || len(s.Inputs) != 2 || s.Inputs[0].Datatype != tensor.FP32 || s.Inputs[0].Shape[0] != -1 || !s.Inputs[1].UnknownRank || m.Signature("x") != nil {
		t.Fatalf("%+v", m)
	}
	if got := string(m.AppendJSON(nil)); got != text {
		t.Errorf("%s", got)
	}
	b := m.AppendGRPC(nil)
	ref := reference(t, "GetModelMetadataResponse", b)
	holder := get(ref, "metadata").Map().Get(keyOf("signature_def")).Message()
	if got := get(holder, "type_url").String(); got != signatureMapType {
		t.Error(got)
	}
	def := get(reference(t, "SignatureDefMap", get(holder, "value").Bytes()), "signature_def").Map().Get(keyOf("serving_default")).Message()
	x := get(def, "inputs").Map().Get(keyOf("x")).Message()
	if get(x, "name").String() != "x:0" || get(x, "dtype").Int() != 1 || get(get(get(x, "tensor_shape").Message(), "dim").List().Get(0).Message(), "size").Int() != -1 {
		t.Errorf("%v", def)
	}
	back, err := ParseMetadataGRPC(b)
	if err != nil || string(back.AppendJSON(nil)) != text {
		t.Errorf("%+v, %v", back, err)
	}
	ask := reference(t, "GetModelMetadataRequest", AppendMetadataRequestGRPC(nil, "m", "2"))
	if get(ask, "metadata_field").List().Get(0).String() != "signature_def" {
		t.Errorf("%v", ask)
	}
	m = &ModelMetadata{Name: "m", Version: "canary", Signatures: []Signature{{Name: "s", Inputs: []TensorInfo{{Name: "n"}}}}}
	if got := string(m.AppendJSON(nil)); !strings.Contains(got, `"version_label":"canary"`) || !strings.Contains(got, `"n":{"dtype":"DT_DOUBLE"`) {
		t.Error(got)
	}
	for _, bad := range []string{`[]`, `{"metadata":1}`, `{"metadata":{"signature_def":{"signature_def":{"s":{"inputs":{"x":{"tensor_shape":{"dim":[{"size":"a"}]}}}}}}}}`} {
		if _, err := ParseMetadata([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
