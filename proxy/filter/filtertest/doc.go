// Package filtertest has a client's side of a request in memory, for tests of filters and terminals.
package filtertest
