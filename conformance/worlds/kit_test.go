package worlds

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/conformance/checkout"
	"github.com/millrace/millrace/conformance/system"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// up runs the objects of worlds, files of testdata without their ending, with all of its Python files beside them.
func up(t *testing.T, environments []string, worlds ...string) *system.Instance {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range environments {
		if _, err := system.Python(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	files := make(map[string]string)
	scripts, err := filepath.Glob("testdata/*.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		files[filepath.Base(s)] = read(t, s)
	}
	samples := filepath.Join(root, "deploy", "samples")
	for _, w := range worlds {
		files[w+".yaml"] = read(t, "testdata/"+w+".yaml")
		files["millrace.local.yaml"] += strings.ReplaceAll(read(t, "testdata/"+w+".local.yaml"), "SAMPLES", samples)
	}
	return system.Start(t, files)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// client runs a script of scenarios in an environment against i; each scenario is a subtest.
func client(t *testing.T, i *system.Instance, environment, script string) {
	t.Helper()
	interpreter, err := system.Python(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := i.Servers()
	if err != nil {
		t.Fatal(err)
	}
	place, err := json.Marshal(map[string]any{"listen": i.Listen, "admin": i.Admin, "servers": servers})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, "-B", script, string(place))
	cmd.Env = append(os.Environ(), "PYTHONPATH=../clients", "BENTOML_DO_NOT_TRACK=true", "MLFLOW_DISABLE_TELEMETRY=true")
	var wrong strings.Builder
	cmd.Stderr = &wrong
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v: %s", script, err, wrong.String())
	}
	ran := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); ran++ {
		var scenario struct{ Name, Error string }
		if err := json.Unmarshal(lines.Bytes(), &scenario); err != nil {
			t.Fatalf("%s wrote %q: %v", script, lines.Text(), err)
		}
		t.Run(scenario.Name, func(t *testing.T) {
			if scenario.Error != "" {
				t.Error(scenario.Error)
			}
		})
	}
	if ran == 0 {
		t.Errorf("%s ran no scenario", script)
	}
}

// question is what is posted, and what the answer is to have in it.
type question struct {
	path, body string
	status     int
	want       []string
}

// ask posts each question as a subtest; blanks in the answer do not count.
func ask(t *testing.T, i *system.Instance, questions map[string]question) {
	t.Helper()
	c := http.Client{Timeout: 20 * time.Second}
	defer c.CloseIdleConnections()
	for _, name := range slices.Sorted(maps.Keys(questions)) {
		t.Run(name, func(t *testing.T) {
			q := questions[name]
			resp, err := c.Post(i.URL(q.path), "application/json", strings.NewReader(q.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != q.status {
				t.Errorf("%d %s, %v", resp.StatusCode, text, err)
			}
			got := strings.Join(strings.Fields(string(text)), "")
			for _, want := range q.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s lacks %s", got, want)
				}
			}
		})
	}
}
