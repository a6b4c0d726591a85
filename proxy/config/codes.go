package config

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/status"
)

var _ = diagnostic.Register(
	diagnostic.Entry{Code: status.CodeDuplicate, Title: "a response names a resource more than once",
		Text: "It cannot be told which is meant; the whole name is refused."},
	diagnostic.Entry{Code: status.CodeType, Title: "a resource is of a type that was not asked for",
		Text: "The control plane answered a subscription with resources of another type."},
	diagnostic.Entry{Code: status.CodeEmpty, Title: "a resource has no name or no body",
		Text: "A resource needs both; a removal is told by removed_resources."},
	diagnostic.Entry{Code: CodeUndecodable, Title: "a resource's bytes are not a message of its type",
		Text: "The control plane sent bytes that do not decode as what their type URL says, or a field that this proxy does not know. The last good resource goes on serving."},
	diagnostic.Entry{Code: CodeCluster, Title: "a cluster cannot be used as it is written",
		Text: "A Cluster has a value that cannot be, or something that changes behaviour and that this proxy does not do; the message names the field. The last good cluster goes on serving."},
	diagnostic.Entry{Code: CodeEndpoints, Title: "endpoints cannot be used as they are written",
		Text: "A ClusterLoadAssignment has an address or a weight that cannot be, or something that this proxy does not do; the message names the field."},
	diagnostic.Entry{Code: CodeRoutes, Title: "routes cannot be used as they are written",
		Text: "A RouteConfiguration has a matcher or an action that cannot be, or that this proxy does not do; the message names virtual host, route and field. The last good table goes on serving."},
	diagnostic.Entry{Code: CodeListener, Title: "a listener cannot be used as it is written",
		Text: "A Listener, its connection manager or one of its filters has something that this proxy does not do; the message names the field. Filters are refused unless they are marked is_optional."},
	diagnostic.Entry{Code: CodeUnknownType, Title: "resources of this type are not known here",
		Text: "The control plane sent resources of a type that nothing in this proxy asked for."},
)
