package pyserve

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed millrace_function.py
var runtime []byte

// Requirement is the server that serves the function; it is installed beside the function's own requirements.
const Requirement = "mlserver==1.7.1"

// ReadyPath answers 200 once the function's file is loaded.
const ReadyPath = "/v2/health/ready"

// Tensor is one input or output of the function, as the Model's contract has it.
type Tensor struct {
	Name     string `json:"name"`     // the tensor's and the argument's name
	Datatype string `json:"datatype"` // an Open Inference datatype: BYTES, FP32, INT64, BOOL …
	Shape    []int  `json:"shape"`    // -1 where any length will do; empty means [-1]
}

// Function is a Python function to be served.
type Function struct {
	Model   string // the model's name on the server
	File    string // an absolute path
	Name    string // the function in it
	Inputs  []Tensor
	Outputs []Tensor
}

var functionForm = regexp.MustCompile(`^(.+\.py):([A-Za-z_][A-Za-z0-9_]*)$`)

// ParseRef splits a reference such as topic.py:predict; a relative file is relative to dir.
func ParseRef(dir, ref string) (file, function string, err error) {
	m := functionForm.FindStringSubmatch(ref)
	if m == nil {
		return "", "", fmt.Errorf("parse python %q: FILE.py:FUNCTION is expected, such as topic.py:predict", ref)
	}
	if file = m[1]; !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	return file, m[2], nil
}

// Prepare writes the runtime below cache and returns the command that serves f and its environment variables, NAME=value
// each. The command has the placeholders {port} and {grpc_port}. Calls with one cache may run at once.
func Prepare(cache string, f Function) (command, env []string, err error) {
	if _, err := os.Stat(f.File); err != nil {
		return nil, nil, fmt.Errorf("serve function %s: %w", f.Name, err)
	}
	contract, err := json.Marshal(struct {
		Inputs  []Tensor `json:"inputs"`
		Outputs []Tensor `json:"outputs"`
	}{typed(f.Inputs), typed(f.Outputs)})
	if err != nil {
		return nil, nil, fmt.Errorf("serve function %s: %w", f.Name, err)
	}
	dir, err := write(cache)
	if err != nil {
		return nil, nil, fmt.Errorf("serve function %s: %w", f.Name, err)
	}
	return []string{"mlserver", "start", dir}, []string{
		"PYTHONPATH=" + strings.Join([]string{dir, filepath.Dir(f.File)}, string(filepath.ListSeparator)),
		"MLSERVER_HOST=127.0.0.1",
		"MLSERVER_HTTP_PORT={port}",
		"MLSERVER_GRPC_PORT={grpc_port}",
		"MLSERVER_MODEL_NAME=" + f.Model,
		"MLSERVER_MODEL_IMPLEMENTATION=millrace_function.Function",
		"MILLRACE_FUNCTION=" + f.File + ":" + f.Name,
		"MILLRACE_CONTRACT=" + string(contract),
	}, nil
}

// typed gives each tensor that has no shape the shape of a row of scalars.
func typed(tensors []Tensor) []Tensor {
	out := make([]Tensor, len(tensors))
	for i, t := range tensors {
		if len(t.Shape) == 0 {
			t.Shape = []int{-1}
		}
		out[i] = t
	}
	return out
}

// settings are what every served function has in common. One process serves it: a worker of MLServer's would load
// the model a second time.
const settings = `{"debug": false, "parallel_workers": 0, "metrics_endpoint": null, "server_name": "millrace-function"}
`

// write puts the runtime into a folder named by its content, whole files only.
func write(cache string) (string, error) {
	sum := sha256.Sum256(append([]byte(settings), runtime...))
	dir, err := filepath.Abs(filepath.Join(cache, "pyserve-"+hex.EncodeToString(sum[:6])))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "pyserve-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for name, text := range map[string][]byte{"millrace_function.py": runtime, "settings.json": []byte(settings)} {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o644); err != nil {
			return "", err
		}
	}
	// Another process may have been first: its folder has the same content.
	if err := os.Rename(fresh, dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil {
			return "", err
		}
	}
	return dir, nil
}
