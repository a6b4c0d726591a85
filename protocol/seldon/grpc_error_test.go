package seldon

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

func TestARoutersReplyOverGRPCIsReadAsTheExecutorDoes(t *testing.T) {
	for text, want := range map[string]int{
		`data{ndarray{values{list_value{values{number_value:1}}}}}`:     1,
		`data{ndarray{values{number_value:1.9}}}`:                       1,
		`data{ndarray{values{number_value:-2}}}`:                        -2,
		`data{tensor{shape:[1,2] values:[3,7]}}`:                        3,
		`data{tftensor{dtype:3 tensor_shape{dim{size:1}} int_val:4}}`:   4,
		`data{tftensor{dtype:9 tensor_shape{dim{size:1}} int64_val:5}}`: 5,
		`data{names:"a"}`: All,
		`meta{puid:"p"}`:  All,
	} {
		_, b := protoOf(t, "SeldonMessage", text)
		if got, err := ParseRoute(grpcWire(b)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{`data{ndarray{}}`, `data{tensor{}}`, `data{ndarray{values{string_value:"left"}}}`, `data{ndarray{values{bool_value:true}}}`, `data{tensor{values:1e300}}`, `data{tensor{values:nan}}`} {
		_, b := protoOf(t, "SeldonMessage", text)
		var f *message.Failure
		if _, err := ParseRoute(grpcWire(b)); !errors.As(err, &f) || f.Kind != message.BadReply || !strings.HasPrefix(f.Detail, "the router's reply is no route: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAFailureOverGRPCIsAStatus(t *testing.T) {
	upstream := func(d message.Dialect, status int) *message.Failure {
		return &message.Failure{Kind: message.FailedUpstream, Reply: message.FromWire(&message.Wire{Dialect: d, Status: status}, nil)}
	}
	for _, c := range []struct {
		f    *message.Failure
		want int
	}{
		{&message.Failure{Kind: message.Unavailable}, 14},
		{&message.Failure{Kind: message.BadReply}, 13},
		{upstream(message.SeldonGRPC, 9), 9},
		{upstream(message.OpenInferenceGRPC, 5), 5},
		{upstream(message.SeldonREST, 400), 3},
		{upstream(message.SeldonREST, 401), 16},
		{upstream(message.SeldonREST, 500), 13},
		{upstream(message.SeldonREST, 502), 14},
		{&message.Failure{Kind: message.FailedUpstream}, 13},
	} {
		if w := (GRPC{}).EncodeFailure(c.f, nil); w.Status != c.want || w.Body.Len() != 0 || w.Dialect != message.SeldonGRPC {
			t.Errorf("%+v: %d, want %d", c.f, w.Status, c.want)
		}
	}
}

func TestAServersStatusOverGRPCIsRead(t *testing.T) {
	_, b := protoOf(t, "SeldonMessage", `status{code:-1 info:"bad" reason:"MICROSERVICE_BAD_DATA" status:1}`)
	var f *message.Failure
	if _, err := (GRPC{}).DecodeReply(grpcWire(b)); !errors.As(err, &f) || f.Kind != message.BadReply || !strings.Contains(f.Detail, "MICROSERVICE_BAD_DATA: bad") {
		t.Errorf("FAILURE without a payload: %v", err)
	}
	if got := ErrorText(grpcWire(b)); got != "MICROSERVICE_BAD_DATA: bad" {
		t.Errorf("the server says %q", got)
	}
	if got := ErrorText(&message.Wire{Dialect: message.SeldonGRPC}); got != "" {
		t.Errorf("an error without a body says %q", got)
	}
	_, b = protoOf(t, "SeldonMessage", `status{code:200 status:0} strData:"x"`)
	if _, err := (GRPC{}).DecodeReply(grpcWire(b)); err != nil {
		t.Errorf("SUCCESS: %v", err)
	}
}

func TestMethodsOverGRPCAreThoseOfSeldonsServices(t *testing.T) {
	for m, want := range map[message.Method][3]string{
		message.Predict:         {"Model/Predict", "Model/Predict", "Seldon/Predict"},
		message.TransformInput:  {"Transformer/TransformInput", "Generic/TransformInput", "Seldon/Predict"},
		message.TransformOutput: {"OutputTransformer/TransformOutput", "Generic/TransformOutput", "Seldon/Predict"},
		message.Route:           {"Router/Route", "Generic/Route", "Seldon/Predict"},
		message.Aggregate:       {"Combiner/Aggregate", "Generic/Aggregate", "Seldon/Predict"},
		message.Feedback:        {"Model/SendFeedback", "Generic/SendFeedback", "Seldon/SendFeedback"},
	} {
		target := &message.Target{Method: m}
		for i, path := range []message.Path{GRPCNodePath, GRPCGenericPath, GRPCExternalPath} {
			got := string(path(nil, target))
			if got != "/seldon.protos."+want[i] {
				t.Errorf("%s: %s, want %s", m, got, want[i])
			}
			if back, ok := ParseGRPCPath(got); !ok || i < 2 && back != m {
				t.Errorf("%s is read as %s, %v", got, back, ok)
			}
		}
	}
	for _, path := range []string{MethodModelMetadata, "/inference.GRPCInferenceService/ModelInfer", "/seldon.protos.Seldon/Nothing", ""} {
		if _, ok := ParseGRPCPath(path); ok {
			t.Errorf("%s is taken for a method", path)
		}
	}
	in := []*message.Message{message.FromWire(grpcWire(nil), nil)}
	var f *message.Failure
	if _, err := (GRPC{}).EncodeRequest(in, &message.Target{Method: message.Explain}); !errors.As(err, &f) || f.Kind != message.Unimplemented {
		t.Errorf("explain: %v", err)
	}
	if _, err := (GRPC{}).EncodeRequest(nil, &message.Target{}); err == nil {
		t.Error("no message was sent")
	}
}

func TestTheFormSurvivesTheOtherTransport(t *testing.T) {
	for text, want := range map[string]string{
		`{"strData":"x"}`:                                `strData:"x"`,
		`{"binData":"aGk="}`:                             `binData:"hi"`,
		`{"jsonData":{"a":1}}`:                           `jsonData{struct_value{fields{key:"a" value{number_value:1}}}}`,
		`{"data":{"ndarray":[1]}}`:                       `data{ndarray{values{number_value:1}}}`,
		`{"data":{"tensor":{"shape":[1],"values":[1]}}}`: `data{tensor{shape:1 values:1}}`,
		`{"data":{"tftensor":{"dtype":"DT_INT64","tensorShape":{"dim":[{"size":"1"}]},"int64Val":["9007199254740993"]}}}`: `data{tftensor{dtype:9 tensor_shape{dim{size:1}} tensor_content:"\001\000\000\000\000\000\040\000"}}`,
	} {
		m := message.FromWire(wire(text), Codec{}.DecodeRequest)
		w, err := GRPC{}.EncodeRequest([]*message.Message{m}, &message.Target{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		checkProto(t, "SeldonMessage", w.Body.Bytes(), want)
		back := message.FromWire(&message.Wire{Dialect: message.SeldonGRPC, Body: body.Of(w.Body.Bytes())}, GRPC{}.DecodeRequest)
		over, err := Codec{}.EncodeRequest([]*message.Message{back}, &message.Target{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := GRPC{}.EncodeRequest([]*message.Message{message.FromWire(over, Codec{}.DecodeRequest)}, &message.Target{})
		if err != nil {
			t.Errorf("%s: %v", over.Body.Bytes(), err)
			continue
		}
		checkProto(t, "SeldonMessage", again.Body.Bytes(), want)
	}
}
