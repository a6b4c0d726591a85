package strict

import (
	"errors"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestAFieldThatIsSetAndNotReadIsNamed(t *testing.T) {
	c := &clusterv3.Cluster{Name: "a", ConnectTimeout: durationpb.New(1), WaitForWarmOnInit: nil, ConnectionPoolPerDownstreamConnection: true}
	err := Fields(c, "name", "connect_timeout")
	var u *Unsupported
	if !errors.As(err, &u) || u.Field != "connection_pool_per_downstream_connection" {
		t.Fatalf("got %v", err)
	}
	if got := At("cluster", err).Error(); got != "cluster.connection_pool_per_downstream_connection: not supported; remove the field" {
		t.Errorf("got %q", got)
	}
	if err := Fields(c, "name", "connect_timeout", "connection_pool_per_downstream_connection"); err != nil {
		t.Errorf("all fields are allowed, got %v", err)
	}
	if err := Fields((*clusterv3.Cluster)(nil)); err != nil {
		t.Errorf("a nil message sets nothing, got %v", err)
	}
}

func TestAnAnyOfAnotherTypeIsRefused(t *testing.T) {
	a, err := anypb.New(durationpb.New(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := Any(a, &clusterv3.Cluster{}); err == nil {
		t.Error("a Duration was taken for a Cluster")
	}
	if err := Any(a, &durationpb.Duration{}); err != nil {
		t.Error(err)
	}
}
