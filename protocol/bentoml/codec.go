package bentoml

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/plain"
	"github.com/millrace/millrace/protocol/tensor"
)

// RootInput is the name of the only parameter of a method whose whole body is its value.
const RootInput = "__root_input__"

// Codec is the codec of one method of a service, or, as its zero value, of any without a contract. It is immutable and safe for
// concurrent use.
type Codec struct {
	contract *contract.Contract
	fields   plain.Codec
	files    bool // an input is a file
}

var _ message.Codec = Codec{}

// New returns the codec of a method with this contract; nil is none. The error names a path that is none or contradicts another
// one.
func New(c *contract.Contract) (Codec, error) {
	if c == nil {
		return Codec{}, nil
	}
	atRoot := *c
	atRoot.Inputs = append([]contract.Field(nil), c.Inputs...)
	files := false
	for i := range atRoot.Inputs {
		f := &atRoot.Inputs[i]
		files = files || mediaType(f.Parameters) != ""
		if f.ServerName() == RootInput {
			f.Tensor = "$"
		}
	}
	fields, err := plain.New(&atRoot)
	return Codec{contract: c, fields: fields, files: files}, err
}

// Dialect returns message.BentoML.
func (Codec) Dialect() message.Dialect { return message.BentoML }

// DecodeRequest reads a client's body by its content type: a form, a file, or JSON. What of JSON has no form as tensors stays JSON, a
// view of the body.
func (b Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	kind, parameters := splitType(w.ContentType)
	switch {
	case kind == "multipart/form-data":
		return decodeForm(w.Body.Bytes(), parameters)
	case kind == "application/vnd.bentoml+pickle":
		f := message.Invalid(jsontensor.CodeMalformed, "pickled requests are not read")
		f.Remedy = "send JSON or a form"
		return nil, f
	case file(kind):
		return &message.Content{Tensors: []tensor.Tensor{one("", w.Body.Bytes())}, Scalar: true}, nil
	case w.Body.Len() == 0: // as BentoML has it
		return &message.Content{JSON: []byte("{}")}, nil
	}
	c, err := b.fields.DecodeRequest(w)
	if err == nil && len(c.Tensors) == 1 && c.Tensors[0].Name == RootInput {
		c.Tensors[0].Name = ""
	}
	return c, err
}

// one returns a tensor of one row with these bytes.
func one(name string, data []byte) tensor.Tensor {
	return tensor.Tensor{Name: name, Datatype: tensor.Bytes, Data: tensor.AppendBytes(make([]byte, 0, 4+len(data)), data)}
}

// DecodeReply reads a server's reply by its content type: text and files are one element of BYTES without a name, JSON is tensors
// where it has that form, and stays at hand for contracts with paths.
func (b Codec) DecodeReply(w *message.Wire) (*message.Content, error) {
	kind, _ := splitType(w.ContentType)
	if kind == "text/plain" || file(kind) {
		return &message.Content{Tensors: []tensor.Tensor{one("", w.Body.Bytes())}, Scalar: true}, nil
	}
	text, err := jsontensor.Document(w)
	if err != nil {
		return nil, err
	}
	c := jsontensor.DecodeValue(text)
	if b.contract != nil {
		c.JSON = text
	}
	return c, nil
}

// EncodeRequest renders a request for a service. A client's own body passes as its bytes where no contract has to map it.
func (b Codec) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	if len(in) != 1 {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "a BentoML service takes one message"}
	}
	if w := in[0].Wire(); w != nil && w.Dialect == message.BentoML && (!w.Reply || w.Native) && b.contract == nil {
		return &message.Wire{Dialect: message.BentoML, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	c, err := in[0].Content()
	if err != nil {
		return nil, err
	}
	if b.files && len(c.Tensors) > 0 {
		return b.encodeForm(c, t)
	}
	m := message.FromContent(atRoot(c))
	w, err := b.fields.EncodeRequest([]*message.Message{m}, t)
	if err != nil {
		return nil, err
	}
	w.Dialect = message.BentoML
	return w, nil
}

// atRoot calls the root input what a plain service calls it; a content without one is returned as it is.
func atRoot(c *message.Content) *message.Content {
	if len(c.Tensors) != 1 || c.Tensors[0].Name != RootInput {
		return c
	}
	named := *c
	named.Tensors = []tensor.Tensor{c.Tensors[0]}
	named.Tensors[0].Name = "$"
	return &named
}

// EncodeReply renders m for a client: the value of a single output without a name, or an object of outputs or of a merge's parts.
// A service's own reply passes as its bytes where no contract has to map it.
func (b Codec) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.BentoML && w.Reply && w.Native {
		return w.Again(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	buf, err := jsontensor.AppendContent(make([]byte, 0, 256), c, jsontensor.ExtentFor(a))
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.BentoML, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: 200}, nil
}

// Path appends the route of the target's method, or that of a method called predict where it has none.
func Path(dst []byte, t *message.Target) []byte {
	if t.Path == "" {
		return append(dst, "/predict"...)
	}
	return append(dst, t.Path...)
}

var _ message.Path = Path
