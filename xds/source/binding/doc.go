// Package binding reads binding files: what ties objects to one place (urls, local commands, paths, replicas) by object
// name, apart from the objects themselves. `DEPLOYMENT/CONTAINER` is a SeldonDeployment's container.
//
//	mls:
//	  command: [mlserver, start, models]
//	  env: {MLSERVER_HTTP_PORT: "{port}"}
//	urgency-desk/normaliser: {server: normaliser}
//
// The package imports xds/frontend and its document package. Its main type is [Binding].
package binding
