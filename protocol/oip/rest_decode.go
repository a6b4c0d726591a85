package oip

import (
	"bytes"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// DecodeRequest reads an inference request: JSON, and behind its first w.JSONLength bytes the binary tensors, which are views of the body.
func (REST) DecodeRequest(w *message.Wire) (*message.Content, error) { return decodeREST(w, request) }

// DecodeReply reads an inference response in the same way.
func (REST) DecodeReply(w *message.Wire) (*message.Content, error) { return decodeREST(w, reply) }

// split parts a body in JSON and binary data.
func split(w *message.Wire) (text, data []byte, err error) {
	all := w.Body.Bytes()
	switch n := w.JSONLength; {
	case n < 0:
		return all, nil, nil
	case n > len(all):
		return nil, nil, malformed("inference header size should be in range (0, %d), got: %d", len(all), n)
	case n == 0 && len(all) > 0:
		f := malformed("a raw binary request names neither tensor nor shape, and is only passed to a server that is asked alone")
		f.Remedy = "send the JSON form, or binary tensors behind a JSON header"
		return nil, nil, f
	default:
		return all[:n], all[n:], nil
	}
}

type restDecoder struct {
	s    jsontext.Scanner
	side *side
	c    *message.Content
	data []byte // binary data that no tensor has taken yet
}

func decodeREST(w *message.Wire, s *side) (*message.Content, error) {
	text, data, err := split(w)
	if err != nil {
		return nil, err
	}
	d := restDecoder{s: jsontext.NewScanner(text), side: s, c: &message.Content{}, data: data}
	d.s.NonFinite = true // Triton's tokens
	if err := d.message(); err != nil {
		return nil, err
	}
	if err := d.s.End(); err != nil {
		return nil, malformed("%v", err)
	}
	if len(d.data) > 0 {
		return nil, malformed("unexpected additional %s data: %d bytes are behind the last binary tensor", s.what, len(d.data))
	}
	return d.c, checkTensors(d.c, s)
}

func (d *restDecoder) message() error {
	s, found := &d.s, false
	for s.Object(); s.NextKey(); {
		switch key := string(s.Key()); key {
		case "model_name":
			d.c.Model = optionalText(s)
		case "model_version":
			d.c.Version = optionalText(s)
		case "id":
			d.c.ID = optionalText(s)
		case "parameters":
			d.c.Parameters = readParameters(s).Without("binary_data_output")
		case d.side.list:
			if found {
				return malformed("offset %d: '%s' stands twice", s.Offset(), key)
			}
			found = true
			if err := d.tensors(); err != nil {
				return err
			}
		case "outputs":
			d.c.Asked = readAsked(s)
		default:
			s.Skip()
		}
	}
	if s.Err() == nil && !found {
		return malformed("expected '%s' in the %s, found none", d.side.list, d.side.message)
	}
	return nil
}

// optionalText reads a string, or what some servers write in its place: null, and versions as numbers.
func optionalText(s *jsontext.Scanner) string {
	switch s.Kind() {
	case jsontext.Null:
		s.Null()
		return ""
	case jsontext.Number:
		return string(s.Number())
	}
	return s.Text()
}

func readParameters(s *jsontext.Scanner) tensor.Parameters {
	p := tensor.ReadParameters(s)
	if len(p) > maxParameters {
		s.Fail("expected at most %d parameters, got %d", maxParameters, len(p))
	}
	return p
}

// readAsked reads the outputs that a request asks for; what they say of binary data is for the reply's encoder.
func readAsked(s *jsontext.Scanner) []message.Asked {
	asked, _ := readAskedForms(s)
	return asked
}

func (d *restDecoder) tensors() error {
	s := &d.s
	if s.TryNull() {
		return nil
	}
	for s.Array(); s.NextElement(); {
		if len(d.c.Tensors) == maxTensors {
			return malformed("expected at most %d %ss, got more", maxTensors, d.side.what)
		}
		t, err := d.tensor()
		if err != nil {
			return err
		}
		d.c.Tensors = append(d.c.Tensors, t)
	}
	return nil
}

// tensor reads one tensor, whatever the order of its keys: data that comes before its shape is come back to.
func (d *restDecoder) tensor() (t tensor.Tensor, err error) {
	s := &d.s
	var data, later jsontext.Scanner
	hasData, hasShape, hasType, done, size := false, false, false, false, int64(-1)
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "name":
			t.Name = s.Text()
		case "shape":
			t.Shape, hasShape = d.shape(), true
		case "datatype":
			hasType = true
			text := s.Bytes()
			if s.Err() == nil {
				if t.Datatype, err = datatypeOf(text, t.Name, d.side); err != nil {
					return t, err
				}
			}
		case "parameters":
			t.Parameters = readParameters(s)
			if v, ok := t.Parameters.Get("binary_data_size"); ok {
				if size = v.Int; v.Kind != tensor.Int64Value || size < 0 {
					return t, malformed("%s '%s': expected a number of bytes as binary_data_size", d.side.what, t.Name)
				}
				t.Parameters = t.Parameters.Without("binary_data_size")
			}
		case "data":
			if hasData {
				return t, malformed("offset %d: %s '%s': 'data' stands twice", s.Offset(), d.side.what, t.Name)
			}
			if hasData = !s.TryNull(); !hasData {
				break
			}
			if hasShape && hasType {
				t.Data, err = d.readData(s, &t)
				done = true
				if err != nil {
					return t, err
				}
				break
			}
			data = *s
			s.Skip()
		default:
			s.Skip()
		}
	}
	if s.Err() != nil {
		return t, nil // the caller reports it
	}
	switch {
	case !hasType:
		return t, malformed("%s '%s' has no datatype", d.side.what, t.Name)
	case !hasShape:
		return t, malformed("%s '%s' has no shape", d.side.what, t.Name)
	case hasData && size >= 0:
		return t, malformed("%s '%s': expected 'data' or binary_data_size, found both", d.side.what, t.Name)
	case done:
	case hasData:
		later = data
		t.Data, err = d.readData(&later, &t)
	case size >= 0:
		if size > int64(len(d.data)) {
			return t, malformed("%s '%s': binary_data_size is %d, but only %d bytes are left in the body", d.side.what, t.Name, size, len(d.data))
		}
		t.Data, d.data = d.data[:size:size], d.data[size:]
		err = checkData(d.c, &t, d.side)
	default:
		err = d.noData(&t)
	}
	return t, err
}

