package worlds

import "testing"

// TestAnMLflowServerAnswersInEveryWorld trains two models, serves them by MLflow, and asks them beside models of other worlds.
func TestAnMLflowServerAnswersInEveryWorld(t *testing.T) {
	i := up(t, []string{"worlds", "mlserver"}, "mlflow", "bentoml", "openai", "tongue")
	ask(t, i, map[string]question{
		"a person asks for several texts": {
			"/ask/topics", `{"text": ["the invoice is wrong", "my parcel came late"]}`, 200, []string{`{"topics":["billing","shipping"]}`},
		},
		"a person asks for a tensor": {
			"/ask/prices", `{"point": [[1, 2, 3], [0, 0, 0]]}`, 200, []string{`{"prices":[11.5,10.0]}`},
		},
		"an Open Inference client asks for texts": {
			"/v2/models/topics/infer", `{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["the invoice is wrong", "track it"]}]}`,
			200, []string{`"name":"topic","datatype":"BYTES","shape":[2],"data":["billing","shipping"]`},
		},
		"an Open Inference client asks for a tensor": {
			"/v2/models/prices/infer", `{"inputs": [{"name": "point", "datatype": "FP64", "shape": [2, 3], "data": [1, 2, 3, 0, 0, 0]}]}`,
			200, []string{`"name":"price","datatype":"FP64","shape":[2],"data":[11.5,10.0]`},
		},
		"a KServe client asks": {
			"/v1/models/topics:predict", `{"instances": ["track my parcel"]}`, 200, []string{`{"predictions":["shipping"]}`},
		},
		"an OpenAI client asks": {
			"/v1/chat/completions", `{"model": "topics", "messages": [{"role": "user", "content": "refund my payment"}]}`, 200, []string{`"content":"billing"`},
		},
		"a tensor of another width is refused": {
			"/ask/prices", `{"point": [[1, 2]]}`, 400, []string{`"error"`, "point"},
		},
		"an expression asks MLflow, BentoML and a function at once": {
			"/ask/tongue+topics+measures", `{"text": ["the invoice is wrong", "wo ist mein Paket geblieben"]}`,
			200, []string{`"tongue":["en","de"]`, `"topics":["billing",`, `"measures":[4,5]`},
		},
		"an expression has an OpenAI server in it": {
			"/ask/parrot+topics", `{"text": "refund my payment"}`, 200, []string{`"content":"refundmypayment"`, `"topics":"billing"`},
		},
		"an Open Inference client asks by an expression": {
			"/v2/models/tongue+topics+measures/infer", `{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["the invoice is wrong"]}]}`,
			200, []string{`"tongue.language"`, `["en"]`, `"topics.topic"`, `["billing"]`, `"measures.size"`, `[4]`},
		},
		"an OpenAI client asks by an expression": {
			"/v1/chat/completions", `{"model": "tongue+topics", "messages": [{"role": "user", "content": "the invoice is wrong"}]}`,
			200, []string{`\"topic\":\"billing\"`, `\"language\":\"en\"`},
		},
	})
	client(t, i, "worlds", "mlflow_clients.py")
}
