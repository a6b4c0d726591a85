package seldon

import (
	"encoding/base64"
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// The fields of SeldonMessage.
const (
	fieldStatus = 1
	fieldMeta   = 2
	fieldData   = 3
	fieldBin    = 4
	fieldStr    = 5
	fieldJSON   = 6
	fieldCustom = 7
)

// grpcDecoder reads one SeldonMessage.
type grpcDecoder struct {
	c       message.Content
	payload choice
	status  statusText
}

func (d *grpcDecoder) decode(b []byte) error {
	var meta Meta
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("the body")
		}
		b = rest
		if f.Kind != protowire.BytesType {
			continue
		}
		var err error
		switch f.Number {
		case fieldStatus:
			err = d.status.readGRPC(f.Bytes)
		case fieldMeta:
			err = meta.readGRPC(f.Bytes)
		case fieldData, fieldJSON, fieldCustom:
			d.payload.message(f)
		case fieldBin, fieldStr:
			d.payload.scalar(f)
		}
		if err != nil {
			return err
		}
	}
	meta.into(&d.c)
	return d.content()
}

// content turns the payload to tensors.
func (d *grpcDecoder) content() (err error) {
	b := d.payload.Bytes
	switch d.payload.Number {
	case fieldData:
		return d.data(b)
	case fieldStr:
		if _, err := d.payload.Text("strData"); err != nil {
			return err
		}
		d.c.Tensors, d.c.Scalar = []tensor.Tensor{oneElement(b)}, true
	case fieldBin:
		d.c.Tensors, d.c.Scalar = []tensor.Tensor{oneElement(b)}, true
	case fieldJSON:
		d.c.JSON, err = appendValueJSON(nil, b, "jsonData", 0)
	case fieldCustom:
		if err := checkAny(b); err != nil {
			return err
		}
		d.c.Parameters.Set(keptAny, tensor.StringOf(base64.StdEncoding.EncodeToString(b)))
	}
	return err
}

// checkAny checks that b is a google.protobuf.Any, whatever is in it: it will be passed on as it is.
func checkAny(b []byte) error {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("customData")
		}
		if b = rest; f.Is(1, protowire.BytesType) {
			if _, err := f.Text("customData.type_url"); err != nil {
				return err
			}
		}
	}
	return nil
}

func oneElement(b []byte) tensor.Tensor {
	return tensor.Tensor{Datatype: tensor.Bytes, Shape: []int64{1}, Data: tensor.AppendBytes(make([]byte, 0, 4+len(b)), b)}
}

// data reads a DefaultData.
func (d *grpcDecoder) data(b []byte) error {
	var values choice
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("data")
		}
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			name, err := f.Text("a name in data.names")
			if err != nil {
				return err
			}
			d.c.Names = append(d.c.Names, name)
		case f.Kind == protowire.BytesType && f.Number >= 2 && f.Number <= 4:
			values.message(f)
		}
	}
	if values.Number == 0 {
		return nil
	}
	var t tensor.Tensor
	var err error
	switch dataForms[values.Number] {
	case dense:
		t, err = readDense(values.Bytes)
	case ndarray:
		t, err = readList(values.Bytes)
	case tftensor:
		t, err = readTensorProto(values.Bytes)
	}
	if err != nil {
		return err
	}
	d.c.Tensors = []tensor.Tensor{t}
	return nil
}

// readDense reads a Tensor. Values that came packed in one piece are a view of b; without a shape they are a vector.
func readDense(b []byte) (tensor.Tensor, error) {
	t := tensor.Tensor{Datatype: tensor.FP64}
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return t, protobuf.Truncated("data.tensor")
		}
		b = rest
		switch {
		case f.Is(1, protowire.VarintType):
			t.Shape = append(t.Shape, int64(int32(f.Num)))
		case f.Is(1, protowire.BytesType):
			for packed := f.Bytes; len(packed) > 0 && len(t.Shape) <= maxAxes; {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 {
					return t, protobuf.Truncated("the shape of data.tensor")
				}
				t.Shape, packed = append(t.Shape, int64(int32(v))), packed[n:]
			}
		case f.Is(2, protowire.Fixed64Type):
			t.Data = binary.LittleEndian.AppendUint64(t.Data, f.Num)
		case f.Is(2, protowire.BytesType):
			if len(f.Bytes)%8 != 0 {
				return t, malformed("data.tensor: its values are cut in the middle of an element")
			}
			if len(t.Data) == 0 {
				t.Data = f.Bytes // without room behind, so that more is appended elsewhere
			} else {
				t.Data = append(t.Data, f.Bytes...)
			}
		}
		if len(t.Shape) > maxAxes {
			return t, malformed("data.tensor: expected at most %d axes", maxAxes)
		}
	}
	if t.Shape == nil {
		t.Shape = []int64{int64(len(t.Data) / 8)}
	}
	if err := t.Check(); err != nil {
		return t, malformed("data.tensor: %v", err)
	}
	return t, nil
}
