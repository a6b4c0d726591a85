// Package client is Millrace's xDS client: it keeps one incremental ADS stream to a control plane and turns what
// arrives into typed resource changes.
//
// Flow: a control plane → [Client] → [Handler.Apply] of proxy/config. The client knows no router, no cluster and no
// pool: it subscribes to the names that it is told ([Client.Subscribe]), hands over each response as one [Update], and
// answers with an ACK, or with one NACK that names every resource that was refused while the others count as taken.
// An ACK means that each resource is valid by itself. What waits for other resources is the handler's affair and never
// holds back an answer.
//
// When the control plane is gone nothing is called: the handler keeps what it has, and the client comes back with the
// versions that it holds (initial_resource_versions), so that only what changed is sent. [Client.Status] says whether
// it is connected, since when, and how old the last word is.
//
// A resource's time to live is not asked for in the node's features. A heartbeat that is sent anyway (a resource
// without a body, of the version that is held) changes nothing.
//
// The package imports xds/status, grpc and Envoy's API, and nothing else of the project.
package client
