package server_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

const many = 100_000

// manyEndpoints are as many clusters' endpoints, one each: the most that one change can be lost in.
func manyEndpoints() (map[string]proto.Message, []string) {
	all, names := make(map[string]proto.Message, many), make([]string, many)
	for i := range names {
		names[i] = fmt.Sprintf("outbound|80||service-%d.default.svc.cluster.local", i)
		all[names[i]] = assignment(names[i], 80)
	}
	return all, names
}

// BenchmarkOneOfManyEndpointsChanges is a Set of 100,000 endpoints of which one changed, and nobody listens.
func BenchmarkOneOfManyEndpointsChanges(b *testing.B) {
	s := server.New()
	defer s.Stop()
	all, names := manyEndpoints()
	set(b, s, "edge", server.State{server.EndpointType: all})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		all[names[i%many]] = assignment(names[i%many], uint32(1000+i%50_000))
		if change := set(b, s, "edge", server.State{server.EndpointType: all}); len(change.Types) != 1 {
			b.Fatal(change)
		}
	}
}

// BenchmarkOneOfManyEndpointsIsPatched is the same change given by itself.
func BenchmarkOneOfManyEndpointsIsPatched(b *testing.B) {
	s := server.New()
	defer s.Stop()
	all, names := manyEndpoints()
	set(b, s, "edge", server.State{server.EndpointType: all})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		name := names[i%many]
		patch := server.Patch{server.EndpointType: {name: assignment(name, uint32(1000+i%50_000))}}
		if _, err := s.Patch("edge", patch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOneOfManyEndpointsChangesInASnapshot is the same with go-control-plane's snapshot cache.
func BenchmarkOneOfManyEndpointsChangesInASnapshot(b *testing.B) {
	c := cache.NewSnapshotCache(true, cache.IDHash{}, nil)
	all, names := manyEndpoints()
	update := func(i int) {
		resources := make([]types.Resource, 0, many)
		for _, msg := range all {
			resources = append(resources, msg)
		}
		snapshot, err := cache.NewSnapshot(fmt.Sprint(i), map[string][]types.Resource{server.EndpointType: resources})
		if err == nil {
			// What the first incremental client makes it do.
			if err = snapshot.ConstructVersionMap(); err == nil {
				err = c.SetSnapshot(context.Background(), "edge", snapshot)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		all[names[i%many]] = assignment(names[i%many], uint32(1000+i%50_000))
		update(i)
	}
}

// BenchmarkChangeReachesANode is from Patch to the node's ACK, with so many endpoints, of which the node has asked for a
// thousand by name, or for all.
func BenchmarkChangeReachesANode(b *testing.B) {
	_, names := manyEndpoints()
	for name, asked := range map[string][]string{"that asked for a thousand": names[:1000], "that asked for all": {client.Wildcard}} {
		b.Run(name, func(b *testing.B) {
			s, addr := startServer(b, "")
			all, _ := manyEndpoints()
			set(b, s, "edge", server.State{server.EndpointType: all})
			n := startNode(b, addr, "edge", nil)
			n.Subscribe(server.EndpointType, asked...)
			await(b, s, "edge")
			until(b, "the endpoints", func() bool { return len(n.names(server.EndpointType)) >= 1000 })
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				patch := server.Patch{server.EndpointType: {names[i%1000]: assignment(names[i%1000], uint32(1000+i%50_000))}}
				if _, err := s.Patch("edge", patch); err != nil {
					b.Fatal(err)
				}
				await(b, s, "edge")
			}
			b.StopTimer()
			n.Close()
		})
	}
}

// BenchmarkOneOfAThousandClustersChanges is a Set of 1,000 clusters, of which one changed.
func BenchmarkOneOfAThousandClustersChanges(b *testing.B) {
	s := server.New()
	defer s.Stop()
	timeouts := make(map[string]int)
	for i := range 1000 {
		timeouts[fmt.Sprint("c", i)] = 1
	}
	all := clusters(timeouts)
	set(b, s, "edge", server.State{server.ClusterType: all})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		maps.Copy(all, clusters(map[string]int{"c7": 2 + i}))
		set(b, s, "edge", server.State{server.ClusterType: all})
	}
}
