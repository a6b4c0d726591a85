// Package store keeps the objects of a set of files: the last good one of each, whatever is wrong with what was saved last.
//
// [Store.Load] takes whole files, reads those that changed, checks objects against each other (references, names, every graph
// by the plan compiler) and returns a [Snapshot]: an immutable value with the objects that serve, all that is wrong with its
// place, and what changed in words.
//
// The package imports xds/frontend, xds/source/binding and graph/plan.
package store
