package stream

// Version is the HTTP version of one side.
type Version uint8

// The versions that the proxy speaks.
const (
	HTTP10 Version = iota + 1
	HTTP11
	HTTP2
)

func (v Version) String() string {
	switch v {
	case HTTP10:
		return "HTTP/1.0"
	case HTTP11:
		return "HTTP/1.1"
	case HTTP2:
		return "HTTP/2"
	}
	return "HTTP/?"
}

// RequestHead is a request without its body. The strings' bytes belong to the head and are valid until Reset: they are
// []byte so that nothing is allocated for them. `m[string(h.Path)]` does not allocate either.
type RequestHead struct {
	Method    []byte
	Scheme    []byte // "http" or "https"
	Authority []byte // the Host header or :authority; not in Header
	Path      []byte // path and query exactly as sent; "*" and CONNECT's authority as they are
	Protocol  []byte // :protocol of an extended CONNECT, or the Upgrade header of HTTP/1.1 where Connection names it
	Header    Header // without hop-by-hop fields; "te: trailers" stays, for gRPC
	Version   Version

	// ContentLength is the body's bytes where the client said so, 0 where there is no body, -1 where it is not known.
	ContentLength int64
	// ExpectContinue says that the client waits for 100 before it sends its body; it is sent when the body is first read.
	ExpectContinue bool
}

// Reset empties h and keeps its memory.
func (h *RequestHead) Reset() {
	h.Method, h.Scheme, h.Authority = h.Method[:0], h.Scheme[:0], h.Authority[:0]
	h.Path, h.Protocol = h.Path[:0], h.Protocol[:0]
	h.Header.Reset()
	h.Version, h.ContentLength, h.ExpectContinue = 0, 0, false
}

// CopyFrom makes h equal to src with memory of its own.
func (h *RequestHead) CopyFrom(src *RequestHead) {
	h.Method, h.Scheme = append(h.Method[:0], src.Method...), append(h.Scheme[:0], src.Scheme...)
	h.Authority, h.Path = append(h.Authority[:0], src.Authority...), append(h.Path[:0], src.Path...)
	h.Protocol = append(h.Protocol[:0], src.Protocol...)
	h.Header.CopyFrom(&src.Header)
	h.Version, h.ContentLength, h.ExpectContinue = src.Version, src.ContentLength, src.ExpectContinue
}

// SplitPath returns the path before the first '?' and the query after it, as views of h.Path.
func (h *RequestHead) SplitPath() (path, query []byte) {
	for i, c := range h.Path {
		if c == '?' {
			return h.Path[:i], h.Path[i+1:]
		}
	}
	return h.Path, nil
}

// ResponseHead is a response without its body; ownership is as in [RequestHead].
type ResponseHead struct {
	Status  int
	Reason  []byte // HTTP/1's reason phrase as sent; empty for the standard one
	Header  Header // without hop-by-hop fields
	Version Version

	// ContentLength is the body's bytes where the server said so, -1 where it is not known. A response to HEAD keeps the
	// length that it declares and has no body.
	ContentLength int64
}

// Reset empties h and keeps its memory.
func (h *ResponseHead) Reset() {
	h.Status, h.Reason, h.Version, h.ContentLength = 0, h.Reason[:0], 0, 0
	h.Header.Reset()
}

// CopyFrom makes h equal to src with memory of its own.
func (h *ResponseHead) CopyFrom(src *ResponseHead) {
	h.Status, h.Version, h.ContentLength = src.Status, src.Version, src.ContentLength
	h.Reason = append(h.Reason[:0], src.Reason...)
	h.Header.CopyFrom(&src.Header)
}
