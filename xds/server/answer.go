package server

import (
	"slices"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// deltaAnswer is a response of a cache under the group's version, with its resources in order.
type deltaAnswer struct {
	cache.DeltaResponse
	version string
}

// GetDeltaDiscoveryResponse returns the message to send, which belongs to this answer alone.
func (a *deltaAnswer) GetDeltaDiscoveryResponse() (*discovery.DeltaDiscoveryResponse, error) {
	r, err := a.DeltaResponse.GetDeltaDiscoveryResponse()
	if err != nil {
		return nil, err
	}
	r.SystemVersionInfo = a.version
	slices.SortFunc(r.Resources, func(a, b *discovery.Resource) int { return strings.Compare(a.GetName(), b.GetName()) })
	slices.Sort(r.RemovedResources)
	return r, nil
}

// GetResponseVersion returns the group's version.
func (a *deltaAnswer) GetResponseVersion() string { return a.version }

// sotwAnswer is the same for the state of the world.
type sotwAnswer struct {
	cache.Response
	version string
	feed    *feed
	sorted  bool
}

// GetDiscoveryResponse returns the message to send, which belongs to this answer alone. It is called by the stream's
// goroutine, just before the message is sent.
func (a *sotwAnswer) GetDiscoveryResponse() (*discovery.DiscoveryResponse, error) {
	r, err := a.Response.GetDiscoveryResponse()
	if err != nil {
		return nil, err
	}
	r.VersionInfo = a.version
	raw, ok := a.Response.(interface {
		GetRawResources() []types.ResourceWithTTL
	})
	if !ok || a.sorted {
		return r, nil
	}
	// The resources on the wire have no names. Those of the cache, which are in the same order, have.
	names := cache.GetResourceNames(raw.GetRawResources())
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(names[i], names[j]) })
	resources := make([]*anypb.Any, len(order))
	a.feed.sending = make([]string, len(order))
	for i, from := range order {
		resources[i], a.feed.sending[i] = r.Resources[from], names[from]
	}
	r.Resources, a.sorted = resources, true
	return r, nil
}

// GetResponseVersion returns the group's version.
func (a *sotwAnswer) GetResponseVersion() string { return a.version }
