package cluster

import (
	"sync"
	"sync/atomic"
	"time"
)

// Host is one address of one cluster. All versions of the cluster share it, so what a server has under way and whether it
// is ejected do not depend on configuration. It is safe for concurrent use.
type Host struct {
	Address string

	active atomic.Int64 // requests under way
	failed atomic.Bool  // active health checks say so

	// Ejection by outlier detection.
	consecutive5xx, consecutiveGateway, consecutiveLocal atomic.Uint32
	windowOK, windowAll                                  atomic.Int64 // of the current interval

	mu        sync.Mutex // guards what follows
	ejections int        // how often it was ejected lately; the time out grows with it
	ejected   atomic.Bool
	timer     *time.Timer // ends the ejection

	requests, failures atomic.Uint64
}

// Active returns the requests under way.
func (h *Host) Active() int64 { return h.active.Load() }

// Ejected tells whether outlier detection keeps requests from the host.
func (h *Host) Ejected() bool { return h.ejected.Load() }

// CheckFailed tells whether the active health checks fail, or have not passed yet.
func (h *Host) CheckFailed() bool { return h.failed.Load() }

// Requests returns how many requests were sent and how many of them failed.
func (h *Host) Requests() (sent, failed uint64) { return h.requests.Load(), h.failures.Load() }

// Outcome is what became of one request: an HTTP status, or one of the constants.
type Outcome int

// Outcomes without a status.
const (
	OutcomeUnknown Outcome = 0  // given up by us; nothing is learned
	OutcomeReset   Outcome = -1 // the connection failed or ended, or the server broke HTTP
	OutcomeTimeout Outcome = -2
)

func (o Outcome) failed() bool { return o < 0 || o >= 500 }
