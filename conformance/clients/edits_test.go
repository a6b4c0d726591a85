package clients

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/conformance/system"
)

const (
	oneRow  = `{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["I love it"]}]}`
	oneText = `{"text": "I love it"}`
)

// loadOnSamples asks a split, a graph, a chain and a combination without a pause. None of it may fail.
func loadOnSamples(t *testing.T) *system.Load {
	c := client(t)
	shots := []func(context.Context) error{
		asking(c, samples.URL("/ask/mood"), oneText, "positive"),
		asking(c, samples.URL("/v2/models/triage/infer"), oneRow, "language.language"),
		asking(c, samples.URL("/ask/normalise|sentiment"), oneText, "positive"),
		asking(c, samples.URL("/seldon/default/urgency-panel/api/v1.0/predictions"), `{"data": {"names": ["text"], "ndarray": [["now!"]]}}`, "urgent"),
	}
	next := make(chan int, 1)
	next <- 0
	return system.StartLoad(t, 8, func(ctx context.Context) error {
		n := <-next
		next <- n + 1
		return shots[n%len(shots)](ctx)
	})
}

// without stops a load and holds that none of its requests failed.
func withoutFailures(t *testing.T, l *system.Load) {
	t.Helper()
	sent, failures := l.Stop()
	t.Logf("%d requests", sent)
	for text, n := range failures {
		t.Errorf("%d × %s", n, text)
	}
}

func TestAnEditServesAtOnceAndNoRequestFails(t *testing.T) {
	l := loadOnSamples(t)
	c := client(t)
	for range 3 {
		seen := samples.Told(t)
		undo := samples.Edit(t, "triage.yaml", "graph: normalise | sentiment + keywords", "graph: normalise | sentiment + keywords + language")
		samples.Await(t, seen, `triage\.yaml: v\d+`)
		if status, answer := ask(t, c, samples.URL("/ask/tidy"), oneText); status != http.StatusOK || !strings.Contains(answer, `"language": "en"`) {
			t.Errorf("with a model more: status %d: %s", status, answer)
		}
		l.More(t, 20)
		seen = samples.Told(t)
		undo()
		samples.Await(t, seen, `triage\.yaml: v\d+`)
		if status, answer := ask(t, c, samples.URL("/ask/tidy"), oneText); status != http.StatusOK || strings.Contains(answer, "language") {
			t.Errorf("as before: status %d: %s", status, answer)
		}
	}
	l.More(t, 100)
	withoutFailures(t, l)
}

func TestABrokenFileIsShownWithItsPlaceAndTheLastGoodServes(t *testing.T) {
	l := loadOnSamples(t)
	c := client(t)
	seen := samples.Told(t)
	undo := samples.Edit(t, "triage.yaml", "graph: normalise | sentiment + keywords", "graph: normalise | sentimnt + keywords")
	said := samples.Await(t, seen, `(?s)triage\.yaml:\d+:\d+: MR\d+.*still serving`)
	for _, want := range []string{"sentimnt", `did you mean "sentiment"?`, "^"} {
		if !strings.Contains(said, want) {
			t.Errorf("it said %s\nwithout %s", said, want)
		}
	}
	if status, answer := ask(t, c, samples.URL("/ask/tidy"), oneText); status != http.StatusOK || !strings.Contains(answer, "positive") {
		t.Errorf("the last good: status %d: %s", status, answer)
	}
	seen = samples.Told(t)
	samples.Save(t, "broken.yaml", "kind: Model\n  metadata: [\n")
	samples.Await(t, seen, `broken\.yaml:\d+:\d+: MR\d+`)
	l.More(t, 40)
	seen = samples.Told(t)
	undo()
	samples.Remove(t, "broken.yaml")
	samples.Await(t, seen, `v\d+`)
	l.More(t, 40)
	withoutFailures(t, l)
}

const polarity = `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: polarity}
spec:
  server: text-models
  model: vader
  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1], parameters: {content_type: str}}}
  outputs: {label: {tensor: l, type: string, shape: [rows, 1]}}
  answer: label
`

func TestAModelIsAddedByOneFileAndCombinesAtOnce(t *testing.T) {
	l := loadOnSamples(t)
	c := client(t)
	at := samples.URL("/ask/polarity+language")
	if status, answer := ask(t, c, at, oneText); status != http.StatusNotFound {
		t.Fatalf("before: status %d: %s", status, answer)
	}
	seen := samples.Told(t)
	samples.Save(t, "polarity.yaml", polarity)
	samples.Await(t, seen, `polarity\.yaml: v\d+`)
	if status, answer := ask(t, c, at, oneText); status != http.StatusOK || answer != `{"polarity": "positive", "language": "en"}` {
		t.Errorf("with the file: status %d: %s", status, answer)
	}
	seen = samples.Told(t)
	samples.Remove(t, "polarity.yaml")
	samples.Await(t, seen, `v\d+`)
	if status, answer := ask(t, c, at, oneText); status != http.StatusNotFound {
		t.Errorf("afterwards: status %d: %s", status, answer)
	}
	withoutFailures(t, l)
}

func TestEverySavePrintsOneLineWithTheTimeThatItTook(t *testing.T) {
	seen := samples.Told(t)
	undo := samples.Edit(t, "triage.yaml", "raw:    {weight: 90, to: sentiment}", "raw:    {weight: 10, to: sentiment}")
	line := samples.Await(t, seen, `triage\.yaml: v\d+.*\n`)
	if !regexp.MustCompile(`^triage\.yaml: v\d+ in [\d.]+ m?s, 90/10 → 10/10\n$`).MatchString(line) {
		t.Errorf("it said %q", line)
	}
	seen = samples.Told(t)
	undo()
	samples.Await(t, seen, `triage\.yaml: v\d+.*\n`)
}
