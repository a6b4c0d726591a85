package server

import (
	"slices"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/millrace/millrace/xds/status"
)

// Type URLs of Millrace's own resources.
const (
	ModelType = "type.googleapis.com/millrace.graph.v1.Model"
	GraphType = "type.googleapis.com/millrace.graph.v1.InferenceGraph"
)

// Type URLs of Envoy's resources that are served in order with ours.
const (
	ClusterType  = resource.ClusterType
	EndpointType = resource.EndpointType
	ListenerType = resource.ListenerType
	RouteType    = resource.RouteType
)

// ResourceError is what a node said of one resource.
type ResourceError = status.ResourceError

// servingOrder is the order in which additions are sent: what is named before what names it. Removals go the other way.
var servingOrder = []string{ClusterType, EndpointType, ModelType, GraphType, ListenerType, RouteType}

// namedOnly are types of which an empty request never means all, as it does for listeners and clusters by an old habit.
var namedOnly = []string{
	EndpointType, RouteType, ModelType, GraphType,
	resource.SecretType, resource.ExtensionConfigType, resource.RuntimeType, resource.ScopedRouteType, resource.VirtualHostType,
}

// rank is the place of a type in the serving order. Types that are not in it come after those that are.
func rank(typeURL string) int {
	if i := slices.Index(servingOrder, typeURL); i >= 0 {
		return i
	}
	return len(servingOrder)
}

// compareTypes orders types for sending.
func compareTypes(a, b string) int {
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
