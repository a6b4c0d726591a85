package server_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

// drawEndpoints draws some of a few endpoints.
func drawEndpoints(t *rapid.T) map[string]proto.Message {
	all := make(map[string]proto.Message)
	for name, port := range rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.Uint32Range(1, 3)).Draw(t, "endpoints") {
		all[name] = assignment(name, port)
	}
	return all
}

// TestNodesAlwaysEndWithWhatWasSet drives a control plane with random changes, restarts and subscriptions, and compares
// what one node that asked for all, and one that asked for some, have with what was set.
func TestNodesAlwaysEndWithWhatWasSet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, addr := startServer(t, "")
		all, some := startNode(t, addr, "edge", nil), startNode(t, addr, "edge", nil)
		defer all.Close()
		defer some.Close()
		wanted := map[string]bool{"a": true}
		all.Subscribe(server.EndpointType, client.Wildcard)
		some.Subscribe(server.EndpointType, "a")
		want := make(map[string]proto.Message)
		agree := func(n *node, wanted func(string) bool) bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			held := n.held[server.EndpointType]
			count := 0
			for name, msg := range want {
				if !wanted(name) {
					continue
				}
				count++
				wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
				if err != nil || !bytes.Equal(wire, held[name].Body.GetValue()) {
					return false
				}
			}
			for name := range held {
				if want[name] == nil && wanted(name) {
					return false
				}
			}
			return true
		}
		steps := rapid.IntRange(1, 8).Draw(r, "steps")
		for range steps {
			switch rapid.IntRange(0, 4).Draw(r, "step") {
			case 0, 1:
				want = drawEndpoints(r)
				set(t, s, "edge", server.State{server.EndpointType: want})
			case 2:
				name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(r, "name")
				patch := map[string]proto.Message{name: nil}
				delete(want, name)
				if port := rapid.Uint32Range(0, 3).Draw(r, "port"); port > 0 {
					want[name] = assignment(name, port)
					patch[name] = want[name]
				}
				if _, err := s.Patch("edge", server.Patch{server.EndpointType: patch}); err != nil {
					t.Fatal(err)
				}
			case 3:
				name := rapid.SampledFrom([]string{"b", "c"}).Draw(r, "name")
				if wanted[name] {
					some.Unsubscribe(server.EndpointType, name)
				} else {
					some.Subscribe(server.EndpointType, name)
				}
				wanted[name] = !wanted[name]
			case 4:
				s.Stop()
				s = server.New()
				set(t, s, "edge", server.State{server.EndpointType: want})
				serve(t, s, addr)
			}
			if rapid.Bool().Draw(r, "wait") {
				await(t, s, "edge")
			}
		}
		until(t, "both nodes have what was set", func() bool {
			return agree(all, func(string) bool { return true }) && agree(some, func(name string) bool { return wanted[name] })
		})
		s.Stop()
	})
}
