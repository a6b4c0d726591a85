package worlds

import "testing"

func TestABentoMLServiceIsAskedByItsContractAndByItsOwnClient(t *testing.T) {
	i := up(t, []string{"worlds"}, "bentoml")
	ask(t, i, map[string]question{
		"a person asks": {"/ask/measures", `{"text": "one two three four five"}`, 200, []string{`{"measures":5}`}},
		"a person asks for all of it": {
			"/ask/measures?full=1", `{"text": ["one two", "one two three four five"]}`, 200, []string{`"size":[2,5]`, `"long":[false,true]`},
		},
		"an Open Inference client asks": {
			"/v2/models/measures/infer", `{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["one", "one two three four five"]}]}`,
			200, []string{`"name":"size","datatype":"INT64","shape":[2],"data":[1,5]`, `"name":"long","datatype":"BOOL","shape":[2],"data":[false,true]`},
		},
		"what the service refuses is told with its reason": {"/serving/default/measures-native/measure", `{"passages": 3}`, 400, []string{"Inputshouldbeavalidarray"}},
	})
	client(t, i, "worlds", "bentoml_clients.py")
}
