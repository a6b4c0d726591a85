// Package directory watches files and directories of objects and tells their whole contents after every change.
//
// Editors save in many ways: in place, in pieces, through a rename, by a symbolic link that moves. The package waits until
// a burst of events is over and a file is whole, so that nobody sees half a file. It watches directories, never single files, and so
// follows Kubernetes' ConfigMap volumes too.
//
// fsnotify is the library that everyone uses for this; it is maintained.
package directory
