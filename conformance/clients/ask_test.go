package clients

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAskAnswersPeopleInTheirOwnForm asks the samples by /ask: what is right, and every kind of mistake.
func TestAskAnswersPeopleInTheirOwnForm(t *testing.T) {
	c := client(t)
	for name, x := range map[string]struct {
		path, body string
		status     int
		want       []string // all of them are in the answer
	}{
		"a scalar is answered with scalars": {
			"/ask/language+sentiment", `{"text": "I love it"}`, 200, []string{`{"language": "en", "sentiment": "positive"}`},
		},
		"an array is answered with arrays": {
			"/ask/language+sentiment", `{"text": ["I love it", "Das ist leider kaputt angekommen"]}`, 200, []string{`{"language": ["en","de"], "sentiment": ["positive","neutral"]}`},
		},
		"an array of one is an array": {"/ask/sentiment", `{"text": ["I love it"]}`, 200, []string{`{"sentiment": ["positive"]}`}},
		"no rows are no rows":         {"/ask/sentiment", `{"text": []}`, 200, []string{`{"sentiment": []}`}},
		"a text alone is the one field": {
			"/ask/sentiment", `"I love it"`, 200, []string{`{"sentiment": "positive"}`},
		},
		"full shows every output":         {"/ask/sentiment?full=1", `{"text": "I love it"}`, 200, []string{`"label": "positive"`, `"score": 0.6369`}},
		"a graph is asked as a model is":  {"/ask/tidy", `{"text": "I love it"}`, 200, []string{`"sentiment": "positive"`, `"keywords": `}},
		"a chain is asked by its names":   {"/ask/normalise|sentiment", `{"text": "I love it"}`, 200, []string{`"positive"`}},
		"an escaped chain is the same":    {"/ask/normalise%7Csentiment", `{"text": "I love it"}`, 200, []string{`"positive"`}},
		"an arrow is a chain too":         {"/ask/normalise>sentiment", `{"text": "I love it"}`, 200, []string{`"positive"`}},
		"labels name parts":               {"/ask/a=sentiment+b=topic", `{"text": "I love it"}`, 200, []string{`"a": "positive"`, `"b": "praise"`}},
		"parameters stand beside fields":  {"/ask/sentiment", `{"text": "I love it", "$parameters": {"tone": "warm"}}`, 200, []string{`"positive"`}},
		"partial does not harm a whole":   {"/ask/sentiment+topic?partial=1", `{"text": "I love it"}`, 200, []string{`{"sentiment": "positive", "topic": "praise"}`}},
		"escapes in a text are its signs": {"/ask/normalise", `{"text": "\u0049 \"love\" it \ud83d\ude00\n"}`, 200, []string{`"I \"love\" it 😀"`}},

		"an unknown field has its near name": {"/ask/sentiment", `{"txt": "x"}`, 400, []string{`MR420`, `unknown field \"txt\"`, `did you mean \"text\"?`}},
		"a missing field is named":           {"/ask/sentiment", `{}`, 400, []string{`MR421`, `\"text\" is missing`}},
		"a field of another type":            {"/ask/sentiment", `{"text": 3}`, 400, []string{`\"text\"`, `expected a string, found a number`}},
		"a field twice":                      {"/ask/sentiment", `{"text": "x", "text": "y"}`, 400, []string{`\"text\" stands twice`}},
		"an unknown model has its near name": {"/ask/sentimnt", `{"text": "x"}`, 404, []string{`MR404`, `no model \"sentimnt\"`, `did you mean \"sentiment\"?`}},
		"one unknown model of a combination": {"/ask/language+topik", `{"text": "x"}`, 404, []string{`no model \"topik\"`, `did you mean \"topic\"?`}},
		"a text that ends too early":         {"/ask/sentiment", `{"text":`, 400, []string{`MR402`, `offset 8`, `found the end of the text`}},
		"a text that is no JSON":             {"/ask/sentiment", `text=x`, 400, []string{`expected a JSON object of fields`, `write {\"text\": \"…\"}`}},
		"no body at all":                     {"/ask/sentiment", ``, 400, []string{`found an empty body`}},
		"a bracket that is not closed":       {"/ask/sentiment+(topic", `{"text": "x"}`, 400, []string{`MR406`, `at character 11`, `sentiment+(topic\n          ^`, `add ')'`}},
		"a plus with nothing after it":       {"/ask/sentiment+", `{"text": "x"}`, 400, []string{`a name is missing\nsentiment+\n          ^`}},
		"the same part twice":                {"/ask/topic+topic", `{"text": "x"}`, 400, []string{`stands twice`, `first=topic`}},
		"a chain whose ends do not fit":      {"/ask/language|sentiment", `{"text": "x"}`, 400, []string{`\"sentiment\" needs field \"text\"`, `there is language, probability`}},
		"what a model's server refuses":      {"/ask/sentiment@4", `{"text": "x"}`, 404, []string{`version 4 not found`, `"part": "sentiment"`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := ask(t, c, samples.URL(x.path), x.body)
			if status != x.status {
				t.Errorf("status %d, want %d", status, x.status)
			}
			for _, want := range x.want {
				if !strings.Contains(answer, want) {
					t.Errorf("answer %s\nlacks %s", answer, want)
				}
			}
		})
	}
}

func TestAskReadsJSONWhateverTheContentTypeSays(t *testing.T) {
	c := client(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, samples.URL("/ask/sentiment"), strings.NewReader(`{"text": "I love it"}`))
		if err != nil {
			t.Fatal(err)
		}
		if kind != "" {
			req.Header.Set("Content-Type", kind)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%q: status %d", kind, resp.StatusCode)
		}
	}
}

func TestAQuestionThatIsTooLargeIsRefusedWithTheLimit(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, samples.URL("/ask/sentiment"), strings.NewReader(`{"text": "`+strings.Repeat("a", 65<<20)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue") // as curl does for a large body: nobody sends what is refused
	c := client(t)
	c.Transport.(*http.Transport).ExpectContinueTimeout = 20 * time.Second
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(answer), "67108864 bytes") {
		t.Errorf("status %d, %v: %.300s", resp.StatusCode, err, answer)
	}
}

func TestAQuestionThatIsNotPostedIsRefusedWithTheMethod(t *testing.T) {
	resp, err := client(t).Get(samples.URL("/ask/sentiment"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode < 400 || resp.StatusCode > 405 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
