package system

import (
	"fmt"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
)

// Replica is one process of a model server, as it was last ready; its addresses are host:port, empty where it has none.
type Replica struct {
	HTTP string `json:"http,omitempty"`
	GRPC string `json:"grpc,omitempty"`
}

var (
	readyLine = regexp.MustCompile(`^(\S+) \| ready in [\d.]+ s, (.*)$`)
	pidOf     = regexp.MustCompile(`\bpid (\d+)`)
)

// Servers are the replicas of each model server by the server's name, read from the log that a user sees.
func (i *Instance) Servers() (map[string][]Replica, error) {
	log, err := os.ReadFile(i.log())
	if err != nil {
		return nil, fmt.Errorf("read the servers' log: %w", err)
	}
	last := make(map[string]Replica)
	for line := range strings.Lines(string(log)) {
		m := readyLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		var r Replica
		for _, at := range strings.Split(m[2], ", ") {
			switch transport, address, _ := strings.Cut(at, " "); transport {
			case "http":
				r.HTTP = address
			case "grpc":
				r.GRPC = address
			}
		}
		last[m[1]] = r
	}
	servers := make(map[string][]Replica)
	for _, name := range slices.Sorted(maps.Keys(last)) {
		server, number, ok := cutLast(name, "-")
		if _, err := strconv.Atoi(number); !ok || err != nil {
			server = name
		}
		servers[server] = append(servers[server], last[name])
	}
	return servers, nil
}

// Server is the first replica of a server.
func (i *Instance) Server(t *testing.T, name string) Replica {
	t.Helper()
	all, err := i.Servers()
	if err != nil {
		t.Fatal(err)
	}
	if len(all[name]) == 0 {
		t.Fatalf("the log says of no server %s that it is ready", name)
	}
	return all[name][0]
}

// PID is the process that listens on a local host:port.
func PID(address string) (int, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("find the process of %s: %w", address, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0, fmt.Errorf("find the process of %s: %w", address, err)
	}
	found := pidOf.FindStringSubmatch(supervisor.Owner(n))
	if found == nil {
		return 0, fmt.Errorf("find the process of %s: nobody listens there", address)
	}
	return strconv.Atoi(found[1])
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if at := strings.LastIndex(s, sep); at >= 0 {
		return s[:at], s[at+len(sep):], true
	}
	return s, "", false
}
