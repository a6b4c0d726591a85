package openai

import (
	"strings"

	"github.com/millrace/millrace/protocol/message"
)

// ContentTypeEvents is the content type of a stream.
const ContentTypeEvents = "text/event-stream"

// Event is what an event of a stream turned out to be when it ended.
type Event uint8

// The events. NoEvent: none ended. Blank ones have no data, as the comments that keep a connection alive.
const (
	NoEvent Event = iota
	Blank
	Data
	Failed // the server told an error
	Done   // data: [DONE]
)

// headSize bounds what is kept of the current event: enough to tell `[DONE]` and `{"error":` from all else.
const headSize = 12

// Events follows a stream of server-sent events, chunk by chunk, as it passes. It keeps none of it. The zero value stands at the start
// of a stream. It is not safe for concurrent use.
type Events struct {
	started bool  // past what may be a byte order mark
	mark    uint8 // bytes of the mark that were seen
	carried bool  // the last chunk ended in a carriage return; a line feed that follows belongs to it
	open    bool  // a line of the current event was begun
	done    bool
	failed  bool // the event's type is error
	where   place
	name    [8]byte // of the field that the line is about
	named   uint8
	head    [headSize]byte // of the data, without white space
	kept    uint8
	data    bool // the event has data
}

// place is where in a line the stream stands.
type place uint8

const (
	atStart place = iota
	inName
	afterColon
	inData  // the value of data
	inType  // the value of event
	inOther // a comment, or the value of a field without interest
)

// Boundary tells whether no event is open, so that one of our own may be put in here.
func (e *Events) Boundary() bool { return !e.open }

// Done tells whether the stream said that it is complete.
func (e *Events) Done() bool { return e.done }

var mark = [...]byte{0xEF, 0xBB, 0xBF}

// Next looks at chunk as far as the end of the first event in it. It returns how many bytes that is and what the event was, or
// all of them and NoEvent where no event ends in the chunk. The rest of the chunk is due next.
func (e *Events) Next(chunk []byte) (n int, event Event) {
	for n < len(chunk) {
		c := chunk[n]
		n++
		if e.carried {
			if e.carried = false; c == '\n' {
				continue
			}
		}
		if !e.started {
			if int(e.mark) < len(mark) && c == mark[e.mark] {
				e.mark++
				continue
			}
			e.started = true
		}
		if c != '\n' && c != '\r' {
			e.open = true
			e.see(c)
			for e.seen() && n < len(chunk) && chunk[n] != '\n' && chunk[n] != '\r' {
				n++
			}
			continue
		}
		e.carried = c == '\r'
		if e.where != atStart {
			e.endLine()
			continue
		}
		if e.carried && n < len(chunk) && chunk[n] == '\n' {
			e.carried = false
			n++
		}
		if event = e.end(); event != NoEvent {
			return n, event
		}
	}
	return n, NoEvent
}

// see takes one byte of a line.
func (e *Events) see(c byte) {
	switch e.where {
	case atStart:
		if c == ':' {
			e.where = inOther
			return
		}
		e.where, e.named = inName, 0
		fallthrough
	case inName:
		if c == ':' {
			e.where = afterColon
			return
		}
		if int(e.named) < len(e.name) {
			e.name[e.named] = c
			e.named++
		}
	case afterColon:
		e.where = e.field()
		if e.where == inType {
			e.failed, e.named = false, 0
		}
		if c != ' ' {
			e.see(c)
		}
	case inData:
		if e.kept < headSize && c != ' ' && c != '\t' {
			e.head[e.kept] = c
			e.kept++
		}
	case inType:
		if int(e.named) < len(e.name) {
			e.name[e.named] = c
			e.named++
		}
	case inOther:
	}
}

// seen tells whether the rest of the line does not matter.
func (e *Events) seen() bool {
	return e.where == inOther || e.where == inData && e.kept == headSize
}

// field returns where the value of the field that the line names leads.
func (e *Events) field() place {
	switch string(e.name[:e.named]) {
	case "data":
		e.data = true
		return inData
	case "event":
		return inType
	}
	return inOther
}

// endLine ends a line that is not empty.
func (e *Events) endLine() {
	switch e.where {
	case inName, afterColon:
		e.field() // without a value
	case inType:
		e.failed = string(e.name[:e.named]) == "error"
	case atStart, inData, inOther:
	}
	e.where = atStart
}

// end ends the event at an empty line.
func (e *Events) end() Event {
	if !e.open {
		return NoEvent
	}
	event := Blank
	head := string(e.head[:e.kept])
	switch {
	case !e.data:
	case strings.HasPrefix(head, "[DONE]"):
		event = Done
		e.done = true
	case e.failed || strings.HasPrefix(head, `{"error":`) && !strings.HasPrefix(head, `{"error":nul`):
		event = Failed
	default:
		event = Data
	}
	e.open, e.failed, e.data, e.kept = false, false, false, 0
	return event
}

// AppendBreak appends the event that ends a stream which broke off at e with f, so that clients raise an error instead of
// taking what they have for all of it. It is data of its own, without the [DONE] that says that a stream is complete. Where
// an event is open it is ended first, and clients may stumble over that one already: whoever can holds back what follows the last
// boundary. A stream that was done gets nothing.
func AppendBreak(dst []byte, e *Events, f *message.Failure) []byte {
	if e.done {
		return dst
	}
	if e.open {
		dst = append(dst, "\n\n"...)
	}
	dst = append(dst, "data: "...)
	dst = appendError(dst, f)
	return append(dst, "\n\n"...)
}
