package client

import (
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

func FuzzUpdate(f *testing.F) {
	const typeURL = "type.googleapis.com/example.A"
	body := &anypb.Any{TypeUrl: typeURL, Value: []byte("x")}
	inner, err := anypb.New(&discovery.Resource{Name: "a", Resource: body})
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range []*discovery.DeltaDiscoveryResponse{
		{},
		{TypeUrl: typeURL, Resources: []*discovery.Resource{{Name: "a", Resource: body}, {Name: "a", Resource: body}}, RemovedResources: []string{"b", "b"}},
		{TypeUrl: typeURL, Resources: []*discovery.Resource{{Name: "a", Resource: inner}, {Resource: inner}, {Name: "c"}}},
	} {
		wire, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := new(discovery.DeltaDiscoveryResponse)
		if proto.Unmarshal(wire, r) != nil {
			return
		}
		s := &subscription{typeURL: typeURL, wanted: map[string]uint64{Wildcard: 1}, versions: map[string]string{"a": ""}}
		u, errs := s.updateLocked(r)
		seen := make(map[string]bool)
		for _, name := range u.Removed {
			if seen[name] {
				t.Fatalf("%q is there twice", name)
			}
			seen[name] = true
		}
		for _, res := range u.Resources {
			if res.Name == "" || res.Body == nil || seen[res.Name] || res.Body.GetTypeUrl() != r.GetTypeUrl() {
				t.Fatalf("handed over %v", res)
			}
			seen[res.Name] = true
		}
		for _, e := range errs {
			if e.Code == "" || e.Message == "" {
				t.Fatalf("an error that says nothing: %v", e)
			}
			if e.Name != "" && seen[e.Name] {
				t.Logf("%q is good and bad", e.Name) // one of several wrappings may be bad
			}
		}
		s.accept(u, errs)
	})
}
