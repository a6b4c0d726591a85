package seldon

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

const feedbackText = `{"request":{"data":{"ndarray":[[1,2]]}},"response":{"meta":{"routing":{"router":1}},"strData":"x"},"reward":0.1,"truth":{"strData":"y"}}`

func TestFeedbackIsReadAndWrittenAgain(t *testing.T) {
	f, err := ParseFeedback(wire(feedbackText))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Append(nil)); got != feedbackText {
		t.Errorf("it became %s", got)
	}
	over, err := f.Convert(message.SeldonGRPC)
	if err != nil {
		t.Fatal(err)
	}
	want := `request{data{ndarray{values{list_value{values{number_value:1}values{number_value:2}}}}}} response{strData:"x" meta{routing{key:"router" value:1}}} reward:0.1 truth{strData:"y"}`
	checkProto(t, "Feedback", over.Append(nil), want)
	_, b := protoOf(t, "Feedback", want)
	g, err := ParseFeedback(grpcWire(b))
	if err != nil || g.Route("router") != 1 || f.Route("router") != 1 || g.Route("other") != All {
		t.Errorf("routes %d, %d, %d, %v", f.Route("router"), g.Route("router"), g.Route("other"), err)
	}
	back, err := g.Convert(message.SeldonREST)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(back.Append(nil)); got != `{"request":{"data":{"ndarray":[[1.0,2.0]]}},"response":{"strData":"x","meta":{"routing":{"router":1}}},"reward":0.1,"truth":{"strData":"y"}}` {
		t.Errorf("it came back as %s", got)
	}
}

func TestFeedbackReachesAServerInItsTransport(t *testing.T) {
	target := &message.Target{Method: message.Feedback}
	in := []*message.Message{message.FromWire(wire(feedbackText), nil)}
	same, err := Codec{}.EncodeRequest(in, target)
	if err != nil || string(same.Body.Bytes()) != feedbackText {
		t.Errorf("%s, %v", same.Body.Bytes(), err)
	}
	over, err := GRPC{}.EncodeRequest(in, target)
	if err != nil {
		t.Fatal(err)
	}
	reference(t, "Feedback", over.Body.Bytes())
	for _, m := range []*message.Message{
		message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("x", 1)}}),
		message.FromWire(&message.Wire{Dialect: message.KServeV1}, nil),
	} {
		var f *message.Failure
		if _, err := (GRPC{}).EncodeRequest([]*message.Message{m}, target); !errors.As(err, &f) || !strings.Contains(f.Detail, "feedback") {
			t.Errorf("%v", err)
		}
	}
}

func TestFeedbackWithoutARouteGoesToAllChildren(t *testing.T) {
	for _, text := range []string{`{}`, `{"response":null}`, `{"response":{}}`, `{"response":{"meta":{"routing":"x"}}}`, `{"response":{"meta":{"routing":{"a":0}}}}`} {
		f, err := ParseFeedback(wire(text))
		if err != nil || f.Route("r") != All {
			t.Errorf("%s: %d, %v", text, f.Route("r"), err)
		}
	}
	for text, want := range map[string]string{
		`{"request":[1]}`:   "expected a SeldonMessage, an object, found an array",
		`{"reward":"much"}`: "expected a number of 32 bits",
		`[`:                 "expected an object",
	} {
		if _, err := ParseFeedback(wire(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
