package server_test

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

func TestRestartedControlPlaneSendsOnlyWhatChanged(t *testing.T) {
	first, addr := startServer(t, "", server.WithInstance("1-"))
	set(t, first, "edge", server.State{
		server.ClusterType:  clusters(map[string]int{"a": 1, "b": 1, "c": 1}),
		server.EndpointType: endpoints("a", "b"),
	})
	n := startNode(t, addr, "edge", nil)
	n.Subscribe(server.ClusterType, client.Wildcard)
	n.Subscribe(server.EndpointType, "a", "b")
	await(t, first, "edge")
	until(t, "all of it", func() bool { return len(n.names(server.ClusterType))+len(n.names(server.EndpointType)) == 5 })
	n.forget()

	first.Stop()
	until(t, "the loss is noticed", func() bool { return !n.Status().Connected })
	if st := n.Status(); st.LastError == nil || st.LastResponse.IsZero() || st.Age(time.Now()) <= 0 {
		t.Errorf("status %+v, want a reason and an age", st)
	}
	if seen := n.seen(); len(seen) != 0 {
		t.Errorf("the handler was called for the loss: %v", seen)
	}
	n.Subscribe(server.EndpointType, "late")

	second := server.New(server.WithInstance("2-"))
	set(t, second, "edge", server.State{
		server.ClusterType:  clusters(map[string]int{"a": 1, "b": 2}),
		server.EndpointType: endpoints("a", "b", "late"),
	})
	serve(t, second, addr)
	await(t, second, "edge")
	until(t, "what changed", func() bool { return len(n.names(server.EndpointType)) == 3 })
	var got []string
	for _, u := range n.seen() {
		for _, r := range u.Resources {
			got = append(got, r.Name)
		}
		for _, name := range u.Removed {
			got = append(got, "-"+name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"-c", "b", "late"}) {
		t.Errorf("sent %v, want b and late, and c removed", got)
	}
	if st := n.Status(); !st.Connected || st.Streams < 2 || st.LastError != nil {
		t.Errorf("status %+v", st)
	}
}

func TestResourceThatWasRefusedIsSentAgainByTheNextControlPlane(t *testing.T) {
	state := server.State{server.ClusterType: clusters(map[string]int{"a": 1, "bad": 1})}
	first, addr := startServer(t, "")
	set(t, first, "edge", state)
	n := startNode(t, addr, "edge", map[string]string{"bad": "no"})
	n.Subscribe(server.ClusterType, client.Wildcard)
	await(t, first, "edge")
	first.Stop()

	second := server.New()
	set(t, second, "edge", state)
	serve(t, second, addr)
	nodes := await(t, second, "edge")
	if errs := nodes[0].Types[0].Errors; len(errs) != 1 || errs[0].Name != "bad" {
		t.Errorf("the new control plane knows of %v", errs)
	}
}

func TestClientWaitsForAControlPlaneThatIsNotThereYet(t *testing.T) {
	gone, addr := startServer(t, "")
	gone.Stop()
	n := startNode(t, addr, "edge", nil)
	n.Subscribe(server.ClusterType, client.Wildcard)
	until(t, "a failed attempt", func() bool { return n.Status().LastError != nil })
	s := server.New()
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1})})
	serve(t, s, addr)
	await(t, s, "edge")
	if got := n.names(server.ClusterType); !slices.Equal(got, []string{"a"}) {
		t.Errorf("holds %v", got)
	}
}
