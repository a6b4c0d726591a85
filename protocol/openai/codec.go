package openai

import (
	"strings"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/plain"
	"github.com/millrace/millrace/protocol/tensor"
)

// Codec is the codec of one model, or, as its zero value, of any without a contract. It is immutable and safe for concurrent
// use.
type Codec struct {
	mapped bool // a contract has the request's fields
	fields plain.Codec
}

var _ message.Codec = Codec{}

// New returns the codec of a model with this contract; nil is none. The error names a path that is none or contradicts
// another one.
func New(c *contract.Contract) (Codec, error) {
	fields, err := plain.New(c)
	return Codec{mapped: c != nil && len(c.Inputs) > 0, fields: fields}, err
}

// Dialect returns message.OpenAI.
func (Codec) Dialect() message.Dialect { return message.OpenAI }

// DecodeReply takes a server's body as JSON, a view of it, which a contract reads by path. A stream becomes the completion that it
// would have been in one piece.
func (k Codec) DecodeReply(w *message.Wire) (*message.Content, error) {
	if !strings.HasPrefix(w.ContentType, ContentTypeEvents) {
		return k.fields.DecodeReply(w)
	}
	text, err := joinStream(w.Body.Bytes())
	if err != nil {
		return nil, err
	}
	whole := *w
	whole.Body, whole.ContentType = body.Of(text), "application/json"
	return k.fields.DecodeReply(&whole)
}

// EncodeRequest renders a request for a server. One in this dialect keeps all its bytes but the model's name where no contract has to map
// it. Without a contract text becomes what the target's path takes: one message, a prompt, or the input.
func (k Codec) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	if len(in) != 1 {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "an OpenAI server takes one message"}
	}
	if k.mapped {
		w, err := k.fields.EncodeRequest(in, t)
		if err != nil {
			return nil, err
		}
		defer w.Body.Release()
		return forModel(w.Body, t)
	}
	if w := in[0].Wire(); w != nil && w.Dialect == message.OpenAI && !w.Reply {
		return forModel(w.Body, t)
	}
	c, err := in[0].Content()
	if err != nil {
		return nil, err
	}
	text, err := appendQuestion(nil, c, t)
	if err != nil {
		return nil, err
	}
	b := body.Of(text)
	defer b.Release()
	return forModel(b, t)
}

// forModel returns b with the target's model. It takes a reference of its own.
func forModel(b *body.Body, t *message.Target) (*message.Wire, error) {
	out := b.Retain()
	if model, _, err := PeekModel(b); t.Model != "" && (err != nil || model != t.Model) {
		b.Release() // the one just taken
		if out, err = RenameModel(b, t.Model, nil); err != nil {
			return nil, err
		}
	}
	return &message.Wire{Dialect: message.OpenAI, Body: out, ContentType: "application/json", JSONLength: -1}, nil
}

// appendQuestion appends the request of a client of another dialect: its JSON where that is a request of this one, else its only value.
func appendQuestion(dst []byte, c *message.Content, t *message.Target) ([]byte, error) {
	if len(c.JSON) > 0 && len(c.Parts) == 0 {
		if r, err := readRequest(c.JSON); err == nil && r.operation != NoOperation {
			return append(dst, c.JSON...), nil
		}
	}
	if len(c.Parts) > 0 || len(c.Tensors) != 1 {
		f := message.Invalid(jsontensor.CodeNoForm, "expected one value, found %d: an OpenAI server takes one text", max(len(c.Parts), len(c.Tensors)))
		f.Remedy = "declare the model's inputs in its contract: {text: {tensor: \"messages[0].content\"}}"
		return nil, f
	}
	only := &c.Tensors[0]
	_, op := SplitPath(t.Path)
	var err error
	switch op {
	case Embeddings:
		dst, err = jsontensor.Append(append(dst, `{"input":`...), only)
	case Completions:
		dst, err = jsontensor.Append(append(dst, `{"prompt":`...), only)
	default:
		said, ok := only.BytesAt(0)
		if only.Datatype != tensor.Bytes || only.Len() != 1 || !ok {
			return nil, message.Invalid(jsontensor.CodeNoForm, "tensor %q: expected one text for a chat, found %s %v", only.Name, only.Datatype, only.Shape)
		}
		dst = jsontext.AppendString(append(dst, `{"messages":[{"role":"user","content":`...), said)
		dst = append(dst, `}]`...)
	}
	if err != nil {
		return nil, err
	}
	return jsontensor.AppendMembers(append(dst, '}'), t.Parameters, c.Parameters)
}
