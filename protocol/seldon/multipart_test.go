package seldon

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// formWire returns a form of these parts, each given as its head and its content.
func formWire(parts ...string) *message.Wire {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--b0\r\nContent-Disposition: form-data; " + parts[i] + "\r\n\r\n" + parts[i+1] + "\r\n")
	}
	b.WriteString("--b0--\r\n")
	w := wire(b.String())
	w.ContentType = `multipart/form-data; boundary="b0"`
	return w
}

func TestAFormIsAMessage(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []string
		want  string // as JSON
	}{
		{"text", []string{`name="strData"`, `say "hi"`, `name="meta"`, `{"puid":"p"}`}, `{"strData":"say \"hi\"","meta":{"puid":"p"}}`},
		{"a file of text", []string{`name="strData"; filename="a.txt"`, "x"}, `{"strData":"x"}`},
		{"a file of bytes", []string{`name="binData"; filename="a.png"`, "\x89PNG\r\n\x00\xff"}, `{"binData":"iVBORw0KAP8="}`},
		{"JSON", []string{`name="jsonData"`, `{"a":[1]}`}, `{"jsonData":{"a":[1]}}`},
		{"data", []string{`name="data"`, `{"names":["a"],"ndarray":[[1]]}`}, `{"data":{"names":["a"],"ndarray":[[1]]}}`},
	} {
		w := formWire(c.parts...)
		content, err := Codec{}.DecodeRequest(w)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := encoded(t, content); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if w, err := (Codec{}).EncodeReply(message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("y", 1)}}), &message.Asking{Wire: w}); err != nil || w.ContentType != "" {
			t.Errorf("%s: its reply: %v", c.name, err)
		}
	}
	for want, w := range map[string]*message.Wire{
		"a part has no name":       formWire(`filename="a"`, "x"),
		"found strData and":        formWire(`name="strData"`, "x", `name="binData"`, "y"),
		"malformed JSON: offset 1": formWire(`name="data"`, "{"),
		"is not UTF-8":             formWire(`name="strData"`, "\xff"),
		"malformed form":           {Dialect: message.SeldonREST, ContentType: `multipart/form-data; boundary="b0"`, Body: wire("--b0\r\nContent-Disposition: form-data; name=\"strData\"\r\n\r\nx").Body},
	} {
		_, err := Codec{}.DecodeRequest(w)
		var f *message.Failure
		if err != nil && !errors.As(err, &f) {
			f = message.Invalid("", "%v", err)
		}
		if f == nil || !strings.Contains(f.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestAFormPassesToASeldonServerButIsJSONAmongOthers(t *testing.T) {
	w := formWire(`name="strData"`, "x")
	m := message.FromWire(w, Codec{}.DecodeRequest)
	out, err := Codec{}.EncodeRequest([]*message.Message{m}, &message.Target{})
	if err != nil || out.Body != w.Body || out.ContentType != w.ContentType {
		t.Errorf("%+v, %v", out, err)
	}
	other := message.FromWire(wire(`{"strData":"y"}`), nil)
	out, err = Codec{}.EncodeRequest([]*message.Message{m, other}, &message.Target{Method: message.Aggregate})
	if want := `[{"strData":"x"},{"strData":"y"}]`; err != nil || string(out.Body.Bytes()) != want {
		t.Errorf("%s, %v", out.Body.Bytes(), err)
	}
	reply, err := Codec{}.EncodeReply(m, &message.Asking{Wire: w})
	if err != nil || strings.Contains(string(reply.Body.Bytes()), "--b0") {
		t.Errorf("%s, %v", reply.Body.Bytes(), err)
	}
}
