package supervisor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyserve"
)

// The placeholders of the two ports that a Report tells. Any other name that ends in _port, such as {metrics_port}, is
// a port of the server's that nobody else asks for.
const (
	HTTPPort = "port"
	GRPCPort = "grpc_port"
)

// Spec is one server. Command and Env may have placeholders: {port}, {grpc_port} and {…_port} become ports, {replica}
// the replica's number from 0. A Spec is a value: the supervisor keeps it, and its owner must not change it any more.
type Spec struct {
	Name     string
	Command  []string          // the first word is looked up in the Python environment first; `python` is its interpreter
	Env      map[string]string // besides the supervisor's own environment
	Dir      string            // where the command runs, and to what relative paths are relative
	Replicas int               // 0 means 1

	Environment  string            // the name of a prepared Python environment, found from Dir upwards
	Requirements []string          // else: what to install into an environment of the server's own
	Function     *pyserve.Function // a Python function instead of a command

	Ports map[string]int // fixed ports by placeholder; those not named are chosen
	Ready Probe
	// Revision changes nothing by itself: a spec that differs in it alone is a changed one, as where a file that the command
	// reads was edited.
	Revision string
	Grace    time.Duration // from SIGTERM to SIGKILL; 0 means 5 s
}

// Probe says when a server is ready.
type Probe struct {
	Path    string        // a GET that is to answer 2xx; empty: the port takes a connection
	Timeout time.Duration // a server that is not ready by then is killed and restarted; 0 means 2 minutes
}

const (
	defaultGrace        = 5 * time.Second
	defaultReadyTimeout = 2 * time.Minute
)

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

func (s *Spec) replicas() int { return max(s.Replicas, 1) }

func (s *Spec) grace() time.Duration {
	if s.Grace == 0 {
		return defaultGrace
	}
	return s.Grace
}

func (s *Spec) readyTimeout() time.Duration {
	if s.Ready.Timeout == 0 {
		return defaultReadyTimeout
	}
	return s.Ready.Timeout
}

// Check finds what no attempt could make right; Start and Update refuse a spec with an error of its kind.
func (s *Spec) Check() error {
	switch {
	case s.Name == "":
		return fmt.Errorf("start server: it has no name")
	case s.Function == nil && len(s.Command) == 0:
		return fmt.Errorf("start server %s: it has neither a command nor a Python function", s.Name)
	case s.Function != nil && len(s.Command) > 0:
		return fmt.Errorf("start server %s: it has both a command and a Python function; state one", s.Name)
	case s.replicas() > 1 && len(s.Ports) > 0:
		return fmt.Errorf("start server %s: %d replicas cannot share a fixed port; leave the port out to have one chosen for each", s.Name, s.replicas())
	}
	for name := range s.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("start server %s: environment variable %q: a name is not empty and has no =", s.Name, name)
		}
	}
	if s.Function != nil {
		return nil
	}
	names := portNames(s.Ports, s.Command, s.variables())
	if !slices.Contains(names, HTTPPort) && !slices.Contains(names, GRPCPort) {
		return fmt.Errorf("start server %s: its command and env name no {port}, so nobody knows where it listens; write {port} where the server takes its port", s.Name)
	}
	return nil
}

// variables is Env as processes have it, in order.
func (s *Spec) variables() []string {
	var list []string
	for name, value := range s.Env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// portNames lists the ports that a server has, in order: the fixed ones and those that its command or its variables name.
func portNames(fixed map[string]int, command, variables []string) []string {
	var names []string
	for name := range fixed {
		names = append(names, name)
	}
	for _, text := range slices.Concat(command, variables) {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			// Other braces, as JSON has them, are left as they are.
			if name := m[1]; name == HTTPPort || strings.HasSuffix(name, "_port") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// expand fills in the placeholders of text.
func expand(text string, ports map[string]int, replica int) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := m[1 : len(m)-1]
		if name == "replica" {
			return strconv.Itoa(replica)
		}
		if port, ok := ports[name]; ok {
			return strconv.Itoa(port)
		}
		return m
	})
}

func expandAll(texts []string, ports map[string]int, replica int) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = expand(text, ports, replica)
	}
	return out
}