// noData refuses a tensor without data, unless it has no elements or its data is elsewhere, which is refused by another name.
func (d *restDecoder) noData(t *tensor.Tensor) error {
	n, err := tensor.Elements(t.Shape)
	if err != nil {
		return malformed("%s '%s': %v", d.side.what, t.Name, err)
	}
	if _, shared := t.Parameters.Get("shared_memory_region"); n > 0 && !shared {
		return malformed("unable to find data for %s tensor '%s' for model '%s' in request.", d.side.what, t.Name, d.c.Model)
	}
	return nil
}

func (d *restDecoder) readData(s *jsontext.Scanner, t *tensor.Tensor) ([]byte, error) {
	n, err := tensor.Elements(t.Shape)
	if err != nil {
		return nil, malformed("%s '%s': %v", d.side.what, t.Name, err)
	}
	data := tensor.ReadJSONData(s, t.Datatype, n)
	if err := s.Err(); err != nil {
		return nil, malformed("%s '%s': unable to parse 'data': %v", d.side.what, t.Name, err)
	}
	return data, nil
}

func (d *restDecoder) shape() []int64 {
	s := &d.s
	shape := make([]int64, 0, 4)
	for s.Array(); s.NextElement(); {
		v := tensor.ReadValue(s)
		switch {
		case s.Err() != nil:
		case v.Kind != tensor.Int64Value:
			s.Fail("expected an integer in a shape")
		case len(shape) == maxAxes:
			s.Fail("expected at most %d axes in a shape, got more", maxAxes)
		}
		shape = append(shape, v.Int)
	}
	return shape
}

// wanted is how a client wants its outputs.
type wanted struct {
	asked  []message.Asked
	binary []bool // of each asked one
	all    bool   // of those that do not say
}

// of tells whether the output is to be binary.
func (w *wanted) of(name string) bool {
	for i := range w.asked {
		if w.asked[i].Name == name {
			return w.binary[i]
		}
	}
	return w.all
}

// wantedOf reads that from a request, passing over its tensors.
func wantedOf(w *message.Wire) (wanted, error) {
	var out wanted
	text := w.Body.Bytes()
	if w.JSONLength == 0 { // a raw binary request is answered in binary
		out.all = true
		return out, nil
	}
	if w.JSONLength > 0 {
		text = text[:min(w.JSONLength, len(text))]
	}
	if !bytes.Contains(text, []byte(`"outputs"`)) && !bytes.Contains(text, []byte("binary_data_output")) {
		return out, nil
	}
	s := jsontext.NewScanner(text)
	s.NonFinite = true
	var forms []tensor.Value
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "parameters":
			v, _ := readParameters(&s).Get("binary_data_output")
			out.all = v.Bool
		case "outputs":
			out.asked, forms = readAskedForms(&s)
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return out, malformed("%v", err)
	}
	out.binary = make([]bool, len(forms))
	for i, v := range forms {
		out.binary[i] = v.Kind == tensor.BoolValue && v.Bool || v.Kind != tensor.BoolValue && out.all
	}
	return out, nil
}

// readAskedForms reads the outputs asked for and, of each, its parameter binary_data.
func readAskedForms(s *jsontext.Scanner) (asked []message.Asked, forms []tensor.Value) {
	if s.TryNull() {
		return nil, nil
	}
	for s.Array(); s.NextElement(); {
		if len(asked) == maxTensors {
			s.Fail("expected at most %d outputs, got more", maxTensors)
			break
		}
		var a message.Asked
		var form tensor.Value
		for s.Object(); s.NextKey(); {
			switch string(s.Key()) {
			case "name":
				a.Name = s.Text()
			case "parameters":
				a.Parameters = readParameters(s)
				form, _ = a.Parameters.Get("binary_data")
				a.Parameters = a.Parameters.Without("binary_data")
			default:
				s.Skip()
			}
		}
		if s.Err() == nil && a.Name == "" {
			s.Fail("a requested output has no name")
		}
		asked, forms = append(asked, a), append(forms, form)
	}
	return asked, forms
}
