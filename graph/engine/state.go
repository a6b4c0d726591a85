package engine

import "github.com/millrace/millrace/protocol/message"

// state is the part of a run that is nobody else's business.
type state struct {
	call Call
	one  [1]*message.Message
}
