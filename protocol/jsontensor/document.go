package jsontensor

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// Document returns the one JSON value that w's body is, without white space around it: a view of the body. The error is a failure that
// blames the request.
func Document(w *message.Wire) ([]byte, error) {
	s := jsontext.NewScanner(w.Body.Bytes())
	text := s.Skip()
	if err := s.End(); err != nil {
		return nil, Malformed(err)
	}
	return text, nil
}
