package ask

import (
	"github.com/millrace/millrace/protocol/message"
)

// Codec is the dialect's codec. Only clients speak it, so it renders no requests and reads no replies.
type Codec struct{}

var _ message.Codec = Codec{}

// Dialect returns message.Ask.
func (Codec) Dialect() message.Dialect { return message.Ask }

// DecodeReply fails: no server speaks this dialect.
func (Codec) DecodeReply(*message.Wire) (*message.Content, error) { return nil, noServer("reply") }

// EncodeRequest fails: no server speaks this dialect.
func (Codec) EncodeRequest([]*message.Message, *message.Target) (*message.Wire, error) {
	return nil, noServer("request")
}

func noServer(what string) *message.Failure {
	return &message.Failure{Code: message.CodeNotDecodable, Kind: message.Unimplemented, Detail: "the ask dialect has no form for a server's " + what}
}
