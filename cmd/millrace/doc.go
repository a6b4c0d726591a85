// Command millrace is Millrace as one program: the proxy, the control plane, both together on one machine, and the tools of
// those who write graphs.
//
// Each command is one file with its flags, its help and the call that does the work; the work is in packages: checking and
// serving files in xds/source/pipeline, running everything on one machine in cmd/millrace/local, asking in
// cmd/millrace/question, the data plane in proxy. It links no Kubernetes client.
//
// Exit codes: 0, all went well; 1, it did not, and standard error says why; 2, the command line was wrong.
package main
