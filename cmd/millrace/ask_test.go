package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// asked is a server that answers text with status, and notes what it was asked.
func asked(t *testing.T, status int, text string) (at string, got *string) {
	t.Helper()
	got = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*got = fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body)
		w.WriteHeader(status)
		fmt.Fprintln(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

const answer = `{"language": "en", "sentiment": {"label": "positive", "score": 0.90}, "keywords": ["desk lamp", "broken"], "grid": [[1, 2], [3, 4]]}`

func TestAnAnswerIsATableForAPersonAndJSONForAProgram(t *testing.T) {
	at, got := asked(t, 200, answer)
	for _, c := range []struct {
		terminal bool
		flags    string
		want     string
	}{
		{true, "", "language         en\nsentiment.label  positive\nsentiment.score  0.90\nkeywords         desk lamp, broken\ngrid             [1, 2], [3, 4]\n"},
		{false, "", answer + "\n"},
		{false, "--json", answer + "\n"},
		{true, "--json", "{\n  \"language\": \"en\",\n"},
	} {
		args := append([]string{"ask", "language+sentiment", "I love it", "--server", at}, strings.Fields(c.flags)...)
		r := run(t, "", c.terminal, args...)
		if r.code != 0 || !strings.HasPrefix(r.out, c.want) || r.err != "" {
			t.Errorf("terminal %v %s: %+v", c.terminal, c.flags, r)
		}
	}
	if want := `POST /ask/language+sentiment application/json {"text":"I love it"}`; *got != want {
		t.Errorf("it was asked %q, want %q", *got, want)
	}
}

func TestAQuestionCarriesItsFieldItsFileAndItsOptions(t *testing.T) {
	at, got := asked(t, 200, answer)
	letter := fileOf(t, "letter.txt", "Dear all,\nit broke.\n")
	for _, c := range []struct {
		in   string
		args []string
		want string
	}{
		{"", []string{"a", "@" + letter}, `POST /ask/a application/json {"text":"Dear all,\nit broke."}`},
		{"from a pipe\n", []string{"a", "@-"}, `POST /ask/a application/json {"text":"from a pipe"}`},
		{"", []string{"a", "x", "--field", "passage", "--full"}, `POST /ask/a?full=1 application/json {"passage":"x"}`},
		{"", []string{"a | b+c", "x"}, `POST /ask/a%20%7C%20b+c application/json {"text":"x"}`},
		{"", []string{"ns/a", "x"}, `POST /ask/ns/a application/json {"text":"x"}`},
	} {
		r := run(t, c.in, false, append(append([]string{"ask"}, c.args...), "--server", at)...)
		if r.code != 0 || *got != c.want {
			t.Errorf("%q: %+v; it was asked %s", c.args, r, *got)
		}
	}
}

func TestARefusalIsWhatTheServerSaidWithACaret(t *testing.T) {
	for _, c := range []struct {
		status           int
		body, name, want string
	}{
		{404, `{"error": {"code": "MR410", "message": "no model \"langage\"", "remedy": "did you mean \"language\"?", "id": "r1"}}`, "langage",
			"millrace: ask langage: MR410 no model \"langage\"; did you mean \"language\"?\n"},
		{503, `{"error": {"code": "MR501", "message": "no server is up", "graph": "triage", "part": "tox"}}`, "triage",
			"millrace: ask triage: MR501 graph triage: part tox: no server is up\n"},
		{400, `{"error": {"code": "MR411", "message": "unexpected '|'"}}`, "a+|b",
			"millrace: ask a+|b: MR411 unexpected '|'\n    a+|b\n      ^\n"},
		{502, "<html>Bad Gateway</html>", "a", "millrace: ask a: status 502: <html>Bad Gateway</html>\n"},
	} {
		at, _ := asked(t, c.status, c.body)
		r := run(t, "", false, "ask", c.name, "x", "--server", at)
		if r.code != 1 || r.err != c.want || r.out != "" {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestAProxyThatIsNotThereIsSaidWithTheWayToStartIt(t *testing.T) {
	at, _ := asked(t, 200, answer)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct{ args, want string }{
		{"a x --server " + gone.URL, "nothing listens at " + gone.URL + "; start it with `millrace up FILE`, or name another with --server"},
		{"a x --server 127.0.0.1:8080", "it is not a URL; write it as http://127.0.0.1:8080"},
		{"a @no-such-file --server " + at, "no-such-file: no such file or directory; a text that begins with @ can be given by @- on standard input"},
	} {
		r := run(t, "", false, append([]string{"ask"}, strings.Fields(c.args)...)...)
		if r.code != 1 || !strings.Contains(r.err, c.want) {
			t.Errorf("%s: %+v", c.args, r)
		}
	}
}
