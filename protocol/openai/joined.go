package openai

import (
	"bytes"
	"strconv"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// maxChoices bounds how many choices of a stream are kept apart.
const maxChoices = 128

// joined is a stream of chunks on its way to the completion that it would have been in one piece.
type joined struct {
	id, created, model, usage []byte // as they stand in the chunks
	chat                      bool
	choices                   []choice
}

type choice struct {
	text   []byte
	finish []byte // as it stands; empty until it is told
}

// joinStream returns the completion whose chunks a stream of events has. A stream that told an error or ended before it said that
// it was done is refused, and so are deltas that are more than text.
func joinStream(text []byte) ([]byte, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var j joined
	for line := range bytes.Lines(text) {
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue
		}
		if data = bytes.TrimSpace(data); string(data) == "[DONE]" {
			return j.appendTo(nil), nil
		}
		if err := j.add(data); err != nil {
			return nil, err
		}
	}
	return nil, message.Invalid(jsontensor.CodeMalformed, "the stream ended before it was done")
}

// add takes one chunk.
func (j *joined) add(data []byte) error {
	s := jsontext.NewScanner(data)
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "id":
			keep(&j.id, s.Skip())
		case "created":
			keep(&j.created, s.Skip())
		case "model":
			keep(&j.model, s.Skip())
		case "object":
			j.chat = string(s.Skip()) != `"text_completion"`
		case "usage":
			if !s.TryNull() {
				j.usage = s.Skip()
			}
		case "error":
			return message.Invalid(jsontensor.CodeMalformed, "the stream broke off: %s", s.Skip())
		case "choices":
			for s.Array(); s.NextElement(); {
				if err := j.addChoice(s.Skip()); err != nil {
					return err
				}
			}
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return jsontensor.Malformed(err)
	}
	return nil
}

func keep(to *[]byte, value []byte) {
	if *to == nil {
		*to = value
	}
}

func (j *joined) addChoice(text []byte) error {
	var said, finish []byte
	at := 0
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "index":
			n, err := strconv.Atoi(string(s.Skip()))
			if err != nil || n < 0 || n >= maxChoices {
				return message.Invalid(jsontensor.CodeMalformed, "the stream has a choice that is none of the first %d", maxChoices)
			}
			at = n
		case "finish_reason":
			if !s.TryNull() {
				finish = s.Skip()
			}
		case "text":
			said = append(said, s.Text()...)
		case "delta":
			for s.Object(); s.NextKey(); {
				switch key := string(s.Key()); {
				case key == "role":
					s.Skip()
				case s.TryNull():
				case key == "content":
					said = append(said, s.Text()...)
				default:
					return message.Invalid(jsontensor.CodeNoForm, "a stream with %q cannot be made one piece", key)
				}
			}
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return jsontensor.Malformed(err)
	}
	for len(j.choices) <= at {
		j.choices = append(j.choices, choice{})
	}
	c := &j.choices[at]
	c.text = append(c.text, said...)
	if finish != nil {
		c.finish = finish
	}
	return nil
}

// appendTo appends the completion.
func (j *joined) appendTo(dst []byte) []byte {
	object := "text_completion"
	if j.chat {
		object = "chat.completion"
	}
	dst = jsontext.AppendString(append(dst, `{"object":`...), object)
	for _, m := range []struct {
		key   string
		value []byte
	}{{"id", j.id}, {"created", j.created}, {"model", j.model}, {"usage", j.usage}} {
		if m.value != nil {
			dst = append(append(append(append(dst, `,"`...), m.key...), `":`...), m.value...)
		}
	}
	dst = append(dst, `,"choices":[`...)
	for i, c := range j.choices {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"index":`...), int64(i), 10)
		if j.chat {
			dst = jsontext.AppendString(append(dst, `,"message":{"role":"assistant","content":`...), c.text)
			dst = append(dst, '}')
		} else {
			dst = jsontext.AppendString(append(dst, `,"text":`...), c.text)
		}
		if c.finish == nil {
			c.finish = []byte("null")
		}
		dst = append(append(append(dst, `,"finish_reason":`...), c.finish...), '}')
	}
	return append(dst, `]}`...)
}
