// Package source is where the control plane gets its objects, and how they become what it serves.
//
// Flow: directory watches files and hands over whole ones; store reads them through the front ends, keeps the last good of
// each object, checks them against each other and gives an immutable Snapshot with everything that is wrong and what
// changed; binding says where objects run in one place; resources turns a snapshot and the addresses of running servers
// into xDS resources, which xds/server serves.
package source
