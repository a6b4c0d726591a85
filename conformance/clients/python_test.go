package clients

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/millrace/millrace/conformance/system"
)

func TestTheTritonClientOverHTTP(t *testing.T) { python(t, "triton.py", "http") }

func TestTheTritonClientOverGRPC(t *testing.T) { python(t, "triton.py", "grpc") }

func TestSeldonsClientsOverREST(t *testing.T) { python(t, "seldon.py") }

func TestKServesClientsOfInferenceGraphs(t *testing.T) { python(t, "kserve_graphs.py") }

func TestAllDialectsAgree(t *testing.T) { python(t, "agreement.py") }

// python runs a script of scenarios against the samples; each scenario is a subtest.
func python(t *testing.T, script string, args ...string) {
	interpreter, err := system.Python(t.Context(), "clients")
	if err != nil {
		t.Fatal(err)
	}
	servers, err := samples.Servers()
	if err != nil {
		t.Fatal(err)
	}
	place, err := json.Marshal(map[string]any{"listen": samples.Listen, "admin": samples.Admin, "servers": servers})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"-B", script, string(place)}, args...)...)
	var wrong strings.Builder
	cmd.Stderr = &wrong
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ran := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var scenario struct{ Name, Error string }
		if err := json.Unmarshal(lines.Bytes(), &scenario); err != nil {
			t.Errorf("%s wrote %q: %v", script, lines.Text(), err)
			continue
		}
		ran++
		t.Run(scenario.Name, func(t *testing.T) {
			if scenario.Error != "" {
				t.Error(scenario.Error)
			}
		})
	}
	if err := cmd.Wait(); err != nil || lines.Err() != nil {
		t.Errorf("%s: %v, %v: %s", script, err, lines.Err(), wrong.String())
	}
	if ran == 0 {
		t.Errorf("%s ran no scenario", script)
	}
}
