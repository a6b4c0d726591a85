package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

func TestNodeGetsWhatIsSetAndThenOnlyWhatChanges(t *testing.T) {
	s, addr := startServer(t, "")
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1, "b": 1, "c": 1})})
	n := startNode(t, addr, "edge", nil)
	n.Subscribe(server.ClusterType, client.Wildcard)
	await(t, s, "edge")
	if got := n.names(server.ClusterType); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("holds %v", got)
	}

	n.forget()
	change := set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1, "b": 2})})
	if change.Version != 2 || len(change.Types) != 1 || !slices.Equal(change.Types[0].Updated, []string{"b"}) || !slices.Equal(change.Types[0].Removed, []string{"c"}) {
		t.Errorf("change is %+v", change)
	}
	await(t, s, "edge")
	var changed, removed []string
	for _, u := range n.seen() {
		if !strings.HasSuffix(u.Version, "-2") {
			t.Errorf("version %q, want that of the group, 2", u.Version)
		}
		for _, r := range u.Resources {
			changed = append(changed, r.Name)
		}
		removed = append(removed, u.Removed...)
	}
	if !slices.Equal(changed, []string{"b"}) || !slices.Equal(removed, []string{"c"}) {
		t.Errorf("changed %v, removed %v; want b and c", changed, removed)
	}
}

func TestSettingTheSameAgainChangesNothing(t *testing.T) {
	s, _ := startServer(t, "")
	first := set(t, s, "edge", world("1"))
	again := set(t, s, "edge", world("1"))
	if first.Version != 1 || again.Version != 1 || !again.Empty() {
		t.Errorf("first %+v, again %+v", first, again)
	}
}

func TestBadResourceIsRefusedBeforeAnythingChanges(t *testing.T) {
	s, _ := startServer(t, "")
	set(t, s, "edge", world("1"))
	for name, state := range map[string]server.State{
		"a message of another type":   {server.RouteType: clusters(map[string]int{"a": 1})},
		"a message with another name": {server.ClusterType: {"b": clusters(map[string]int{"a": 1})["a"]}},
		"no message":                  {server.ClusterType: {"a": nil}},
		"the wildcard as a name":      {server.ClusterType: clusters(map[string]int{"*": 1})},
		"text that is not UTF-8":      {server.ClusterType: clusters(map[string]int{"a\xff": 1})},
	} {
		t.Run(name, func(t *testing.T) {
			state[server.EndpointType] = endpoints("new")
			if _, err := s.Set("edge", state); err == nil {
				t.Error("no error")
			}
			if again := set(t, s, "edge", world("1")); !again.Empty() {
				t.Errorf("changed %+v", again)
			}
		})
	}
}

func TestOneBadResourceOfThreeIsRefusedByNameWhileTwoAreUsed(t *testing.T) {
	events := make(chan server.Event, 100)
	s, addr := startServer(t, "", server.WithObserver(func(e server.Event) { events <- e }))
	n := startNode(t, addr, "edge", map[string]string{"b": "the timeout is absurd"})
	n.Subscribe(server.ClusterType, client.Wildcard)
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1, "b": 1, "c": 1})})
	nodes := await(t, s, "edge")

	if got := n.names(server.ClusterType); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("holds %v", got)
	}
	want := server.ResourceError{Name: "b", Code: "MR100", Message: "the timeout is absurd"}
	if got := nodes[0].Types[0].Errors; len(got) != 1 || got[0] != want {
		t.Errorf("status says %v, want %v", got, want)
	}
	refused := server.Event{}
	for refused.Kind != server.Refused {
		refused = <-events
	}
	if len(refused.Errors) != 1 || refused.Errors[0] != want || refused.Node != "proxy-1" || !strings.HasSuffix(refused.Version, "-1") {
		t.Errorf("event %+v", refused)
	}

	// Another resource that is accepted does not wash the first one clean; its own acceptance does.
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 2, "b": 1, "c": 1})})
	if got := await(t, s, "edge")[0].Types[0].Errors; len(got) != 1 {
		t.Errorf("after a change of another: %v", got)
	}
	n.mu.Lock()
	n.refuse = nil
	n.mu.Unlock()
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 2, "b": 2, "c": 1})})
	if got := await(t, s, "edge")[0].Types[0].Errors; len(got) != 0 {
		t.Errorf("after its own change: %v", got)
	}
}

func TestAdditionsComeFromWhatIsNamedToWhatNamesAndRemovalsTheOtherWay(t *testing.T) {
	s, addr := startServer(t, "")
	n := startNode(t, addr, "edge", nil)
	subscribeAll(n)
	await(t, s, "edge")
	until(t, "an empty update of each type", func() bool { return len(n.seen()) == len(inOrder) })

	n.forget()
	set(t, s, "edge", world("1"))
	await(t, s, "edge")
	var order []string
	for _, u := range n.seen() {
		order = append(order, u.TypeURL)
	}
	if !slices.Equal(order, inOrder) {
		t.Errorf("added in the order %v", order)
	}

	n.forget()
	set(t, s, "edge", server.State{})
	await(t, s, "edge")
	order = nil
	for _, u := range n.seen() {
		order = append(order, u.TypeURL)
	}
	slices.Reverse(order)
	if !slices.Equal(order, inOrder) {
		t.Errorf("removed in the opposite of the order %v", order)
	}

	n.forget()
	set(t, s, "edge", world("2"))
	await(t, s, "edge")
	n.forget()
	set(t, s, "edge", world("3"))
	await(t, s, "edge")
	added, gone := map[string]int{}, map[string]int{}
	for i, u := range n.seen() {
		if len(u.Resources) > 0 {
			added[u.TypeURL] = i
		}
		if len(u.Removed) > 0 {
			gone[u.TypeURL] = i
		}
	}
	for _, typeURL := range inOrder {
		if gone[typeURL] < added[server.RouteType] {
			t.Errorf("%s was removed before the routes were changed", typeURL)
		}
	}
}

