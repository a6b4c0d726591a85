package client

import (
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/xds/status"
)

// Wildcard is the name that subscribes to all resources of a type.
const Wildcard = "*"

// ResourceError says what is wrong with one resource of an update. Its name is the resource's, its code stable.
type ResourceError = status.ResourceError

// Resource is one resource as it arrived. It is not decoded: the handler does that, once.
type Resource struct {
	Name string
	// Version is the control plane's version of this resource alone.
	Version string
	// Body holds the message; its type URL is that of the update. It belongs to the handler from now on.
	Body *anypb.Any
}

// Update is one response of the control plane for one type.
type Update struct {
	TypeURL string
	// Version is system_version_info: of the response as a whole, for people only.
	Version string
	// Resources are new or changed, in the order of the response, each name once.
	Resources []Resource
	// Removed are the names that were deleted, or that were asked for and do not exist.
	Removed []string
	// Failed are resources that the control plane could not give (resource_errors), with the gRPC code as their code. What
	// is held of them stays good.
	Failed []ResourceError
}

// empty says that the update changes nothing.
func (u *Update) empty() bool { return len(u.Resources)+len(u.Removed)+len(u.Failed) == 0 }

// Handler takes what the control plane says.
type Handler interface {
	// Apply judges each resource of u by itself, takes those that are good, keeps the last good one of those that are
	// not, and returns one error for each of the latter. It is called by the client's own goroutine, one update at a
	// time, in the order in which the control plane sent them, and must return without waiting for other resources:
	// the answer to the control plane waits for it. It may call Subscribe and Unsubscribe, and must not call Close.
	//
	// The first response of a type is handed over even if it is empty: it says that there is nothing of the type yet.
	Apply(u Update) []ResourceError
}

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(Update) []ResourceError

// Apply calls f.
func (f HandlerFunc) Apply(u Update) []ResourceError { return f(u) }
