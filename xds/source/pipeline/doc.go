// Package pipeline is the control plane's engine: files of objects in, xDS resources out, after every save.
//
// Flow: xds/source/directory tells whole files → store reads and checks them → resources builds what a node group is to
// have → xds/server serves it. The addresses of servers that run here come in from the side, by [Pipeline.SetAddresses],
// and become endpoints. For people there is one [Event] a save: what changed, how long until every proxy had it, or what is
// wrong with caret and remedy and which version goes on serving. A proxy that is away holds nothing up.
//
// [Load] does the first half alone, for commands that only look.
//
// The package imports the packages of xds/source, xds/frontend/document and xds/server. Its main type is [Pipeline].
package pipeline
