package local

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/proxy/bootstrap"
	"github.com/millrace/millrace/xds/source/pipeline"
	"github.com/millrace/millrace/xds/source/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load returns what a file of this text, and a binding if it is not empty, have.
func load(t *testing.T, text, binding string) *store.Snapshot {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"objects.yaml": text, "millrace.local.yaml": binding} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	snap, err := pipeline.Load(pipeline.Files{Paths: []string{filepath.Join(dir, "objects.yaml")}}, store.Options{Askable: true, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range snap.Found {
		t.Log(snap.Render(d))
	}
	return snap
}

// model is a Model object with a server of its own.
func model(name, server string) string {
	return "---\napiVersion: millrace.io/v1alpha1\nkind: Model\nmetadata: {name: " + name + "}\nspec:\n  " + server +
		"\n  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1]}}\n  outputs: {label: {type: FP64, shape: [rows]}}\n"
}

func TestTheServersOfTheSamplesAreRunAsTheirBindingSays(t *testing.T) {
	snap, err := pipeline.Load(pipeline.Files{Paths: []string{"../../../deploy/samples"}}, store.Options{Askable: true, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	all, errs := specs(snap)
	if len(errs) > 0 {
		t.Error(errs)
	}
	var got []string
	for _, s := range all {
		what := s.Command
		if s.Function != nil {
			what = []string{fmt.Sprintf("%s of %s for %s, %v → %v", s.Function.Name, filepath.Base(s.Function.File), s.Function.Model, s.Function.Inputs, s.Function.Outputs)}
		}
		got = append(got, fmt.Sprintf("%s ×%d in %s ready at %q: %.60s", s.Name, max(s.Replicas, 1), s.Environment, s.Ready.Path, strings.Join(what, " ")))
	}
	want := `normaliser ×1 in seldon ready at "/health/ping": seldon-core-microservice Normaliser --service-type TRANSFORM
readability ×2 in fastapi ready at "/healthz": uvicorn readability:app --app-dir models/fastapi --host 127.
text-models ×1 in mlserver ready at "/v2/health/ready": mlserver start models/mlserver
topic ×1 in mlserver ready at "/v2/models/topic/ready": predict of topic.py for topic, [{message BYTES [-1]}] → [{to
toxicity ×1 in kserve ready at "/v2/health/ready": python models/kserve/toxicity.py --http_port {port} --enable
urgency-desk/urgency ×1 in seldon ready at "/health/ping": seldon-core-microservice Urgency --service-type MODEL --http
urgency-desk/urgency-careful ×1 in seldon ready at "/health/ping": seldon-core-microservice Urgency --service-type MODEL --http
urgency-panel/consensus ×1 in seldon ready at "/health/ping": seldon-core-microservice Consensus --service-type COMBINER -`
	slices.Sort(got)
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
}

func TestAServerIsReadyWhereItsProtocolSaysSo(t *testing.T) {
	for protocol, want := range map[string]string{
		"oip": "/v2/models/m/ready", "kserve-v1": "/v1/models/m", "seldon": "/health/ping", "mlflow": "/ping", "plain": "",
	} {
		all, errs := specs(load(t, model("m", "protocol: "+protocol+"\n  command: [serve, \"{port}\"]\n  path: /x"), ""))
		if protocol != "plain" {
			all, errs = specs(load(t, model("m", "protocol: "+protocol+"\n  command: [serve, \"{port}\"]"), ""))
		}
		if len(all) != 1 || len(errs) > 0 || all[0].Ready.Path != want {
			t.Errorf("%s: %+v, %v, want %s", protocol, all, errs, want)
		}
	}
}

func TestFixedPortsAndTheFolderAreThoseOfTheObject(t *testing.T) {
	snap := load(t, model("m", "protocol: oip\n  command: [serve]\n  ports: [9002, 9003]\n  ready: /ok"), "")
	all, errs := specs(snap)
	if len(all) != 1 || len(errs) > 0 {
		t.Fatal(all, errs)
	}
	if s := all[0]; s.Ports["port"] != 9002 || s.Ports["grpc_port"] != 9003 || s.Ready.Path != "/ok" || !filepath.IsAbs(s.Dir) {
		t.Errorf("%+v", s)
	}
}

func TestAFunctionNeedsAContractWithTypes(t *testing.T) {
	for text, want := range map[string]string{
		"---\napiVersion: millrace.io/v1alpha1\nkind: Model\nmetadata: {name: m}\nspec:\n  python: f.py:g\n":                                                                                 "model m has no contract, so nobody knows its arguments; add `inputs` and `outputs` with types",
		"---\napiVersion: millrace.io/v1alpha1\nkind: Model\nmetadata: {name: m}\nspec:\n  python: f.py:g\n  inputs: {text: {shape: [rows]}}\n  outputs: {x: {type: bool, shape: [rows]}}\n": "model m: input text has no type, and a Python function needs one",
	} {
		all, errs := specs(load(t, text, ""))
		if len(all) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), want) || !strings.Contains(errs[0].Error(), "objects.yaml:") {
			t.Errorf("%+v, %v, want %q", all, errs, want)
		}
	}
}

func TestTheBootstrapIsOneThatTheProxyReads(t *testing.T) {
	text, err := Bootstrap(netip.MustParseAddrPort("127.0.0.1:9901"), netip.MustParseAddrPort("127.0.0.1:18000"), "g")
	if err != nil {
		t.Fatal(err)
	}
	b, err := bootstrap.Parse("bootstrap", text)
	if err != nil {
		t.Fatal(err)
	}
	if b.Node.GetCluster() != "g" || b.Admin != "127.0.0.1:9901" || !b.LDS || !b.CDS || len(b.Ignored) > 0 {
		t.Errorf("%+v", b)
	}
	if target, err := b.Resolve(t.Context(), controlPlane); err != nil || !strings.Contains(target.Address, "127.0.0.1:18000") {
		t.Errorf("%+v, %v", target, err)
	}
}

func TestWhatIsNotReadyInTimeIsNamedWithTheLastWord(t *testing.T) {
	snap := load(t, model("slow", "protocol: oip\n  urls: [\"http://127.0.0.1:1\"]")+model("down", "protocol: oip\n  urls: [\"http://127.0.0.1:1\"]"), "")
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/models/slow/ready" && asked.Add(1) > 3:
		default:
			w.WriteHeader(503)
			fmt.Fprint(w, "no endpoint")
		}
	}))
	defer s.Close()
	silent, err := answering(t.Context(), snap, s.Listener.Addr().String(), 300*time.Millisecond)
	if err != nil || len(silent) != 1 || silent[0] != "down is not ready: status 503 no endpoint" {
		t.Errorf("%q, %v", silent, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := answering(ctx, snap, s.Listener.Addr().String(), time.Minute); err == nil {
		t.Error("it does not end with its context")
	}
}

func TestTheHintsAreAboutWhatIsThere(t *testing.T) {
	inline := "protocol: oip\n  urls: [\"http://127.0.0.1:1\"]"
	at := Addresses{Listen: "127.0.0.1:8080", Admin: "127.0.0.1:9901"}
	for _, c := range []struct{ text, want string }{
		{model("a", inline) + model("b", inline), "millrace ask a+b \"I love it\"\n  curl http://127.0.0.1:8080/ask/a+b -d '{\"text\": \"I love it\"}'\n  curl http://127.0.0.1:9901/clusters\n"},
		{strings.Replace(model("a", inline), "{text:", "{passage:", 1), "millrace ask a \"I love it\" --field passage\n"},
		{strings.Replace(model("a", inline), "type: string", "type: FP32", 1), "Try:\n  curl http://127.0.0.1:9901/clusters\n"},
	} {
		if got := hints(load(t, c.text, ""), at, []string{"x.yaml"}); !strings.Contains(got, c.want) {
			t.Errorf("got:\n%s\nwant in it:\n%s", got, c.want)
		}
	}
}

func TestTheReadyFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ready.json")
	if err := (Addresses{Listen: "a", Admin: "b", XDS: "c"}).write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if want := `{"listen":"a","admin":"b","xds":"c"}` + "\n"; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
	if err := (Addresses{}).write(filepath.Join(dir, "no", "ready.json")); err == nil || !strings.HasPrefix(err.Error(), "write the ready file: ") {
		t.Errorf("error %v", err)
	}
}
