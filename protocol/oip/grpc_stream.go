package oip

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
)

// The fields of a ModelStreamInferResponse, and the id of a ModelInferResponse.
const (
	streamError    protowire.Number = 1
	streamResponse protowire.Number = 2
	responseID     protowire.Number = 3
)

// StreamReply returns the ModelStreamInferResponse of a ModelInferResponse, sharing its memory; what is new is charged to budget. The caller
// owns the result's reference and keeps its own of response.
func StreamReply(response *body.Body, budget *body.Budget) (*body.Body, error) {
	var b [16]byte
	head, err := body.Copy(budget, protowire.AppendVarint(protowire.AppendTag(b[:0], streamResponse, protowire.BytesType), uint64(response.Len())))
	if err != nil {
		return nil, err
	}
	defer head.Release()
	return body.Join(head, response), nil
}

// AppendStreamFailure appends the ModelStreamInferResponse that says why there is no answer to the request with that id; the id is left out
// where it is empty.
func AppendStreamFailure(dst []byte, id, why string) []byte {
	dst = protowire.AppendString(protowire.AppendTag(dst, streamError, protowire.BytesType), why)
	if id != "" {
		inner := protowire.AppendString(protowire.AppendTag(nil, responseID, protowire.BytesType), id)
		dst = protowire.AppendBytes(protowire.AppendTag(dst, streamResponse, protowire.BytesType), inner)
	}
	return dst
}
