package contender

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// Duty is what a contender is to do.
type Duty int

const (
	PassHTTP Duty = iota // forward HTTP/1.1
	PassGRPC             // forward HTTP/2 without TLS
	OneNode              // one model of Open Inference, by its name
	Chain                // KServe's Sequence of four steps, each on the reply of the one before
	FanOut               // KServe's Ensemble of four steps
	Convert              // Open Inference as JSON to a model that speaks gRPC
)

// Upstream is the addresses, host:port, of the servers behind.
type Upstream struct{ HTTP, GRPC, Model string }

// Job is what to start.
type Job struct {
	Duty     Duty
	Upstream Upstream
	Dir      string // an empty folder for its files, absolute
}

// Contender is one of those that are compared. Its methods may be called by several goroutines.
type Contender interface {
	// Name is its column's title.
	Name() string
	// Version is what runs. An error says why it cannot run here.
	Version(ctx context.Context) (string, error)
	// Does tells whether it has the duty at all.
	Does(d Duty) bool
	// Start starts it, and returns once it accepts connections.
	Start(ctx context.Context, j Job) (*Process, error)
}

// All are the contenders, Millrace first. Root is the checkout.
func All(root string) []Contender {
	return []Contender{
		millrace{root}, envoy{root}, nginx{}, haproxy{}, self{"ReverseProxy", roleReverseProxy}, self{"TCP relay", roleRelay}, router{root},
	}
}

// threads is how many cores each may use.
var threads = runtime.NumCPU()

// freePort is a port of the loopback interface that nobody listens on. Somebody may take it before it is used; then the start
// fails and says so.
func freePort() (int, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := lis.Addr().(*net.TCPAddr).Port
	return port, lis.Close()
}

// place writes a file of the job and returns its path.
func (j Job) place(name, text string) (string, error) {
	path := filepath.Join(j.Dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

func passes(d Duty) bool { return d == PassHTTP || d == PassGRPC }
