// Package catalog holds the Models and InferenceGraphs that the control plane sent, by name, compiled.
//
// A resource is judged alone when it arrives ([Catalog.Apply]): decoded, checked, refused by name or taken. What depends on
// others (a model that a graph names, a cluster that is not there yet) is warming: the last good form goes on serving until
// the new one can, and nothing holds back the next update. Readers take an immutable [Snapshot] by one atomic load; one
// look-up finds a plan, whether there are ten graphs or ten thousand.
//
// Expressions are compiled on first use and kept, bounded, for as long as nothing changes.
package catalog
