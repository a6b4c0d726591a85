package catalog

import (
	"errors"

	"github.com/millrace/millrace/protocol/ask"
	"github.com/millrace/millrace/protocol/message"
)

// decodeReply returns the reading of replies in the fields of the model's contract. It depends on no request: a shadow reads
// its primary's reply when that request is over.
func (m *Model) decodeReply(codec message.Codec) message.Decode {
	return func(w *message.Wire) (*message.Content, error) {
		c, err := codec.DecodeReply(w)
		if err != nil {
			return nil, BadReply(err)
		}
		out, _, err := m.Contract.Reply(c)
		if err != nil {
			return nil, BadReply(err)
		}
		return out, nil
	}
}

// decodeAsk returns the reading of questions with these fields.
func decodeAsk(fields []ask.FieldSpec) message.Decode {
	return func(w *message.Wire) (*message.Content, error) { return ask.DecodeRequestFields(w, fields) }
}

// BadReply blames the server for what was said of a message.
func BadReply(err error) *message.Failure {
	var f *message.Failure
	if errors.As(err, &f) {
		blamed := *f
		if blamed.Kind == message.InvalidArgument {
			blamed.Kind = message.BadReply
			blamed.Detail = "its server's reply cannot be read: " + f.Detail
		}
		return &blamed
	}
	return &message.Failure{Code: CodeServerError, Kind: message.BadReply, Detail: "its server's reply cannot be read: " + err.Error()}
}
