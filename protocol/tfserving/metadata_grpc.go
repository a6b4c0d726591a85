package tfserving

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// signatureMapType is how the metadata's Any names what it holds.
const signatureMapType = "type.googleapis.com/tensorflow.serving.SignatureDefMap"

// AppendMetadataRequestGRPC appends a GetModelMetadataRequest, which asks for the signatures; [PeekModel] reads it.
func AppendMetadataRequestGRPC(dst []byte, model, version string) []byte {
	return protobuf.AppendText(appendSpec(dst, 1, model, version, ""), 2, "signature_def")
}

// ParseMetadataGRPC reads a GetModelMetadataResponse.
func ParseMetadataGRPC(b []byte) (*ModelMetadata, error) {
	m := &ModelMetadata{}
	var s spec
	err := protobuf.Each(b, "model metadata", func(f *protobuf.Field) error {
		switch {
		case f.Is(1, protowire.BytesType):
			return s.merge(f.Bytes)
		case f.Is(2, protowire.BytesType):
			name, value, err := entryOf(f.Bytes)
			if err != nil || name != "signature_def" {
				return err
			}
			return m.signatures(value)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.Name = s.name
	m.Version, err = s.version()
	return m, err
}

// entryOf reads an entry of a map from strings to messages.
func entryOf(b []byte) (name string, value []byte, err error) {
	err = protobuf.Each(b, "model metadata", func(f *protobuf.Field) (err error) {
		switch {
		case f.Is(1, protowire.BytesType):
			name, err = f.Text("a name in model metadata")
		case f.Is(2, protowire.BytesType):
			value = f.Bytes
		}
		return err
	})
	return name, value, err
}

// signatures reads an Any that holds a SignatureDefMap.
func (m *ModelMetadata) signatures(b []byte) error {
	var packed []byte
	if err := protobuf.Each(b, "model metadata", func(f *protobuf.Field) error {
		if f.Is(2, protowire.BytesType) {
			packed = f.Bytes
		}
		return nil
	}); err != nil {
		return err
	}
	return protobuf.Each(packed, "the signatures of model metadata", func(f *protobuf.Field) error {
		if !f.Is(1, protowire.BytesType) {
			return nil
		}
		if len(m.Signatures) == maxTensors {
			return malformed("model metadata: expected at most %d signatures, got more", maxTensors)
		}
		name, value, err := entryOf(f.Bytes)
		if err != nil {
			return err
		}
		s := Signature{Name: name}
		err = protobuf.Each(value, "a signature", func(f *protobuf.Field) (err error) {
			switch {
			case f.Is(1, protowire.BytesType):
				s.Inputs, err = appendInfoOf(s.Inputs, f.Bytes)
			case f.Is(2, protowire.BytesType):
				s.Outputs, err = appendInfoOf(s.Outputs, f.Bytes)
			case f.Is(3, protowire.BytesType):
				s.Method, err = f.Text("the method of a signature")
			}
			return err
		})
		m.Signatures = append(m.Signatures, s)
		return err
	})
}

func appendInfoOf(dst []TensorInfo, b []byte) ([]TensorInfo, error) {
	if len(dst) == maxTensors {
		return dst, malformed("model metadata: expected at most %d tensors, got more", maxTensors)
	}
	name, value, err := entryOf(b)
	if err != nil {
		return dst, err
	}
	t := TensorInfo{Name: name}
	err = protobuf.Each(value, "a tensor of a signature", func(f *protobuf.Field) (err error) {
		switch {
		case f.Is(1, protowire.BytesType):
			t.Tensor, err = f.Text("a tensor of a signature")
		case f.Is(2, protowire.VarintType):
			t.Datatype = datatypeOf(tensorproto.Numbered(int32(f.Num)))
		case f.Is(3, protowire.BytesType):
			var ok bool
			if t.Shape, t.UnknownRank, ok = tensorproto.AppendShape(t.Shape, t.UnknownRank, f.Bytes, maxAxes); !ok {
				err = protobuf.Truncated("a shape")
			}
		}
		return err
	})
	return append(dst, t), err
}

// AppendGRPC appends the metadata as a GetModelMetadataResponse.
func (m *ModelMetadata) AppendGRPC(dst []byte) []byte {
	dst = appendSpec(dst, 1, m.Name, m.Version, "")
	dst, entry := protobuf.Open(dst, 2)
	dst = protobuf.AppendText(dst, 1, "signature_def")
	dst, holder := protobuf.Open(dst, 2)
	dst = protobuf.AppendText(dst, 1, signatureMapType)
	dst, packed := protobuf.Open(dst, 2)
	for i := range m.Signatures {
		s := &m.Signatures[i]
		at, value := 0, 0
		dst, at = protobuf.Open(dst, 1)
		dst = protobuf.AppendText(dst, 1, s.Name)
		dst, value = protobuf.Open(dst, 2)
		dst = appendInfos(dst, 1, s.Inputs)
		dst = appendInfos(dst, 2, s.Outputs)
		dst = protobuf.AppendText(dst, 3, s.Method)
		dst = protobuf.Seal(protobuf.Seal(dst, value), at)
	}
	return protobuf.Seal(protobuf.Seal(protobuf.Seal(dst, packed), holder), entry)
}

func appendInfos(dst []byte, number protowire.Number, ts []TensorInfo) []byte {
	for i := range ts {
		t := &ts[i]
		at, value, shape := 0, 0, 0
		dst, at = protobuf.Open(dst, number)
		dst = protobuf.AppendText(dst, 1, t.Name)
		dst, value = protobuf.Open(dst, 2)
		dst = protobuf.AppendInt(protobuf.AppendText(dst, 1, t.Tensor), 2, int64(tensorproto.Of(published(t.Datatype)).Number))
		dst, shape = protobuf.Open(dst, 3)
		dst = tensorproto.AppendDims(dst, t.Shape)
		if t.UnknownRank {
			dst = protobuf.AppendInt(dst, 3, 1)
		}
		dst = protobuf.Seal(protobuf.Seal(protobuf.Seal(dst, shape), value), at)
	}
	return dst
}
