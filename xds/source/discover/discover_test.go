package discover

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestAServerIsAskedForItsModelsInTheWayThatItKnows(t *testing.T) {
	for name, c := range map[string]struct {
		paths map[string]string
		want  string
	}{
		"a repository index, as MLServer and Triton have it": {map[string]string{
			"POST /v2/repository/index": `[{"name":"b","state":"READY"},{"name":"a","state":"READY"},{"name":"c","state":"UNAVAILABLE"}]`}, "a b"},
		"a list of Open Inference, as KServe has it": {map[string]string{"GET /v2/models": `{"models":["x"]}`}, "x"},
		"a list of V1":     {map[string]string{"GET /v1/models": `{"models":[{"name":"y"}]}`}, "y"},
		"nothing":          {nil, "error has no repository index"},
		"a broken index":   {map[string]string{"POST /v2/repository/index": `[{`}, "error repository index"},
		"no models at all": {map[string]string{"POST /v2/repository/index": `[]`}, ""},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, ok := c.paths[r.Method+" "+r.URL.Path]
			if !ok {
				http.NotFound(w, r)
				return
			}
			fmt.Fprint(w, text)
		}))
		got, err := Models(t.Context(), s.Client(), s.URL)
		s.Close()
		said := strings.Join(got, " ")
		if err != nil {
			said = "error " + err.Error()
		}
		if !strings.Contains(said, strings.TrimPrefix(c.want, "error ")) || !slices.IsSorted(got) {
			t.Errorf("%s: %s, want %s", name, said, c.want)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add([]byte(`{"models":["a",{"name":"b"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) { list(text) })
}
