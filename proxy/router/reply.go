package router

import (
	"strconv"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// Reply answers a request in the proxy's own name: plain text, or for gRPC a status in a head without body. It notes the
// status, the flags and the detail. Where a head was sent already the response is reset instead.
func Reply(d stream.Downstream, info *Info, status int, text string, flags Flags, detail string) {
	var h stream.ResponseHead
	ReplyWith(d, info, &h, status, text, flags, detail)
}

// ReplyWith is Reply with header fields that are in h already.
func ReplyWith(d stream.Downstream, info *Info, h *stream.ResponseHead, status int, text string, flags Flags, detail string) {
	info.Flags |= flags
	info.Detail = detail
	if d.Progress().HeadSent {
		d.Reset()
		return
	}
	info.Status = status
	h.Status = status
	if IsGRPC(d.Head()) {
		h.Status, info.Status, h.ContentLength = 200, 200, 0
		h.Header.Add("content-type", "application/grpc")
		h.Header.Add("grpc-status", strconv.Itoa(grpcStatus(status)))
		h.Header.Add("grpc-message", grpcMessage(text))
		_ = d.SendHead(h, true) // a client that is gone needs no answer
		return
	}
	h.ContentLength = int64(len(text))
	if text == "" {
		_ = d.SendHead(h, true)
		return
	}
	if !h.Header.Has("content-type") {
		h.Header.Add("content-type", "text/plain")
	}
	if d.SendHead(h, false) == nil {
		_ = d.Send(body.Of([]byte(text)), true)
	}
}

// grpcStatus maps as gRPC's http-grpc-status-mapping says.
func grpcStatus(status int) int {
	switch status {
	case 200:
		return 0
	case 400:
		return 13
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return 12
	case 413:
		return 8
	case 429, 502, 503, 504:
		return 14
	}
	return 2
}

// grpcMessage encodes by percent, as gRPC's Status-Message.
func grpcMessage(s string) string {
	const hex = "0123456789ABCDEF"
	var out []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' || c == '%' {
			out = append(out, '%', hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
