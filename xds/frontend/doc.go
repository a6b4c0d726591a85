// Package frontend turns files of objects into servers, models and graphs: each kind of object has a front end of its own
// in a package below, and all lower to the one algebra of graph/ast.
//
// A front end reads everything that its object says. What it does not understand is refused by field, with the place in the
// file, and never ignored; what is good in the same file goes on. The result is [Objects], which xds/source turns into xDS
// resources.
//
// The package imports graph, protocol and xds/api; it opens no file and no socket.
package frontend
