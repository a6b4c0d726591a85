package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/millrace/millrace/proxy/stream"
)

// Reason says why there is no response of a server.
type Reason uint8

// The reasons, with Envoy's response flag for each.
const (
	NoCluster      Reason = iota + 1 // NC: no cluster of that name
	NoHealthyHost                    // UH: the cluster has no endpoint to send to
	ConnectFailed                    // UF: no connection could be made; no server saw anything
	ConnectTimeout                   // UF: as before, by time
	Overflow                         // UO: a limit of circuit_breakers is reached
	Reset                            // UC: the connection ended before the response was complete
	RemoteReset                      // UR: the server reset the stream
	Timeout                          // UT: the deadline passed
	PerTryTimeout                    // UT: the retry policy's per_try_timeout passed
	Canceled                         // DC: whoever asked does not want the answer any more
	BadResponse                      // UPE: the server broke HTTP
	TooLarge                         // the response exceeds its limit or the process's budget
)

func (r Reason) String() string { return reasonText[r].text }

// reasonText has, for each reason, Envoy's flag, its response code detail, and words.
var reasonText = [...]struct {
	flag, detail, text string
	status             int
}{
	NoCluster:      {"NC", "cluster_not_found", "no such cluster", 503},
	NoHealthyHost:  {"UH", "no_healthy_upstream", "no healthy upstream", 503},
	ConnectFailed:  {"UF", "upstream_reset_before_response_started{remote_connection_failure}", "connect", 503},
	ConnectTimeout: {"UF", "upstream_reset_before_response_started{connection_timeout}", "connect timed out", 503},
	Overflow:       {"UO", "upstream_reset_before_response_started{overflow}", "a limit of its circuit_breakers is reached", 503},
	Reset:          {"UC", "upstream_reset_before_response_started{connection_termination}", "the connection ended before the response", 503},
	RemoteReset:    {"UR", "upstream_reset_before_response_started{remote_reset}", "the server reset the stream", 503},
	Timeout:        {"UT", "response_timeout", "no response in time", 504},
	PerTryTimeout:  {"UT", "upstream_per_try_timeout", "no response within per_try_timeout", 504},
	Canceled:       {"DC", "downstream_remote_disconnect", "canceled", 499},
	BadResponse:    {"UPE", "upstream_reset_before_response_started{protocol_error}", "malformed response", 502},
	TooLarge:       {"", "response_payload_too_large", "response too large", 502},
}

// Error is a failed attempt to get a response from a cluster.
type Error struct {
	Reason  Reason
	Cluster string
	Host    string // address of the last endpoint that was tried; empty where none was
	Tries   int    // requests sent or connections tried
	Limited bool   // URX: a retry was wanted and its limit was reached
	Cause   error  // may be nil
}

func (e *Error) Error() string {
	s := "cluster " + e.Cluster
	if e.Host != "" {
		s += " endpoint " + e.Host
	}
	s += ": " + reasonText[e.Reason].text
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	if e.Tries > 1 {
		s += fmt.Sprintf(" (after %d tries)", e.Tries)
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Flags returns Envoy's response flags, as "UF" or "UC,URX"; empty where there is none.
func (e *Error) Flags() string {
	f := reasonText[e.Reason].flag
	if e.Limited {
		return strings.TrimPrefix(f+",URX", ",")
	}
	return f
}

// Detail returns Envoy's response code detail.
func (e *Error) Detail() string { return reasonText[e.Reason].detail }

// Status returns the HTTP status that Envoy answers with.
func (e *Error) Status() int { return reasonText[e.Reason].status }

// Executed tells whether a server may have acted on the request.
func (e *Error) Executed() bool {
	switch e.Reason {
	case NoCluster, NoHealthyHost, ConnectFailed, ConnectTimeout, Overflow:
		return false
	}
	return true
}

// classify maps an error of an exchange to a reason.
func classify(err error) Reason {
	var perr *stream.ProtocolError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.As(err, &perr):
		return BadResponse
	}
	return Reset
}

// isReset tells whether err says that the connection or stream ended, with nothing said about why.
func isReset(err error) bool {
	return errors.Is(err, stream.ErrReset) || errors.Is(err, stream.ErrClosed) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.ErrClosedPipe)
}
