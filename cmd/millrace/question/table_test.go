package question

import (
	"strings"
	"testing"
)

func TestAnAnswerIsShownInItsOwnOrderAndNumbersAsTheyCame(t *testing.T) {
	for answer, want := range map[string]string{
		`{"b": "x", "a": 1.50}`:                   "b  x\na  1.50\n",
		`{"schön": true, "n": null}`:              "schön  true\nn      null\n",
		`{"m": {"label": "x", "deep": {"y": 1}}}`: "m.label   x\nm.deep.y  1\n",
		`{"m": {}}`: "m  {}\n",
		`{"rows": ["en", "de"], "e": [[1.0, 2], []], "x": []}`:    "rows  en, de\ne     [1.0, 2], []\nx     \n",
		`{"text": "two\nlines \u001b[31mred"}`:                    "text  two\\nlines \\e[31mred\n",
		`{"language": "en", "errors": {"tox": "MR504 too late"}}`: "language    en\nerrors.tox  MR504 too late\n",
		`[1, 2]`: "[1, 2]\n",
		`hello`:  "hello\n",
		`{"a":`:  "{\"a\":\n",
		``:       "\n",
	} {
		if got := Table([]byte(answer)); got != want {
			t.Errorf("%s:\n%q, want\n%q", answer, got, want)
		}
	}
}

func FuzzTable(f *testing.F) {
	for _, s := range []string{`{"a": {"b": [1, "x", [true]]}}`, `{"a": 1, "a": 2}`, `[`, `{"":{"":""}}`, "{\"\xff\": 1}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if got := Table(answer); !strings.HasSuffix(got, "\n") && got != "" {
			t.Errorf("%q is no whole line", got)
		}
	})
}
