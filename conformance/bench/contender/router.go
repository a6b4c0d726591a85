package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// router is KServe's router, built from the module in peers. It knows one port only.
type router struct{ root string }

const (
	routerPackage = "github.com/kserve/kserve/cmd/router"
	routerPort    = "8080"
)

func (router) Name() string     { return "KServe router" }
func (router) Does(d Duty) bool { return d == Chain || d == FanOut }

func (r router) binary() string {
	return filepath.Join(r.root, ".cache", "bench", "bin", "kserve-router")
}

// BuildPeers builds the peers that are Go modules; the first time takes minutes.
func BuildPeers(ctx context.Context, root string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", router{root}.binary(), routerPackage)
	cmd.Dir = filepath.Join(root, "conformance", "bench", "peers")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build KServe's router: %w:\n%s", err, out)
	}
	return nil
}

func (r router) Version(context.Context) (string, error) {
	if _, err := os.Stat(r.binary()); err != nil {
		return "", errors.New("find KServe's router: it is not built; `make bench` builds it")
	}
	lis, err := net.Listen("tcp", ":"+routerPort)
	if err != nil {
		return "", fmt.Errorf("start KServe's router: it has one port only, %s, which is taken", routerPort)
	}
	if err := lis.Close(); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(r.root, "conformance", "bench", "peers", "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require ")); len(words) > 1 && words[0] == "github.com/kserve/kserve" {
			return "KServe router " + words[1], nil
		}
	}
	return "KServe router", nil
}

func (r router) Start(ctx context.Context, j Job) (*Process, error) {
	p, err := run(j, nil, r.binary(), "--graph-json", spec(j))
	if err != nil {
		return nil, err
	}
	p.Address, p.Path = "127.0.0.1:"+routerPort, "/"
	return p.listening(ctx)
}
