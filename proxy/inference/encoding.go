package inference

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// encoding is how a body or a gRPC message is compressed.
type encoding uint8

const (
	unknownEncoding encoding = iota
	identity
	gzipped
	deflated // the zlib format, RFC 1950: so say RFC 9110, section 8.4.1.2, and gRPC
)

// encodingOf reads the value of content-encoding or grpc-encoding.
func encodingOf(name []byte) encoding {
	switch {
	case len(name) == 0, equal(name, "identity"):
		return identity
	case equal(name, "gzip"), equal(name, "x-gzip"):
		return gzipped
	case equal(name, "deflate"):
		return deflated
	}
	return unknownEncoding
}

// unpack returns the plain form of b, which is gzipped or deflated, charged to budget and no longer than limit. The caller owns the result's
// reference and keeps its own of b.
func unpack(b *body.Body, e encoding, budget *body.Budget, limit int64) (*body.Body, error) {
	var z io.Reader
	var err error
	name := "gzip"
	if e == deflated {
		name = "deflate (zlib)"
		z, err = zlib.NewReader(bytes.NewReader(b.Bytes()))
	} else {
		z, err = gzip.NewReader(bytes.NewReader(b.Bytes()))
	}
	if err != nil {
		return nil, message.Invalid(CodeFraming, "the body is not %s: %v", name, err)
	}
	w := body.Writer{Budget: budget, Limit: limit}
	if _, err := w.ReadFrom(z); err != nil {
		w.Discard()
		return nil, err
	}
	return w.Body()
}
