package jsontensor

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

func TestABodyIsOneJSONValue(t *testing.T) {
	for text, want := range map[string]string{" {\"a\": 1}\n": `{"a": 1}`, "[1]": "[1]", "null": "null"} {
		if got, err := Document(&message.Wire{Body: body.Of([]byte(text))}); err != nil || string(got) != want {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	for _, text := range []string{"", "{", "1 2", "{\"a\":}"} {
		if _, err := Document(&message.Wire{Body: body.Of([]byte(text))}); err == nil || !strings.HasPrefix(err.Error(), "MR402 malformed JSON: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
