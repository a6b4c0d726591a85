package contender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// millrace is the proxy alone with a static bootstrap where it only forwards, and `millrace up`, with its control plane in the
// same process, where there is a graph.
type millrace struct{ root string }

func (millrace) Name() string   { return "Millrace" }
func (millrace) Does(Duty) bool { return true }

func (m millrace) Version(ctx context.Context) (string, error) {
	binary, err := build(m.root)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	return strings.TrimSpace(string(out)), err
}

var (
	building sync.Mutex // guards built
	built    string
)

// build builds the command once a process, as `make build` does.
func build(root string) (string, error) {
	building.Lock()
	defer building.Unlock()
	if built != "" {
		return built, nil
	}
	path := filepath.Join(root, ".cache", "bench", "bin", "millrace")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/millrace")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build millrace: %w:\n%s", err, out)
	}
	built = path
	return path, nil
}

func (m millrace) Start(ctx context.Context, j Job) (*Process, error) {
	binary, err := build(m.root)
	if err != nil {
		return nil, err
	}
	if !passes(j.Duty) {
		return up(ctx, binary, j)
	}
	return bootstrapped(ctx, j, binary, "proxy", "-c")
}

// up runs `millrace up` on the objects of the job.
func up(ctx context.Context, binary string, j Job) (*Process, error) {
	text, path := objects(j)
	file, err := j.place("objects.yaml", text)
	if err != nil {
		return nil, err
	}
	ready := filepath.Join(j.Dir, "ready.json")
	p, err := run(j, nil, binary, "up", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--xds", "127.0.0.1:0", "--ready-file", ready)
	if err != nil {
		return nil, err
	}
	p.Path = path
	return p.ready(ctx, func() (bool, error) {
		text, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		var at struct{ Listen, Admin string }
		if err := json.Unmarshal(text, &at); err != nil {
			return false, fmt.Errorf("its ready file: %w", err)
		}
		p.Address, p.Admin = at.Listen, at.Admin
		return true, nil
	})
}

// steps are the names of a graph's parts.
var steps = []string{"a", "b", "c", "d"}

// objects are the job's, and where they answer.
func objects(j Job) (text, path string) {
	switch j.Duty {
	case OneNode:
		return model("echo", "http://"+j.Upstream.HTTP), "/v2/models/echo/infer"
	case Convert:
		return model("floats", "grpc://"+j.Upstream.Model), "/v2/models/floats/infer"
	default:
		return fmt.Sprintf("apiVersion: serving.kserve.io/v1alpha1\nkind: InferenceGraph\nmetadata: {name: bench}\nspec: %s\n", spec(j)),
			"/serving/default/bench"
	}
}

func model(name, url string) string {
	return fmt.Sprintf("apiVersion: millrace.io/v1alpha1\nkind: Model\nmetadata: {name: %s}\nspec: {protocol: oip, urls: [%q]}\n", name, url)
}

// spec is an InferenceGraph's as JSON, the same for Millrace and for KServe's router.
func spec(j Job) string {
	kind, data := "Ensemble", ""
	if j.Duty == Chain {
		kind, data = "Sequence", "$response"
	}
	var all []string
	for i, name := range steps {
		step := fmt.Sprintf(`"name":%q,"serviceUrl":"http://%s/v1/models/%s:predict"`, name, j.Upstream.HTTP, name)
		if i > 0 && data != "" {
			step += fmt.Sprintf(`,"data":%q`, data)
		}
		all = append(all, "{"+step+"}")
	}
	return fmt.Sprintf(`{"nodes":{"root":{"routerType":%q,"steps":[%s]}}}`, kind, strings.Join(all, ","))
}

// split is host and port of an address that a listener gave.
func split(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, "0"
	}
	return host, port
}
