package server

import (
	"fmt"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"
)

func TestGroupThatANodeMadeUpIsForgottenWithTheNode(t *testing.T) {
	s := New()
	defer s.Stop()
	if _, err := s.Set("real", nil); err != nil {
		t.Fatal(err)
	}
	var peers []*peer
	for i := range 10 {
		p := &peer{server: s}
		p.request(&core.Node{Id: "n", Cluster: fmt.Sprint("made-up-", i/2)}, ClusterType, "", nil)
		peers = append(peers, p)
	}
	if len(s.groups) != 6 || len(s.Status()) != 10 {
		t.Errorf("%d groups, %d nodes", len(s.groups), len(s.Status()))
	}
	for _, p := range peers {
		p.closed()
	}
	if len(s.groups) != 1 || len(s.users) != 0 {
		t.Errorf("%d groups and %d users are left", len(s.groups), len(s.users))
	}
}

func TestNumberOfTypesThatCanBeAskedForIsBounded(t *testing.T) {
	s := New()
	defer s.Stop()
	p := &peer{server: s}
	p.request(&core.Node{Id: "n"}, "", "", nil)
	defer p.closed()
	out := make(chan cache.DeltaResponse, 2*maxTypes)
	var err error
	for i := 0; i <= maxTypes && err == nil; i++ {
		req := &discovery.DeltaDiscoveryRequest{TypeUrl: fmt.Sprint("type.googleapis.com/t", i)}
		_, err = p.CreateDeltaWatch(req, stream.NewDeltaSubscription([]string{"*"}, nil, nil, true), out)
	}
	if err == nil {
		t.Error("no bound")
	}
}

func TestSetNeverWaitsForAStreamThatDoesNotRead(t *testing.T) {
	s := New()
	defer s.Stop()
	p := &peer{server: s}
	p.request(&core.Node{Id: "n"}, "", "", nil)
	defer p.closed()
	out := make(chan cache.DeltaResponse, 1) // less than the types that will answer
	var cancels []func()
	for _, typeURL := range []string{ClusterType, EndpointType, RouteType} {
		cancel, err := p.CreateDeltaWatch(&discovery.DeltaDiscoveryRequest{TypeUrl: typeURL}, stream.NewDeltaSubscription([]string{"*"}, nil, nil, true), out)
		if err != nil {
			t.Fatal(err)
		}
		cancels = append(cancels, cancel)
	}
	// What found no room goes out with the next look.
	for range 3 {
		<-out
		p.group.mu.Lock()
		p.forwardLocked()
		p.group.mu.Unlock()
	}
	for _, cancel := range cancels {
		cancel()
	}
	close(out) // as the library does; nothing may be sent any more
	p.group.mu.Lock()
	p.forwardLocked()
	p.group.mu.Unlock()
}
