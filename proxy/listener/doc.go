// Package listener owns the sockets that clients connect to: it accepts connections, finds out which protocol they speak
// and drains them.
//
// Flow: a [Listener] accepts a connection, counts it against the process-wide [Limit], does TLS's handshake where it has a
// configuration for it, tells HTTP/2 (by ALPN or by its preface) from HTTP/1.1 without consuming a byte, and hands the
// connection to the constructor that its [Config] names for that version: a [ServerConn] of proxy/http1 or proxy/http2,
// whose Serve calls the listener's handler for each request. [Listener.SetHandler] swaps that handler while connections live.
//
// The package imports proxy/stream and golang.org/x/sys.
package listener
