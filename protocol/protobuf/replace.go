package protobuf

import "github.com/millrace/millrace/protocol/body"

// maxPieces bounds what a body is cut into: each piece costs more than the few bytes that ask for it.
const maxPieces = 16384

// Replace returns head, then b without the fields that drop is true for, sharing the memory of both. what names the dropped fields in the
// failure of a message that has more of them than any client sends. The caller owns the result's reference and keeps its own of
// head and b.
func Replace(b, head *body.Body, what string, drop func(s Span) bool) (*body.Body, error) {
	pieces := append(make([]*body.Body, 0, 4), head.Retain())
	defer func() {
		for _, p := range pieces {
			p.Release()
		}
	}()
	w, from := Over(b), 0
	for {
		s, ok, err := w.Next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if drop(s) {
			if s.From > from {
				pieces = append(pieces, b.Slice(from, s.From))
			}
			from = s.To
		}
		if len(pieces) > maxPieces {
			return nil, malformed("%s stands in the message more than %d times", what, maxPieces)
		}
	}
	if from < b.Len() {
		pieces = append(pieces, b.Slice(from, b.Len()))
	}
	return body.Join(pieces...), nil
}
