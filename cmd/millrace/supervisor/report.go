package supervisor

import (
	"fmt"
	"time"
)

// State is where a replica is in its life.
type State int

// The states, in the order in which a replica first meets them.
const (
	Preparing State = iota // its Python environment is being installed
	Starting               // its process runs and is not ready yet
	Ready                  // it takes requests
	Exited                 // its process ended; it is started again after a pause
	Failed                 // it could not be started; it is tried again after a pause
	Stopped                // it was asked to stop, and its process is gone
)

// String is the state's name in the log.
func (s State) String() string {
	switch s {
	case Preparing:
		return "preparing"
	case Starting:
		return "starting"
	case Ready:
		return "ready"
	case Exited:
		return "exited"
	case Failed:
		return "failed"
	case Stopped:
		return "stopped"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Address is where a ready replica listens, on 127.0.0.1. A port that the server does not have is 0.
type Address struct {
	Replica int
	HTTP    int
	GRPC    int
}

// Report tells of one change.
type Report struct {
	Server  string
	Replica int
	State   State
	PID     int           // of the server's own process; 0 where there is none
	HTTP    int           // the port called {port}; 0 where there is none
	GRPC    int           // the port called {grpc_port}; 0 where there is none
	Took    time.Duration // Ready: from the start of the process to readiness; Exited: how long it ran
	Err     error         // Exited, Failed: why

	// Addresses are those of all the server's replicas that are ready after this change: what traffic may go to now.
	// A replica that is about to be stopped on purpose is left out first, and stopped a little later.
	Addresses []Address
}
