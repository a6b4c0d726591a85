package http2

import (
	"encoding/xml"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/proxy/stream"
)

// h2specDiffers are the cases in which we answer otherwise than h2spec expects, with the reason.
var h2specDiffers = map[string]string{}

// TestH2specFindsTheServerConformant runs h2spec, of the version that testdata/h2spec/go.mod pins, against a server that
// answers at once, in strict mode.
func TestH2specFindsTheServerConformant(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "h2spec")
	build := exec.Command("go", "build", "-o", tool, "github.com/summerwind/h2spec/cmd/h2spec")
	build.Dir = filepath.Join("testdata", "h2spec")
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build h2spec: %v\n%s", err, out)
	}
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		_, _ = readAll(d)
		reply(d, 200, "hello")
	}))
	_, port, _ := net.SplitHostPort(s.addr)
	report := filepath.Join(dir, "report.xml")
	out, runErr := exec.Command(tool, "-S", "-o", "2", "-p", port, "-j", report).CombinedOutput()
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("run h2spec: %v %v\n%s", runErr, err, out)
	}
	var suites struct {
		Suite []struct {
			Package string `xml:"package,attr"`
			Case    []struct {
				Name    string `xml:"classname,attr"`
				Failure *struct {
					Text string `xml:",innerxml"`
				} `xml:"failure"`
				Error *struct {
					Text string `xml:",innerxml"`
				} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, su := range suites.Suite {
		for _, c := range su.Case {
			failed := c.Failure != nil || c.Error != nil
			why, differs := h2specDiffers[c.Name]
			switch {
			case failed && !differs:
				t.Errorf("%s: %s", su.Package, c.Name)
			case !failed && differs:
				t.Errorf("%s: %s: passes now; take it off the list (%s)", su.Package, c.Name, why)
			case !failed:
				passed++
			}
		}
	}
	t.Logf("%d cases passed", passed)
	if passed < 140 {
		t.Errorf("only %d cases passed\n%s", passed, out)
	}
}
