package message

import (
	"fmt"
	"strings"
)

// Kind is the class of a failure, which decides the status in each protocol.
type Kind uint8

// The kinds, with the gRPC code and the HTTP status that they become.
const (
	Internal          Kind = iota // INTERNAL, 500
	InvalidArgument               // INVALID_ARGUMENT, 400
	NotFound                      // NOT_FOUND, 404
	PermissionDenied              // PERMISSION_DENIED, 403
	Unimplemented                 // UNIMPLEMENTED, 501
	Unavailable                   // UNAVAILABLE, 503
	DeadlineExceeded              // DEADLINE_EXCEEDED, 504
	ResourceExhausted             // RESOURCE_EXHAUSTED, 429
	TooLarge                      // RESOURCE_EXHAUSTED, 413
	Canceled                      // CANCELLED, 499
	BadReply                      // INTERNAL, 502: a server's reply could not be read
	FailedUpstream                // a server answered with an error of its own: its status
)

var kinds = [...]struct {
	http int
	grpc int
}{{500, 13}, {400, 3}, {404, 5}, {403, 7}, {501, 12}, {503, 14}, {504, 4}, {429, 8}, {413, 8}, {499, 1}, {502, 13}, {502, 13}}

// HTTP returns the HTTP status of the kind.
func (k Kind) HTTP() int { return kinds[k].http }

// GRPC returns the gRPC code of the kind.
func (k Kind) GRPC() int { return kinds[k].grpc }

// Code is a stable error code, as MR203; `millrace help MR203` explains it.
type Code string

// Codes of messages that cannot be read or written, whatever the dialect.
const (
	// CodeNotDecodable: a part needs tensors of a message that cannot be read as such.
	CodeNotDecodable Code = "MR401"
	// CodeMalformed: a message is not what its protocol says.
	CodeMalformed Code = "MR402"
	// CodeNoForm: content has no exact form in the dialect of its receiver.
	CodeNoForm Code = "MR403"
)

// Failure is an error on the way through a graph: which part failed, how, and why.
type Failure struct {
	Code   Code
	Kind   Kind
	Graph  string // empty for a plain model
	Part   string // the part's label or path in the graph; empty where the request itself is at fault
	Detail string // what was expected and what was found, for the caller; no addresses of the inside
	Remedy string // what to do, may be empty
	// Reply is the server's own answer where it answered with an error; it passes unchanged where dialects agree. The
	// failure holds a reference of the run's.
	Reply *Message
	// Cause is for the log only: it may name addresses.
	Cause error
	// Flag is Envoy's response flag, as UF, UT, UO, NC, NR, DC; empty where none fits.
	Flag string
}

// Error renders the failure for people: code, place, detail and remedy.
func (f *Failure) Error() string {
	var b strings.Builder
	if f.Code != "" {
		b.WriteString(string(f.Code) + " ")
	}
	if f.Graph != "" {
		b.WriteString("graph " + f.Graph + ": ")
	}
	if f.Part != "" {
		b.WriteString("part " + f.Part + ": ")
	}
	b.WriteString(f.Detail)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	return b.String()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Invalid returns a failure that blames the request.
func Invalid(code Code, format string, args ...any) *Failure {
	return &Failure{Code: code, Kind: InvalidArgument, Detail: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind that an HTTP status stands for.
func KindOf(status int) Kind {
	for _, k := range [...]Kind{InvalidArgument, NotFound, PermissionDenied, Unimplemented, Unavailable, DeadlineExceeded, ResourceExhausted, TooLarge, Canceled} {
		if k.HTTP() == status {
			return k
		}
	}
	if status >= 400 && status < 500 {
		return InvalidArgument
	}
	return Internal
}
