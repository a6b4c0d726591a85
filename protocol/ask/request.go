package ask

import (
	"bytes"

	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// FieldSpec is what is known of one field that a model or graph takes.
type FieldSpec struct {
	Name string
	Type tensor.Datatype // Untyped: not declared
	// Optional fields may be absent.
	Optional bool
}

// Fields returns the specs of a contract's inputs.
func Fields(c *contract.Contract) []FieldSpec {
	if c == nil {
		return nil
	}
	specs := make([]FieldSpec, len(c.Inputs))
	for i := range c.Inputs {
		f := &c.Inputs[i]
		specs[i] = FieldSpec{f.Name, f.Type, f.Optional || f.Default != nil}
	}
	return specs
}

// DecodeRequest reads a request to a model or graph of which no fields are known.
func (Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	return DecodeRequestFields(w, nil)
}

// DecodeRequestFields reads a request to a model or graph with these fields: one that is not among them is refused with the
// near names, one that is missing is named. Without fields every name is taken. The content has memory of its own.
func DecodeRequestFields(w *message.Wire, fields []FieldSpec) (*message.Content, error) {
	d := decoder{s: jsontext.NewScanner(w.Body.Bytes()), fields: fields, in: new(message.Content)}
	switch d.s.Kind() {
	case jsontext.Object:
		d.object()
	case jsontext.Bool:
		// A text without quotes may begin like one.
		if word := bytes.TrimSpace(w.Body.Bytes()); string(word) != "true" && string(word) != "false" {
			return nil, notJSON(word)
		}
		d.bare()
	case jsontext.String, jsontext.Array, jsontext.Number:
		d.bare()
	default:
		return nil, notJSON(w.Body.Bytes())
	}
	if d.failure != nil {
		return nil, d.failure
	}
	if err := d.s.End(); err != nil {
		return nil, jsontensor.Malformed(err)
	}
	if f := d.missing(); f != nil {
		return nil, f
	}
	return d.in, nil
}

func notJSON(text []byte) *message.Failure {
	f := message.Invalid(jsontensor.CodeMalformed, "expected a JSON object of fields")
	if len(text) == 0 {
		f.Detail += ", found an empty body"
	} else {
		f.Detail += ", found other text"
	}
	f.Remedy = `write {"text": "…"}, or the text in quotes`
	return f
}

type decoder struct {
	s       jsontext.Scanner
	fields  []FieldSpec
	in      *message.Content
	failure *message.Failure // of the fields; one of the syntax sticks to s
}

func (d *decoder) object() {
	for d.s.Object(); d.failure == nil && d.s.NextKey(); {
		key := d.s.Key()
		if len(key) > 0 && key[0] == '$' {
			d.dollar(string(key))
			continue
		}
		spec, ok := d.spec(key)
		if !ok || d.s.TryNull() {
			continue
		}
		d.field(spec)
	}
}

// dollar reads what is not a field.
func (d *decoder) dollar(key string) {
	if key != "$parameters" {
		d.failure = message.Invalid(contract.CodeUnknownField, "unknown field %q", key)
		d.failure.Remedy = "of the names that begin with $ there is only $parameters"
		return
	}
	if d.s.Kind() != jsontext.Object {
		d.s.Fail("$parameters: expected an object, found %s", d.s.Kind())
		return
	}
	d.in.Parameters = jsontensor.ReadParameters(&d.s)
}

// spec returns what is known of the field, which is its name alone where no fields are known.
func (d *decoder) spec(key []byte) (FieldSpec, bool) {
	for i := range d.fields {
		if d.fields[i].Name == string(key) {
			return d.fields[i], true
		}
	}
	if d.fields == nil {
		return FieldSpec{Name: string(key)}, true
	}
	d.failure = message.Invalid(contract.CodeUnknownField, "unknown field %q", key)
	names := make([]string, len(d.fields))
	for i := range d.fields {
		names[i] = d.fields[i].Name
	}
	d.failure.Remedy = contract.Suggest(string(key), names)
	return FieldSpec{}, false
}

// field reads one field's value.
func (d *decoder) field(spec FieldSpec) {
	name := spec.Name
	if d.in.Tensor(name) != nil {
		d.failure = message.Invalid(jsontensor.CodeMalformed, "field %q stands twice", name)
		return
	}
	if len(d.in.Tensors) == jsontensor.MaxNames {
		d.failure = message.Invalid(jsontensor.CodeMalformed, "the request has more than %d fields", jsontensor.MaxNames)
		return
	}
	if d.in.Tensors == nil {
		d.in.Tensors = make([]tensor.Tensor, 0, max(len(d.fields), 1))
	}
	if kind := d.s.Kind(); kind == jsontext.Object {
		d.failure = unfit(name, kind.String())
		return
	}
	as := spec.Type
	if as.IsFloat() {
		as = tensor.Untyped // an integer that the float may not hold is the contract's to refuse
	}
	t := tensor.ReadJSON(&d.s, as)
	t.Name = name
	if err := d.s.Err(); err != nil {
		d.failure = message.Invalid(jsontensor.CodeMalformed, "field %q: %v", name, err)
		return
	}
	switch {
	case t.Shape == nil:
		t.Shape = []int64{1}
		d.in.Scalar = true
	case len(t.Shape) > 1 && t.Datatype == tensor.Bytes:
		d.failure = unfit(name, "an array of arrays of strings")
		return
	}
	d.in.Tensors = append(d.in.Tensors, t)
}

func unfit(name, found string) *message.Failure {
	f := message.Invalid(jsontensor.CodeMalformed, "field %q: expected a scalar, an array of scalars or a tensor of numbers, found %s", name, found)
	f.Remedy = "write what is nested as text in quotes, or ask the model in its own protocol"
	return f
}

// bare reads a value without a name: the field that is due.
func (d *decoder) bare() {
	var spec FieldSpec
	n := 0
	for _, f := range d.fields {
		if !f.Optional || len(d.fields) == 1 {
			spec, n = f, n+1
		}
	}
	switch {
	case d.fields == nil:
		spec.Name = "text"
	case n != 1:
		f := message.Invalid(contract.CodeMissingField, "a value without a name stands for the only field that is due, and there are %d", n)
		f.Remedy = "write an object: {\"field\": value}"
		d.failure = f
		return
	}
	d.field(spec)
}

// missing returns the failure that names the first field that is due and not there.
func (d *decoder) missing() *message.Failure {
	for i := range d.fields {
		f := &d.fields[i]
		if f.Optional || d.in.Tensor(f.Name) != nil {
			continue
		}
		fail := message.Invalid(contract.CodeMissingField, "field %q is missing", f.Name)
		if f.Type != tensor.Untyped {
			fail.Detail += ": expected " + f.Type.String()
		}
		return fail
	}
	if len(d.fields) == 0 && len(d.in.Tensors) == 0 {
		return message.Invalid(contract.CodeMissingField, "the request has no fields")
	}
	return nil
}
