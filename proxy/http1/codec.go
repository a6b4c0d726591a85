package http1

import (
	"bufio"
	"bytes"
	"sync"

	"github.com/valyala/fasthttp"
)

// secondOpinion asks fasthttp's header readers about a complete head. Its memory is shared by all connections through a
// pool, so that an idle connection holds none of it.
type secondOpinion struct {
	src bytes.Reader
	br  *bufio.Reader
	req fasthttp.RequestHeader
	res fasthttp.ResponseHeader
}

var opinions = sync.Pool{New: func() any {
	o := &secondOpinion{br: bufio.NewReaderSize(nil, defaultMaxHeader)}
	o.req.DisableNormalizing()
	o.res.DisableNormalizing()
	return o
}}

func (o *secondOpinion) load(head []byte) {
	if len(head) > o.br.Size() {
		o.br = bufio.NewReaderSize(nil, len(head))
	}
	o.src.Reset(head)
	o.br.Reset(&o.src)
}

// agreesOnRequest tells whether fasthttp accepts the head, sees it end where we do and frames the body as we do.
func agreesOnRequest(head []byte, h *hop) bool {
	o := opinions.Get().(*secondOpinion)
	defer opinions.Put(o)
	o.load(head)
	if err := o.req.Read(o.br); err != nil || o.br.Buffered() > 0 || o.src.Len() > 0 {
		return false
	}
	return sameFraming(o.req.ContentLength(), h)
}

// readStatus asks fasthttp to accept a response's head and returns the status code that it read.
func readStatus(head []byte) (int, bool) {
	o := opinions.Get().(*secondOpinion)
	defer opinions.Put(o)
	o.load(head)
	if err := o.res.Read(o.br); err != nil || o.br.Buffered() > 0 || o.src.Len() > 0 {
		return 0, false
	}
	return o.res.StatusCode(), true
}

// sameFraming compares fasthttp's length (-1 chunked, -2 none) with ours.
func sameFraming(length int, h *hop) bool {
	switch {
	case h.chunked:
		return length == -1
	case h.length >= 0:
		return int64(length) == h.length
	}
	return length < -1 || length == 0
}
