// Package proxy is the data plane put together: everything below it, started from a bootstrap and configured by the static
// resources in it and over xDS, by nothing else.
//
// A reader follows a request in one direction: listener → http1 or http2 → filter → inference or router → cluster → back out.
// Its main type is [Proxy].
package proxy
