// Package bootstrap reads an Envoy v3 bootstrap file, in YAML or JSON: who this proxy is, where its admin listens, its
// static listeners and clusters, and where its control plane is.
//
// Flow: the command reads the file with [Read] and gives the static resources to proxy/config and the source of dynamic
// ones to xds/client, which asks [Bootstrap.Resolve] for the address of a static cluster. A field that is not known is an
// error with its line; one that is known and has no effect here is listed in [Bootstrap.Ignored]. The package imports
// proxy/cluster, proxy/config/strict, xds/client and the protobuf types.
package bootstrap