func TestEachGroupOfNodesGetsItsOwn(t *testing.T) {
	s, addr := startServer(t, "")
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1})})
	edge, inner := startNode(t, addr, "edge", nil), startNode(t, addr, "inner", nil)
	edge.Subscribe(server.ClusterType, client.Wildcard)
	inner.Subscribe(server.ClusterType, client.Wildcard)
	await(t, s, "edge")
	await(t, s, "inner")
	set(t, s, "inner", server.State{server.ClusterType: clusters(map[string]int{"b": 1})})
	await(t, s, "inner")
	if e, i := edge.names(server.ClusterType), inner.names(server.ClusterType); !slices.Equal(e, []string{"a"}) || !slices.Equal(i, []string{"b"}) {
		t.Errorf("edge holds %v, inner %v", e, i)
	}
}

func TestNamesThatDoNotExistAreAnsweredForAndComeWhenTheyDo(t *testing.T) {
	s, addr := startServer(t, "")
	set(t, s, "edge", server.State{server.EndpointType: endpoints("a", "other")})
	n := startNode(t, addr, "edge", nil)
	n.Subscribe(server.EndpointType, "a", "missing")
	await(t, s, "edge")
	seen := n.seen()
	if len(seen) != 1 || !slices.Equal(seen[0].Removed, []string{"missing"}) || !slices.Equal(n.names(server.EndpointType), []string{"a"}) {
		t.Fatalf("got %v", seen)
	}
	set(t, s, "edge", server.State{server.EndpointType: endpoints("a", "other", "missing")})
	await(t, s, "edge")
	if got := n.names(server.EndpointType); !slices.Equal(got, []string{"a", "missing"}) {
		t.Errorf("holds %v", got)
	}
}

func TestNamesCanBeGivenUpAndAskedForAgain(t *testing.T) {
	s, addr := startServer(t, "")
	set(t, s, "edge", server.State{server.EndpointType: endpoints("a", "b")})
	n := startNode(t, addr, "edge", nil)
	n.Subscribe(server.EndpointType, "a")
	await(t, s, "edge")
	n.Subscribe(server.EndpointType, "b")
	until(t, "b", func() bool { return len(n.names(server.EndpointType)) == 2 })

	n.forget()
	n.Unsubscribe(server.EndpointType, "a")
	n.Subscribe(server.EndpointType, "a")
	until(t, "a again", func() bool {
		return slices.ContainsFunc(n.seen(), func(u client.Update) bool {
			return slices.ContainsFunc(u.Resources, func(r client.Resource) bool { return r.Name == "a" })
		})
	})

	n.forget()
	n.Unsubscribe(server.EndpointType, "a")
	n.Subscribe(server.EndpointType, "c")
	until(t, "the answer for c", func() bool { return len(n.seen()) > 0 })
	set(t, s, "edge", server.State{server.EndpointType: map[string]proto.Message{"a": assignment("a", 81), "b": assignment("b", 81)}})
	await(t, s, "edge")
	for _, u := range n.seen() {
		for _, r := range u.Resources {
			if r.Name == "a" {
				t.Error("a was delivered although it was given up")
			}
		}
	}
}

func TestTypeThatNobodyServesIsEmptyAndDoesNotEndTheStream(t *testing.T) {
	s, addr := startServer(t, "")
	n := startNode(t, addr, "edge", nil)
	n.Subscribe("type.googleapis.com/envoy.service.runtime.v3.Runtime", "layer")
	n.Subscribe("type.googleapis.com/example.Unknown", client.Wildcard)
	n.Subscribe(server.ClusterType, client.Wildcard)
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1})})
	await(t, s, "edge")
	if got := n.names(server.ClusterType); !slices.Equal(got, []string{"a"}) {
		t.Errorf("holds %v", got)
	}
	if st := n.Status(); st.Streams != 1 || !st.Connected {
		t.Errorf("status %+v, want one stream that stays", st)
	}
}

func TestAwaitNamesTheNodesThatDidNotAnswer(t *testing.T) {
	s, addr := startServer(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Await(ctx, "edge", 0); err == nil || !strings.Contains(err.Error(), "no node is connected") {
		t.Errorf("got %v", err)
	}
	n := startNode(t, addr, "edge", nil)
	n.Subscribe(server.ClusterType, client.Wildcard)
	await(t, s, "edge")
	if _, err := s.Await(ctx, "edge", 7); err == nil || !strings.Contains(err.Error(), "no answer from proxy-1") {
		t.Errorf("got %v", err)
	}
}
