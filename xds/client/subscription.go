package client

import (
	"maps"
	"slices"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// subscription is the client's state of one type.
type subscription struct {
	// Read-only after construction.
	typeURL string

	// Guarded by Client.mu.
	//
	// wanted maps each subscribed name to a number that grows with each new subscription, so that a name that was
	// given up and asked for again between two requests is seen to be new.
	wanted map[string]uint64
	// changed says that wanted may differ from what the stream was told.
	changed bool
	status  TypeStatus

	// Owned by the client's goroutine.
	//
	// sent is what this stream was told, by the same numbers; nil before the first request of the type.
	sent map[string]uint64
	// versions are those of the resources that were accepted and are still wanted; they outlive a stream.
	versions map[string]string
	// known says that a response was handed over, on this stream or an earlier one.
	known bool
	nack  nackPace
}

// nackPace is the state of the back-off between refusals of one type.
type nackPace struct {
	// held is a NACK that waits until due; nil if none does.
	held *discovery.DeltaDiscoveryRequest
	due  time.Time
	// flooded says that the server sent more of the type while a NACK was held.
	flooded bool
	// last is when a NACK was last sent; count is how many in a row had to be held.
	last  time.Time
	count int
}

// requestsLocked returns what the stream has still to be told of the type, none, one or two requests, and notes it as told.
// Names whose numbers differ are given up and asked for again, in two requests, as a server may otherwise consider that
// the client still has them. The caller holds Client.mu.
func (t *subscription) requestsLocked() []*discovery.DeltaDiscoveryRequest {
	first := t.sent == nil
	if !t.changed && !first || first && len(t.wanted) == 0 {
		return nil
	}
	t.changed = false
	var subscribe, unsubscribe []string
	again := false
	for name, n := range t.wanted {
		if told, ok := t.sent[name]; ok && told == n {
			continue
		} else if ok {
			again = true
			unsubscribe = append(unsubscribe, name)
		}
		subscribe = append(subscribe, name)
	}
	for name := range t.sent {
		if _, ok := t.wanted[name]; !ok {
			unsubscribe = append(unsubscribe, name)
		}
	}
	if len(subscribe)+len(unsubscribe) == 0 {
		return nil
	}
	slices.Sort(subscribe)
	slices.Sort(unsubscribe)
	t.sent = maps.Clone(t.wanted)
	t.forgetLocked(unsubscribe)

	req := &discovery.DeltaDiscoveryRequest{TypeUrl: t.typeURL}
	reqs := []*discovery.DeltaDiscoveryRequest{req}
	req.ResourceNamesUnsubscribe = unsubscribe
	if again {
		req = &discovery.DeltaDiscoveryRequest{TypeUrl: t.typeURL}
		reqs = append(reqs, req)
	}
	req.ResourceNamesSubscribe = subscribe
	if first {
		req.InitialResourceVersions = maps.Clone(t.versions)
	}
	return reqs
}

// forgetLocked drops the versions of the names that were given up: a later subscription must bring them again.
func (t *subscription) forgetLocked(names []string) {
	_, all := t.wanted[Wildcard]
	for _, name := range names {
		switch {
		case name == Wildcard:
			maps.DeleteFunc(t.versions, func(held, _ string) bool {
				_, ok := t.wanted[held]
				return !ok
			})
		case !all:
			delete(t.versions, name)
		}
	}
	t.status.Resources = len(t.versions)
}

// wantsLocked says whether the client asked for name. The caller holds Client.mu.
func (t *subscription) wantsLocked(name string) bool {
	if _, ok := t.wanted[name]; ok {
		return true
	}
	_, ok := t.wanted[Wildcard]
	return ok
}
