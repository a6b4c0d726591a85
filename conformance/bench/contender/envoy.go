package contender

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyenv"
)

// envoy is Envoy's binary as the Python environment of that name has it.
type envoy struct{ root string }

func (envoy) Name() string     { return "Envoy" }
func (envoy) Does(d Duty) bool { return passes(d) }

func (e envoy) binary() (string, error) {
	python, err := pyenv.Find(e.root, "envoy")
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(python)), "lib", "python*", "site-packages", "envoy", "_bin", "envoy"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("find envoy: %d binaries beside %s", len(found), python)
	}
	return found[0], nil
}

func (e envoy) Version(ctx context.Context) (string, error) {
	binary, err := e.binary()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	_, text, _ := strings.Cut(strings.TrimSpace(string(out)), "version: ")
	return "envoy " + text, err
}

func (e envoy) Start(ctx context.Context, j Job) (*Process, error) {
	binary, err := e.binary()
	if err != nil {
		return nil, err
	}
	return bootstrapped(ctx, j, binary, "--use-dynamic-base-id", "--disable-hot-restart", "--concurrency", strconv.Itoa(threads), "-l", "error", "-c")
}

// bootstrapped runs a program on Envoy's bootstrap for the job, whose file is the last argument.
func bootstrapped(ctx context.Context, j Job, binary string, arguments ...string) (*Process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	admin, err := freePort()
	if err != nil {
		return nil, err
	}
	file, err := j.place("bootstrap.yaml", bootstrap(j, port, admin))
	if err != nil {
		return nil, err
	}
	p, err := run(j, nil, binary, append(arguments, file)...)
	if err != nil {
		return nil, err
	}
	p.Address, p.Admin = fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", admin)
	return p.listening(ctx)
}

// installed is the path of a program of the system, or an error that says how to get it.
func installed(name string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s: it is not installed; the system's package has it", name)
}
