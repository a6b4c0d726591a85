package mlflow

import (
	"strings"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// form is how an invocation in JSON carries its input.
type form uint8

const (
	noForm form = iota
	dataframeSplit
	dataframeRecords
	instances
	inputs
	unwrapped // a chat or a completion, which MLflow hands to the model as it stands
)

var formKeys = [...]string{dataframeSplit: "dataframe_split", dataframeRecords: "dataframe_records", instances: "instances", inputs: "inputs"}

// invocation is a client's request in JSON: views of its text.
type invocation struct {
	form   form
	forms  int // how many of the four it has
	input  []byte
	params []byte
}

// readInvocation reads an object; the error is the scanner's.
func readInvocation(text []byte) (invocation, error) {
	var v invocation
	chat := false
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		f := noForm
		switch string(s.Key()) {
		case "dataframe_split":
			f = dataframeSplit
		case "dataframe_records":
			f = dataframeRecords
		case "instances":
			f = instances
		case "inputs":
			f = inputs
		case "messages", "prompt", "input":
			chat = true
		case "params":
			v.params = s.Skip()
			continue
		}
		raw := s.Skip()
		if f == noForm {
			continue
		}
		if f != v.form {
			v.forms++
		}
		v.form, v.input = f, raw // of a key that stands twice the last value counts
	}
	if err := s.End(); err != nil {
		return v, err
	}
	if chat {
		v.form, v.forms = unwrapped, 1
	}
	return v, nil
}

// required is how MLflow begins when a body has not the form it takes.
const required = "The input must be a JSON dictionary with exactly one of the input fields {'dataframe_split', 'dataframe_records', 'instances', 'inputs'}"

// received is how Python calls the kinds of JSON.
var received = [...]string{jsontext.None: "nothing", jsontext.Null: "null", jsontext.Bool: "a bool", jsontext.Number: "a number", jsontext.String: "a string", jsontext.Array: "a list"}

// DecodeRequest reads a client's invocation by its content type: CSV or JSON.
func (Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	csv, err := isCSV(w.ContentType)
	if err != nil {
		return nil, err
	}
	text := w.Body.Bytes()
	if csv {
		return decodeCSV(text)
	}
	s := jsontext.NewScanner(text)
	if kind := s.Kind(); kind != jsontext.Object {
		if s.Skip(); s.End() != nil {
			return nil, jsontensor.Malformed(s.Err())
		}
		return nil, message.Invalid(jsontensor.CodeMalformed, "%s. Received %s.", required, received[kind])
	}
	v, err := readInvocation(text)
	if err != nil {
		return nil, jsontensor.Malformed(err)
	}
	if v.form == unwrapped {
		return &message.Content{JSON: text}, nil
	}
	if v.forms != 1 {
		return nil, message.Invalid(jsontensor.CodeMalformed, "%s. Received %d of them.", required, v.forms)
	}
	c, err := v.decode()
	if err != nil || v.params == nil {
		return c, err
	}
	params := jsontext.NewScanner(v.params)
	c.Parameters = jsontensor.ReadParameters(&params)
	if err := params.End(); err != nil {
		return nil, message.Invalid(jsontensor.CodeMalformed, "params: %v", err)
	}
	return c, nil
}

func (v *invocation) decode() (*message.Content, error) {
	if v.form == dataframeSplit {
		return decodeSplit(v.input)
	}
	c := jsontensor.DecodeValue(v.input)
	if len(c.JSON) > 0 {
		f := message.Invalid(jsontensor.CodeMalformed, "%s: expected a regular array of values of one kind, or the same keys in all its objects", formKeys[v.form])
		f.Remedy = "fill what is missing, or null, in the request"
		return nil, f
	}
	if v.form == dataframeRecords && (v.input[0] != '[' || c.Tensors[0].Name == "" && c.Tensors[0].Len() > 0) {
		return nil, message.Invalid(jsontensor.CodeMalformed, "dataframe_records: expected a list of records")
	}
	return c, nil
}

// isCSV tells which of the two content types a request has; none is JSON.
func isCSV(contentType string) (bool, error) {
	kind, parameters, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	csv := kind == "text/csv"
	if !csv && kind != "application/json" && kind != "" {
		return false, unsupported("This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got '" + kind + "'.")
	}
	for _, p := range strings.Split(parameters, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch {
		case key == "":
		case !strings.EqualFold(key, "charset"):
			return false, unsupported("Unrecognized content type parameters: " + key + ".")
		case !strings.EqualFold(strings.Trim(value, `"`), "utf-8"):
			return false, unsupported("The scoring server only supports UTF-8. Got '" + value + "'.")
		}
	}
	return csv, nil
}

// mediaTypeError marks a failure that MLflow answers with 415 and plain text.
type mediaTypeError struct{ text string }

func (e *mediaTypeError) Error() string { return e.text }

func unsupported(text string) error {
	f := message.Invalid(jsontensor.CodeMalformed, "%s", text)
	f.Cause = &mediaTypeError{text}
	return f
}
