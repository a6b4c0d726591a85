// Package discover asks a running model server which models it has: by the repository index of Open Inference where there is
// one, else by the lists that KServe's servers give.
//
// The package imports protocol/oip, protocol/jsontext and net/http: it runs in the control plane, not on the request path.
package discover
