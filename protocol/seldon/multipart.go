package seldon

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

const typeForm = "multipart/form-data"

// isForm tells whether w is a form (multipart/form-data), as Seldon's wrapper takes it in place of JSON.
func isForm(w *message.Wire) bool {
	return len(w.ContentType) >= len(typeForm) && strings.EqualFold(w.ContentType[:len(typeForm)], typeForm)
}

// boundaryOf returns what separates the parts of a form.
func boundaryOf(w *message.Wire) (string, bool) {
	if !isForm(w) {
		return "", false
	}
	_, parameters, err := mime.ParseMediaType(w.ContentType)
	return parameters["boundary"], err == nil && parameters["boundary"] != ""
}

// parts reads a form: strData as text, binData as it is, every other part as the JSON of the member of its name.
func (d *decoder) parts(text []byte, boundary string) error {
	r := multipart.NewReader(bytes.NewReader(text), boundary)
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if n == jsontensor.MaxNames {
			return malformed("expected at most %d parts in the form", jsontensor.MaxNames)
		}
		if err != nil {
			return malformed("malformed form: %v", err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return malformed("malformed form: %v", err)
		}
		if err := d.part(part.FormName(), content); err != nil {
			return err
		}
	}
}

func (d *decoder) part(name string, content []byte) error {
	d.s = jsontext.NewScanner(content)
	switch name {
	case "strData":
		if !utf8.Valid(content) {
			return malformed("part strData of the form is not UTF-8; send it as binData")
		}
		if d.one(strData) {
			d.row(content)
		}
		return d.s.Err()
	case "binData":
		if d.one(binData) {
			d.row(content)
		}
		return d.s.Err()
	case "":
		return malformed("malformed form: a part has no name")
	}
	d.member([]byte(name))
	if d.failure != nil {
		return d.failure
	}
	if err := d.s.End(); err != nil {
		return malformed("part %.40q of the form: malformed JSON: %v", name, err)
	}
	return nil
}
