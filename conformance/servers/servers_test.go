package servers

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheSampleServersAnswerAsTheirTableSays asks every server its question, and some the wrong way.
func TestTheSampleServersAnswerAsTheirTableSays(t *testing.T) {
	addresses := up(t)
	if got := len(addresses["readability"]); got != 2 {
		t.Errorf("readability has %d ready replicas, want 2", got)
	}
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	for name, c := range map[string]struct {
		server, path, body string
		status             int
		want               []string
	}{
		"language takes a list of texts": {
			"text-models", "/v2/models/langid/infer", `{"inputs":[{"name":"text","datatype":"BYTES","shape":[2],"data":["I love it","Das ist gut so"]}]}`,
			200, []string{`"name":"lang","shape":[2],"datatype":"BYTES"`, `"data":["en","de"]`, `"name":"probability","shape":[2],"datatype":"FP32"`},
		},
		"sentiment takes a column of texts": {
			"text-models", "/v2/models/vader/infer", `{"inputs":[{"name":"TXT","datatype":"BYTES","shape":[2,1],"parameters":{"content_type":"str"},"data":["I love it","I hate it"]}]}`,
			200, []string{`"name":"l","shape":[2,1],"datatype":"BYTES"`, `"data":["positive","negative"]`, `"name":"s","shape":[2,1],"datatype":"FP64"`},
		},
		"sentiment refuses a list": {
			"text-models", "/v2/models/vader/infer", `{"inputs":[{"name":"TXT","datatype":"BYTES","shape":[1],"parameters":{"content_type":"str"},"data":["I love it"]}]}`,
			400, []string{"TXT has the shape [1], not [n, 1]"},
		},
		"sentiment refuses strings that are not marked": {
			"text-models", "/v2/models/vader/infer", `{"inputs":[{"name":"TXT","datatype":"BYTES","shape":[1,1],"data":["I love it"]}]}`,
			400, []string{"TXT needs the parameter content_type: str"},
		},
		"keywords answers three a text": {
			"text-models", "/v2/models/yake/infer", `{"inputs":[{"name":"document","datatype":"BYTES","shape":[1],"data":["The delivery of my new phone was late and the delivery box broken"]}]}`,
			200, []string{`"name":"phrases","shape":[1,3],"datatype":"BYTES"`, "delivery box", `"name":"weights","shape":[1,3],"datatype":"FP64"`},
		},
		"topic is a function": {
			"topic", "/v2/models/topic/infer", `{"inputs":[{"name":"message","datatype":"BYTES","shape":[2],"data":["I paid twice this month","My package is lost"]}]}`,
			200, []string{`"name":"topic","shape":[2],"datatype":"BYTES"`, `"data":["billing","shipping"]`, `"name":"confidence","shape":[2],"datatype":"FP64"`},
		},
		"topic says what it takes": {
			"topic", "/v2/models/topic/infer", `{"inputs":[{"name":"massage","datatype":"BYTES","shape":[1],"data":["x"]}]}`,
			400, []string{"input massage is unknown; the function takes message"},
		},
		"toxicity takes an object a row": {
			"toxicity", "/v1/models/toxicity:predict", `{"instances":[{"comment":"you are a fucking idiot"},{"comment":"have a nice day"}]}`,
			200, []string{`{"predictions":[{"toxic":true,"probability":0.9`, `{"toxic":false,"probability":0.0`},
		},
		"toxicity refuses bare strings": {
			"toxicity", "/v1/models/toxicity:predict", `{"instances":["x"]}`,
			400, []string{`instances[0]: an object with the string \"comment\" is expected`},
		},
		"the normaliser transforms an ndarray": {
			"normaliser", "/transform-input", `{"data":{"names":["text"],"ndarray":[["HELLO   YOU https://x.y/z"]]}}`,
			200, []string{`"names":["t:0"],"ndarray":[["Hello you"]]`, `"tags":{"normalised":true}`},
		},
		"the normaliser answers as a model too": {
			"normaliser", "/predict", `{"data":{"names":["text"],"ndarray":[["HELLO   YOU"]]}}`,
			200, []string{`"ndarray":[["Hello you"]]`},
		},
		"urgency answers a probability a class": {
			"urgency-desk/urgency", "/predict", `{"data":{"names":["text"],"ndarray":[["The server is down, this is urgent!"]]}}`,
			200, []string{`"names":["calm","urgent"],"ndarray":[[0.0`},
		},
		"the careful one is less sure": {
			"urgency-desk/urgency-careful", "/predict", `{"data":{"names":["text"],"ndarray":[["The server is down, this is urgent!"]]}}`,
			200, []string{`"names":["calm","urgent"],"ndarray":[[0.2`},
		},
		"consensus is the mean": {
			"urgency-panel/consensus", "/aggregate", `[{"data":{"names":["calm","urgent"],"ndarray":[[0.25,0.75]]}},{"data":{"names":["calm","urgent"],"ndarray":[[0.75,0.25]]}}]`,
			200, []string{`"names":["calm","urgent"],"ndarray":[[0.5,0.5]]`},
		},
		"readability takes one text": {
			"readability", "/score", `{"passage":"The cat sat on the mat. It was happy."}`, 200, []string{`{"grade":-0.72,"words":9}`},
		},
		"readability takes many": {
			"readability", "/score", `{"passage":["The cat sat on the mat. It was happy.",""]}`, 200, []string{`{"grade":[-0.72,0.0],"words":[9,0]}`},
		},
		"readability refuses other names": {
			"readability", "/score", `{"text":"x"}`, 422, []string{`"passage"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range addresses[c.server] {
				status, text := post(t, client, fmt.Sprintf("http://127.0.0.1:%d%s", a.HTTP, c.path), c.body)
				if status != c.status {
					t.Errorf("status %d, want %d: %s", status, c.status, text)
				}
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("answer %s\nlacks %s", text, want)
					}
				}
			}
			if len(addresses[c.server]) == 0 {
				t.Errorf("%s has no address", c.server)
			}
		})
	}
}

func post(t *testing.T, client *http.Client, url, body string) (int, string) {
	t.Helper()
	resp, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
