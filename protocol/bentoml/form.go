package bentoml

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// part is one part of a form: views of the body.
type part struct {
	name string
	file bool
	data []byte
}

// parts goes over the parts of a form.
type parts struct {
	rest      []byte // begins with the line break that ends a boundary's line
	delimiter []byte // a line break, two dashes and the boundary
	last      bool   // there are no more
	err       string
}

// partsOf moves to the first part of text.
func partsOf(text []byte, parameters string) parts {
	boundary, ok := parameterOf(parameters, "boundary")
	if !ok || boundary == "" || len(boundary) > 70 { // RFC 2046, section 5.1.1
		return parts{err: "expected a boundary of 1 to 70 characters in its content type"}
	}
	p := parts{delimiter: []byte("\r\n--" + boundary)}
	if first := p.delimiter[2:]; bytes.HasPrefix(text, first) && p.begins(text[len(first):]) {
		return p
	}
	p.rest = text
	if _, ok := p.cut(); !ok {
		p.err = "expected a line with its boundary"
	}
	return p
}

// begins moves behind the delimiter that ends where after begins, or tells that it is none.
func (p *parts) begins(after []byte) bool {
	if p.last = bytes.HasPrefix(after, []byte("--")); p.last {
		return true
	}
	if after = bytes.TrimLeft(after, " \t"); !bytes.HasPrefix(after, []byte("\r\n")) {
		return false
	}
	p.rest = after
	return true
}

// cut moves behind the next delimiter and returns what stands before it.
func (p *parts) cut() (before []byte, ok bool) {
	text := p.rest
	for from := 0; ; {
		n := bytes.Index(text[from:], p.delimiter)
		if n < 0 {
			return nil, false
		}
		if end := from + n; p.begins(text[end+len(p.delimiter):]) {
			return text[:end], true
		}
		from += n + len(p.delimiter)
	}
}

// next returns the next part. It is false after the last one, and where err says what is wrong.
func (p *parts) next() (one part, ok bool) {
	if p.err != "" || p.last {
		return one, false
	}
	// Each line is cut so that the line break before the next one stays: where a part is empty it may be its delimiter's too.
	named := false
	for {
		line, after, whole := bytes.Cut(p.rest[2:], []byte("\r\n"))
		if !whole {
			p.err = "expected a blank line behind the head of a part"
			return one, false
		}
		p.rest = p.rest[len(p.rest)-len(after)-2:]
		if len(line) == 0 {
			break
		}
		key, value, _ := strings.Cut(string(line), ":")
		if !strings.EqualFold(strings.TrimSpace(key), "content-disposition") {
			continue
		}
		_, parameters := splitType(value)
		one.name, named = parameterOf(parameters, "name")
		_, plain := parameterOf(parameters, "filename")
		_, extended := parameterOf(parameters, "filename*")
		one.file = plain || extended
	}
	if !named {
		p.err = "expected a name in the head of each part"
		return one, false
	}
	if one.data, ok = p.cut(); !ok {
		p.err = "expected its boundary behind part " + quoted(one.name)
		return one, false
	}
	one.data = one.data[min(2, len(one.data)):]
	return one, true
}

func quoted(name string) string { return string(jsontext.AppendString(nil, name)) }

// decodeForm reads a form as a tensor for each name.
func decodeForm(text []byte, parameters string) (*message.Content, error) {
	c := new(message.Content)
	p := partsOf(text, parameters)
	for {
		one, ok := p.next()
		if !ok {
			break
		}
		if one.name == RootInput {
			one.name = ""
		}
		if err := addPart(c, &one); err != nil {
			return nil, err
		}
	}
	if p.err != "" {
		return nil, message.Invalid(jsontensor.CodeMalformed, "malformed form: %s", p.err)
	}
	if len(c.Tensors) == 0 {
		c.JSON = []byte("{}")
	}
	return c, nil
}

