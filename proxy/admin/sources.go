package admin

import (
	"log/slog"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/proxy/cluster"
)

// State is the server's state; its numbers are Envoy's.
type State = adminv3.ServerInfo_State

// The states.
const (
	Live            = adminv3.ServerInfo_LIVE
	Draining        = adminv3.ServerInfo_DRAINING
	PreInitializing = adminv3.ServerInfo_PRE_INITIALIZING
	Initializing    = adminv3.ServerInfo_INITIALIZING
)

// Sources is what the server shows and does. Functions are called by any goroutine, many at once; where one is nil, its
// part is left out, or its path answers 501. Messages that are handed out are not changed.
type Sources struct {
	Version string
	Started time.Time
	// State is the process's own; nil is Live. Failing the health check makes it Draining.
	State     func() State
	Node      *corev3.Node
	Options   *adminv3.CommandLineOptions
	Bootstrap *bootstrapv3.Bootstrap

	// ConfigDump returns Envoy's dumps of clusters, endpoints, listeners and routes.
	ConfigDump func() (*adminv3.ConfigDump, error)
	// Objects returns the models and graphs, in the order in which they are shown.
	Objects   func() []Object
	Clusters  func() []*cluster.Cluster
	Listeners func() []Listener
	Metrics   prometheus.Gatherer

	// Plans returns the names of the plans that serve; Explain shows one ("text", "json", "dot", "mermaid"; "" is text), and
	// ok is false where there is none of that name.
	Plans   func() []string
	Explain func(name, format string) (text string, ok bool, err error)

	// Drain begins to drain all listeners, gracefully or at once. Quit begins to stop the process. Both must return without
	// waiting for that.
	Drain func(graceful bool)
	Quit  func()
	// HealthCheck is told when an operator fails the health check or takes that back.
	HealthCheck func(failed bool)
	// Level is the log's level.
	Level *slog.LevelVar
	// Profile serves /debug/pprof.
	Profile bool
}

// Listener is one listener.
type Listener struct {
	Name    string
	Address string // host:port; "" where it does not listen
}

// Kind is what an Object is.
type Kind uint8

// The kinds.
const (
	Model Kind = iota + 1
	InferenceGraph
)

// Object is a Model or an InferenceGraph of the control plane.
type Object struct {
	Kind    Kind
	Message proto.Message // the last good one; nil where none was
	Name    string
	Version string
	Updated time.Time
	Waiting string // what it waits for; "" while it serves
	// What was refused last; "" where the last one was taken.
	Error, ErrorVersion string
	ErrorTime           time.Time
}
