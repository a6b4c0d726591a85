package openai

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// EncodeReply renders m for a client. A server's reply in this dialect passes as its bytes; any other becomes what the client asked
// for: embeddings, or a completion whose text is the answer, or all outputs as JSON where none stands for the whole. A stream that was
// asked for has it in one piece.
func (Codec) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.OpenAI && w.Reply && w.Native {
		return &message.Wire{Dialect: message.OpenAI, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1, Status: w.Status}, nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	r := requestOf(a)
	e := reply{c: c, r: &r, buf: make([]byte, 0, 512)}
	if a != nil {
		e.id, e.model = a.ID, a.Model
	}
	if e.model == "" {
		e.model = r.model
	}
	contentType := "application/json"
	switch {
	case len(c.Parts) == 0 && len(c.Tensors) == 0 && complete(c.JSON):
		e.buf = append(e.buf, c.JSON...)
	case r.operation == Embeddings:
		err = e.embeddings()
	case r.stream:
		contentType = ContentTypeEvents
		err = e.events()
	default:
		err = e.completion()
	}
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.OpenAI, Body: body.Of(e.buf), ContentType: contentType, JSONLength: -1, Status: 200}, nil
}

// requestOf reads the client's request again, which has been read before.
func requestOf(a *message.Asking) (r request) {
	switch {
	case a == nil:
	case a.Request != nil && len(a.Request.JSON) > 0:
		r, _ = readRequest(a.Request.JSON)
	case a.Wire != nil && a.Wire.Dialect == message.OpenAI:
		r, _ = readRequest(a.Wire.Body.Bytes())
	}
	return r
}

// complete tells whether text is a reply of this dialect already.
func complete(text []byte) bool {
	object, ok := jsontensor.Member(text, "object")
	return ok && len(object) > 0 && object[0] == '"'
}

type reply struct {
	c         *message.Content
	r         *request
	id, model string
	buf       []byte
}

// answer returns the output that stands for the whole, or nil.
func (e *reply) answer() *tensor.Tensor {
	switch {
	case len(e.c.Parts) > 0:
		return nil
	case e.c.Answer != "":
		return e.c.Tensor(e.c.Answer)
	case len(e.c.Tensors) == 1:
		return &e.c.Tensors[0]
	}
	return nil
}

// texts returns the texts of the choices: one for each row of text where a completion was asked for several prompts, else one.
func (e *reply) texts() ([][]byte, error) {
	t := e.answer()
	if t != nil && t.Datatype == tensor.Bytes && (t.Len() == 1 || e.r.operation == Completions && len(t.Shape) == 1 && t.Len() > 0) {
		var all [][]byte
		for walk := t.Strings(); ; {
			text, ok := walk.Next()
			if !ok {
				return all, nil
			}
			if !utf8.Valid(text) {
				return nil, message.Invalid(jsontensor.CodeNoForm, "tensor %q: element %d is not valid UTF-8, which text is", t.Name, len(all))
			}
			all = append(all, text)
		}
	}
	whole := *e.c
	if t != nil {
		whole = message.Content{Tensors: []tensor.Tensor{*t}}
		whole.Tensors[0].Name = ""
	}
	text, err := jsontensor.AppendContent(nil, &whole, jsontensor.ExtentFor(&message.Asking{Request: &message.Content{Scalar: !e.r.hasText || e.r.text.Shape == nil}}))
	return [][]byte{text}, err
}

// head starts the object, with what all forms have, up to the list that begins.
func (e *reply) head(prefix, object, list string) {
	e.buf = jsontext.AppendString(append(e.buf, `{"id":`...), prefix+e.id)
	e.buf = jsontext.AppendString(append(e.buf, `,"object":`...), object)
	e.buf = jsontext.AppendString(append(e.buf, `,"created":0,"model":`...), e.model)
	e.buf = append(append(append(e.buf, `,"`...), list...), `":[`...)
}

func (e *reply) completion() error {
	texts, err := e.texts()
	if err != nil {
		return err
	}
	before, after := `,"message":{"role":"assistant","content":`, `},"logprobs":null,"finish_reason":"stop"}`
	if e.r.operation == Completions {
		e.head("cmpl-", "text_completion", "choices")
		before, after = `,"text":`, `,"logprobs":null,"finish_reason":"stop"}`
	} else {
		e.head("chatcmpl-", "chat.completion", "choices")
	}
	for i, text := range texts {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = strconv.AppendInt(append(e.buf, `{"index":`...), int64(i), 10)
		e.buf = append(jsontext.AppendString(append(e.buf, before...), text), after...)
	}
	e.buf = append(e.buf, `]}`...)
	return nil
}

// events writes the reply as a stream: an event for each choice, and the end.
func (e *reply) events() error {
	texts, err := e.texts()
	if err != nil {
		return err
	}
	for i, text := range texts {
		e.buf = append(e.buf, "data: "...)
		before, after := `,"delta":{"role":"assistant","content":`, `},"finish_reason":"stop"}]}`
		if e.r.operation == Completions {
			e.head("cmpl-", "text_completion", "choices")
			before, after = `,"text":`, `,"finish_reason":"stop"}]}`
		} else {
			e.head("chatcmpl-", "chat.completion.chunk", "choices")
		}
		e.buf = strconv.AppendInt(append(e.buf, `{"index":`...), int64(i), 10)
		e.buf = append(jsontext.AppendString(append(e.buf, before...), text), after...)
		e.buf = append(e.buf, "\n\n"...)
	}
	e.buf = append(e.buf, "data: [DONE]\n\n"...)
	return nil
}

// embeddings writes one tensor of numbers, a row for each input.
func (e *reply) embeddings() error {
	t := e.answer()
	if t == nil || !t.Datatype.IsNumber() || len(t.Shape) != 2 && len(t.Shape) != 1 {
		f := message.Invalid(jsontensor.CodeNoForm, "embeddings are one tensor of numbers with a row for each input")
		f.Kind = message.BadReply
		f.Remedy = "ask a model whose contract has such an answer"
		return f
	}
	table := *t
	if len(t.Shape) == 1 {
		table.Shape = []int64{1, t.Shape[0]}
	}
	if e.r.base64 && table.Datatype != tensor.FP32 {
		var err error
		cast := tensor.Cast
		if table.Datatype == tensor.Untyped {
			cast = tensor.Resolve
		}
		if table, err = cast(&table, tensor.FP32); err != nil {
			return message.Invalid(jsontensor.CodeNoForm, "base64 embeddings are FP32: %v", err)
		}
	}
	rows, err := jsontensor.NewRows(&table)
	if err != nil {
		return err
	}
	e.buf = append(e.buf, `{"object":"list","data":[`...)
	size := int(table.Shape[1]) * tensor.FP32.Size()
	for i := range int(table.Shape[0]) {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = strconv.AppendInt(append(e.buf, `{"object":"embedding","index":`...), int64(i), 10)
		e.buf = append(e.buf, `,"embedding":`...)
		if e.r.base64 {
			e.buf = append(e.buf, '"')
			e.buf = base64.StdEncoding.AppendEncode(e.buf, table.Data[i*size:(i+1)*size])
			e.buf = append(e.buf, '"')
		} else if e.buf, err = rows.AppendNext(e.buf); err != nil {
			return err
		}
		e.buf = append(e.buf, '}')
	}
	e.buf = jsontext.AppendString(append(e.buf, `],"model":`...), e.model)
	e.buf = append(e.buf, `,"usage":{"prompt_tokens":0,"total_tokens":0}}`...)
	return nil
}