// addPart adds a part to c: to the rows of the files that have its name, or as a tensor. Of other parts with one name the last counts.
func addPart(c *message.Content, p *part) error {
	t := c.Tensor(p.name)
	switch {
	case t == nil && len(c.Tensors) == jsontensor.MaxNames:
		return message.Invalid(jsontensor.CodeMalformed, "malformed form: it has more than %d fields", jsontensor.MaxNames)
	case t == nil:
		c.Tensors = append(c.Tensors, tensor.Tensor{Name: p.name})
		t = &c.Tensors[len(c.Tensors)-1]
	case p.file && t.Datatype == tensor.Bytes && len(t.Shape) < 2:
		t.Data = tensor.AppendBytes(t.Data, p.data)
		if t.Shape == nil {
			t.Shape = []int64{1}
		}
		t.Shape = []int64{t.Shape[0] + 1}
		c.Scalar = false
		return nil
	}
	if p.file {
		*t = one(p.name, p.data)
		c.Scalar = true
		return nil
	}
	s := jsontext.NewScanner(p.data)
	if s.Skip(); s.End() != nil {
		if !utf8.Valid(p.data) {
			return message.Invalid(jsontensor.CodeMalformed, "field %q: expected JSON or UTF-8 in a part that is no file", p.name)
		}
		*t = one(p.name, p.data)
		c.Scalar = true
		return nil
	}
	if err := jsontensor.Parse(p.data, t); err != nil {
		return message.Invalid(jsontensor.CodeMalformed, "field %q: %v", p.name, err)
	}
	c.Scalar = c.Scalar || t.Shape == nil
	return nil
}

// encodeForm renders the contract's inputs as a form: a part for each file, and for each other input its JSON.
func (b Codec) encodeForm(c *message.Content, t *message.Target) (*message.Wire, error) {
	form := formWriter{buf: make([]byte, 0, 1024), boundary: boundaryFor(c)}
	for i := range b.contract.Inputs {
		f := &b.contract.Inputs[i]
		in := c.Tensor(f.ServerName())
		if in == nil {
			continue
		}
		kind := mediaType(f.Parameters)
		if kind != "" && in.Datatype == tensor.Bytes {
			for files := in.Strings(); ; {
				data, ok := files.Next()
				if !ok {
					break
				}
				form.head(f.ServerName(), kind)
				form.buf = append(form.buf, data...)
			}
			continue
		}
		value := *in
		if f.Shape == nil && len(in.Shape) == 1 && in.Shape[0] == 1 {
			value.Shape = nil
		}
		form.head(f.ServerName(), "")
		var err error
		if form.buf, err = jsontensor.Append(form.buf, &value); err != nil {
			return nil, err
		}
	}
	for _, fixed := range t.Parameters.Under(b.contract.Parameters) {
		v := fixed.Value
		if own, ok := c.Parameters.Get(fixed.Name); ok {
			v = own
		}
		form.head(fixed.Name, "")
		var err error
		if form.buf, err = v.AppendJSON(form.buf); err != nil {
			return nil, message.Invalid(jsontensor.CodeNoForm, "parameter %q: %v", fixed.Name, err)
		}
	}
	buf := append(append(append(form.buf, "\r\n--"...), form.boundary...), "--\r\n"...)
	return &message.Wire{Dialect: message.BentoML, Body: body.Of(buf), ContentType: "multipart/form-data; boundary=" + form.boundary, JSONLength: -1}, nil
}

// boundaryFor returns a boundary that does not stand in the content: its own hash.
func boundaryFor(c *message.Content) string {
	h := sha256.New()
	for i := range c.Tensors {
		h.Write(c.Tensors[i].Data)
	}
	return "millrace-" + hex.EncodeToString(h.Sum(nil)[:16])
}

type formWriter struct {
	buf      []byte
	boundary string
}

var inName = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A") // as browsers write names

// head begins a part: that of a file where it has a media type.
func (w *formWriter) head(name, kind string) {
	if len(w.buf) > 0 {
		w.buf = append(w.buf, "\r\n"...)
	}
	w.buf = append(append(append(w.buf, "--"...), w.boundary...), "\r\nContent-Disposition: form-data; name=\""...)
	w.buf = append(append(w.buf, inName.Replace(name)...), '"')
	if kind != "" {
		w.buf = append(append(w.buf, "; filename=\"file\"\r\nContent-Type: "...), kind...)
	} else {
		w.buf = append(w.buf, "\r\nContent-Type: application/json"...)
	}
	w.buf = append(w.buf, "\r\n\r\n"...)
}
