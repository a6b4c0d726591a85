package seldon

import (
	"encoding/base64"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// kept is the prefix of parameters that hold what has no other place, as JSON; keptMeta that of what stands in meta.
const (
	kept     = "seldon."
	keptMeta = kept + "meta."
	// keptCustom is customData's JSON, keptAny, base64, that of gRPC: the two do not convert without knowing its type.
	keptCustom = kept + "customData"
	keptAny    = kept + "any"
)

// decoder reads one SeldonMessage.
type decoder struct {
	s       jsontext.Scanner
	c       *message.Content
	form    form
	status  statusText
	failure error
}

// decode reads w's body.
func (d *decoder) decode(w *message.Wire) error {
	d.c = new(message.Content)
	if boundary, ok := boundaryOf(w); ok {
		return d.parts(w.Body.Bytes(), boundary)
	}
	d.s = jsontext.NewScanner(w.Body.Bytes())
	if kind := d.s.Kind(); kind != jsontext.Object && kind != jsontext.None {
		return malformed("expected a SeldonMessage, an object, found %s", kind)
	}
	for d.s.Object(); d.failure == nil && d.s.NextKey(); {
		d.member(d.s.Key())
	}
	if d.failure != nil {
		return d.failure
	}
	if err := d.s.End(); err != nil {
		return jsontensor.Malformed(err)
	}
	return nil
}

func (d *decoder) member(key []byte) {
	switch string(key) {
	case "status":
		if !d.s.TryNull() {
			d.status.read(&d.s)
		}
	case "meta":
		if !d.s.TryNull() {
			d.meta()
		}
	case "data":
		if !d.s.TryNull() {
			d.data()
		}
	case "strData":
		if !d.s.TryNull() && d.one(strData) {
			d.row(d.s.Bytes())
		}
	case "binData":
		if !d.s.TryNull() && d.one(binData) {
			d.binary()
		}
	case "jsonData":
		if raw := d.s.Skip(); string(raw) != "null" && d.one(jsonData) {
			d.c.JSON = raw
		}
	case "customData":
		if raw := d.s.Skip(); string(raw) != "null" && d.one(customData) {
			d.keep(keptCustom, raw)
		}
	default:
		d.keep(kept+string(key), d.s.Skip())
	}
}

// one notes the form of the payload, of which there is one.
func (d *decoder) one(f form) bool {
	if d.form != none && d.form != f {
		d.s.Fail("expected one of data, strData, binData, jsonData and customData, found %s and %s", d.form, f)
		return false
	}
	d.form = f
	return true
}

func (d *decoder) keep(name string, raw []byte) {
	if len(d.c.Parameters) == jsontensor.MaxNames {
		d.s.Fail("expected at most %d fields that are not known", jsontensor.MaxNames)
	}
	if d.s.Err() == nil {
		d.c.Parameters.Set(name, tensor.JSONOf(string(raw)))
	}
}

// row takes one BYTES element as the payload.
func (d *decoder) row(element []byte) {
	t := tensor.Tensor{Datatype: tensor.Bytes, Shape: []int64{1}}
	t.Data = tensor.AppendBytes(make([]byte, 0, 4+len(element)), element)
	d.c.Tensors = append(d.c.Tensors[:0], t)
	d.c.Scalar = true
}

func (d *decoder) binary() {
	text := d.s.Bytes()
	element := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(element, text)
	if err != nil {
		d.s.Fail("binData: expected base64: %v", err)
		return
	}
	d.row(element[:n])
}

func (d *decoder) meta() {
	for d.s.Object(); d.s.NextKey(); {
		switch key := d.s.Key(); string(key) {
		case "puid":
			if !d.s.TryNull() {
				d.c.ID = d.s.Text()
			}
		case "tags":
			d.c.Tags = jsontensor.ReadParameters(&d.s)
		default:
			name := keptMeta + string(key)
			d.keep(name, d.s.Skip())
		}
	}
}

func (d *decoder) data() {
	for d.s.Object(); d.failure == nil && d.s.NextKey(); {
		switch key := d.s.Key(); string(key) {
		case "names":
			d.names()
		case "ndarray":
			if !d.s.TryNull() && d.one(ndarray) {
				d.tensor(tensor.ReadJSON(&d.s, tensor.Untyped))
			}
		case "tensor":
			if !d.s.TryNull() && d.one(dense) {
				d.dense()
			}
		case "tftensor":
			if !d.s.TryNull() && d.one(tftensor) {
				d.tensor(readTFTensor(&d.s))
			}
		default:
			d.s.Skip()
		}
	}
}

func (d *decoder) tensor(t tensor.Tensor) {
	if d.s.Err() == nil {
		d.c.Tensors = append(d.c.Tensors[:0], t)
	}
}

func (d *decoder) names() {
	d.c.Names = nil
	if d.s.TryNull() {
		return
	}
	for d.s.Array(); d.s.NextElement(); {
		if d.s.Kind() == jsontext.String {
			d.c.Names = append(d.c.Names, d.s.Text())
		} else {
			d.c.Names = append(d.c.Names, string(d.s.Skip())) // pandas gives numbers to columns without names
		}
	}
}

// dense reads a Tensor, whose shape may come before or after its values.
func (d *decoder) dense() {
	var shape []int64
	var values tensor.Tensor
	declared := false
	for d.s.Object(); d.s.NextKey(); {
		switch key := d.s.Key(); string(key) {
		case "shape":
			if declared = !d.s.TryNull(); declared {
				shape = d.shape()
			}
		case "values":
			if !d.s.TryNull() {
				values = tensor.ReadJSON(&d.s, tensor.FP64)
			}
		default:
			d.s.Skip()
		}
	}
	if d.s.Err() != nil {
		return
	}
	values.Datatype = tensor.FP64
	if !declared {
		shape = []int64{int64(len(values.Data) / 8)}
	}
	values.Shape = shape
	if err := values.Check(); err != nil {
		d.failure = malformed("data.tensor: %v", err)
		return
	}
	d.tensor(values)
}

func (d *decoder) shape() []int64 {
	t := tensor.ReadJSON(&d.s, tensor.Int64)
	if d.s.Err() != nil {
		return nil
	}
	shape := make([]int64, t.Len())
	for i := range shape {
		shape[i], _ = t.Int64At(i)
	}
	return shape
}
