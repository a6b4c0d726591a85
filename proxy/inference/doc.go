// Package inference is the HTTP filter that takes a request for a model, a graph or an expression to a plan and its reply
// back to the client, in the client's own protocol.
//
// Flow: proxy/filter hands it an exchange; address tells which protocol and name are meant; catalog finds the plan; the body
// becomes a message that is decoded only if a part needs it; graph/engine runs the plan, with servers as its way to the
// clusters of proxy/cluster; the reply passes as it came where dialects agree, and is encoded otherwise. What is addressed to
// nobody goes on to the route.
//
// The package imports graph, protocol, proxy/cluster, proxy/stream, xds/api and xds/frontend/expression. Its main types are
// [Filter] and catalog.Catalog.
package inference
