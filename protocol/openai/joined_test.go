package openai

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// streamed is a server's stream of these chunks; done says that it was whole.
func streamed(done bool, chunks ...string) *message.Wire {
	text := ": alive\n\n"
	for _, c := range chunks {
		text += "data: " + c + "\r\n\r\n"
	}
	if done {
		text += "data: [DONE]\n\n"
	}
	return &message.Wire{Dialect: message.OpenAI, Body: body.Of([]byte(text)), ContentType: ContentTypeEvents + "; charset=utf-8", JSONLength: -1, Reply: true}
}

func TestAStreamThatIsNotPassedOnIsReadAsOnePiece(t *testing.T) {
	head := `"id":"c","created":7,"model":"m",`
	for name, c := range map[string]struct {
		wire *message.Wire
		want string // after an exclamation mark: of the error
	}{
		"a chat": {
			streamed(true, `{`+head+`"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"a \"b"},"finish_reason":null}],"usage":null}`,
				`{`+head+`"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" c"}}]}`,
				`{`+head+`"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":null,"refusal":null},"finish_reason":"stop"}]}`,
				`{`+head+`"object":"chat.completion.chunk","choices":[],"usage":{"total_tokens":3}}`),
			`{"object":"chat.completion","id":"c","created":7,"model":"m","usage":{"total_tokens":3},"choices":[{"index":0,"message":{"role":"assistant","content":"a \"b c"},"finish_reason":"stop"}]}`,
		},
		"several choices of a completion": {
			streamed(true, `{"object":"text_completion","choices":[{"index":1,"text":"y"}]}`, `{"object":"text_completion","choices":[{"index":0,"text":"x"}]}`),
			`{"object":"text_completion","choices":[{"index":0,"text":"x","finish_reason":null},{"index":1,"text":"y","finish_reason":null}]}`,
		},
		"a stream that ends too soon":  {streamed(false, `{"choices":[]}`), "!ended before it was done"},
		"a stream that tells an error": {streamed(true, `{"error":{"message":"overloaded"}}`), "!overloaded"},
		"a stream that calls tools":    {streamed(true, `{"choices":[{"index":0,"delta":{"tool_calls":[]}}]}`), `!"tool_calls" cannot be made one piece`},
		"a chunk that is no JSON":      {streamed(true, `{"choices":`), "!malformed JSON"},
		"a choice out of bounds":       {streamed(true, `{"choices":[{"index":1000000}]}`), "!none of the first 128"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Codec{}.DecodeReply(c.wire)
			if want, refused := strings.CutPrefix(c.want, "!"); refused || err != nil {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %s", err, want)
				}
				return
			}
			if string(got.JSON) != c.want {
				t.Errorf("got  %s\nwant %s", got.JSON, c.want)
			}
		})
	}
}

func FuzzJoinStream(f *testing.F) {
	f.Add("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"object\":\"text_completion\",\"choices\":[{\"index\":2,\"text\":\"a\"}]}\r\ndata: [DONE]")
	f.Fuzz(func(t *testing.T, text string) {
		if out, err := joinStream([]byte(text)); err == nil && !json.Valid(out) {
			t.Fatalf("%q became %s", text, out)
		}
	})
}
