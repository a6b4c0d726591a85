package server

import (
	"maps"

	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
)

// askedSubscription is a subscription to names that must be answered for, whether or not the client has them.
type askedSubscription struct {
	cache.Subscription
	returned map[string]string
}

// ReturnedResources are the versions that the client knows, "" for those that it asked for.
func (s *askedSubscription) ReturnedResources() map[string]string { return s.returned }

// asked makes the cache answer for each name that a request subscribes to: with the resource, even if it was sent
// before, or with its removal if there is none (incremental xDS, "how the client specifies what resources to return").
// The library answers only for what it has and has not sent. Names whose versions a reconnecting client gives are
// compared by version, as always.
func asked(req *cache.DeltaRequest, sub cache.Subscription) cache.Subscription {
	var returned map[string]string
	for _, name := range req.GetResourceNamesSubscribe() {
		if _, ok := req.GetInitialResourceVersions()[name]; ok || name == "*" {
			continue
		}
		if returned == nil {
			if returned = maps.Clone(sub.ReturnedResources()); returned == nil {
				returned = make(map[string]string)
			}
		}
		returned[name] = ""
	}
	if returned == nil {
		return sub
	}
	return &askedSubscription{Subscription: sub, returned: returned}
}

// parkedSubscription is the subscription of a client that refused the last response. Once armed, it knows nothing of
// what was in that response, so that the next change of any of it brings all of it again: a client may have refused
// the good ones along with the bad.
type parkedSubscription struct {
	cache.Subscription
	refused []string
	armed   bool
}

// ReturnedResources are the versions that the client knows.
func (s *parkedSubscription) ReturnedResources() map[string]string {
	returned := s.Subscription.ReturnedResources()
	if !s.armed || len(s.refused) == 0 {
		return returned
	}
	returned = maps.Clone(returned)
	for _, name := range s.refused {
		delete(returned, name)
	}
	return returned
}

// withVersion is a request as if it came from a client that accepted version last. A NACK is made to wait for the next
// change by giving the version that was sent: a client that never accepted any gives none, which the cache takes for a
// client that has nothing, and would send it what it has just refused, at once and again and again.
func withVersion(req *cache.Request, version string) *cache.Request {
	return &cache.Request{
		VersionInfo:   version,
		Node:          req.GetNode(),
		ResourceNames: req.GetResourceNames(),
		TypeUrl:       req.GetTypeUrl(),
		ResponseNonce: req.GetResponseNonce(),
		ErrorDetail:   req.GetErrorDetail(),
	}
}
