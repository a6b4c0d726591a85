package tfserving

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// signatureMapType is how the metadata's Any names what it holds.
const signatureMapType = "type.googleapis.com/tensorflow.serving.SignatureDefMap"

// AppendMetadataRequestGRPC appends a GetModelMetadataRequest, which asks for the signatures; [PeekModel] reads it.
func AppendMetadataRequestGRPC(dst []byte, model, version string) []byte {
	return appendText(appendSpec(dst, 1, model, version, ""), 2, "signature_def")
}

// ParseMetadataGRPC reads a GetModelMetadataResponse.
func ParseMetadataGRPC(b []byte) (*ModelMetadata, error) {
	m := &ModelMetadata{}
	var s spec
	err := each(b, "model metadata", func(f *field) error {
		switch {
		case f.is(1, protowire.BytesType):
			return s.merge(f.bytes)
		case f.is(2, protowire.BytesType):
			name, value, err := entryOf(f.bytes)
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
	err = each(b, "model metadata", func(f *field) (err error) {
		switch {
		case f.is(1, protowire.BytesType):
			name, err = f.text("a name in model metadata")
		case f.is(2, protowire.BytesType):
			value = f.bytes
		}
		return err
	})
	return name, value, err
}

// signatures reads an Any that holds a SignatureDefMap.
func (m *ModelMetadata) signatures(b []byte) error {
	var packed []byte
	if err := each(b, "model metadata", func(f *field) error {
		if f.is(2, protowire.BytesType) {
			packed = f.bytes
		}
		return nil
	}); err != nil {
		return err
	}
	return each(packed, "the signatures of model metadata", func(f *field) error {
		if !f.is(1, protowire.BytesType) {
			return nil
		}
		if len(m.Signatures) == maxTensors {
			return malformed("model metadata: expected at most %d signatures, got more", maxTensors)
		}
		name, value, err := entryOf(f.bytes)
		if err != nil {
			return err
		}
		s := Signature{Name: name}
		err = each(value, "a signature", func(f *field) (err error) {
			switch {
			case f.is(1, protowire.BytesType):
				s.Inputs, err = appendInfoOf(s.Inputs, f.bytes)
			case f.is(2, protowire.BytesType):
				s.Outputs, err = appendInfoOf(s.Outputs, f.bytes)
			case f.is(3, protowire.BytesType):
				s.Method, err = f.text("the method of a signature")
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
	err = each(value, "a tensor of a signature", func(f *field) (err error) {
		switch {
		case f.is(1, protowire.BytesType):
			t.Tensor, err = f.text("a tensor of a signature")
		case f.is(2, protowire.VarintType):
			t.Datatype, _ = datatypeOf(int32(f.num))
		case f.is(3, protowire.BytesType):
			t.Shape, t.UnknownRank, err = appendShape(t.Shape, t.UnknownRank, f.bytes)
		}
		return err
	})
	return append(dst, t), err
}

// AppendGRPC appends the metadata as a GetModelMetadataResponse.
func (m *ModelMetadata) AppendGRPC(dst []byte) []byte {
	dst = appendSpec(dst, 1, m.Name, m.Version, "")
	dst, entry := open(dst, 2)
	dst = appendText(dst, 1, "signature_def")
	dst, holder := open(dst, 2)
	dst = appendText(dst, 1, signatureMapType)
	dst, packed := open(dst, 2)
	for i := range m.Signatures {
		s := &m.Signatures[i]
		at, value := 0, 0
		dst, at = open(dst, 1)
		dst = appendText(dst, 1, s.Name)
		dst, value = open(dst, 2)
		dst = appendInfos(dst, 1, s.Inputs)
		dst = appendInfos(dst, 2, s.Outputs)
		dst = appendText(dst, 3, s.Method)
		dst = seal(seal(dst, value), at)
	}
	return seal(seal(seal(dst, packed), holder), entry)
}

func appendInfos(dst []byte, number protowire.Number, ts []TensorInfo) []byte {
	for i := range ts {
		t := &ts[i]
		at, value, shape := 0, 0, 0
		dst, at = open(dst, number)
		dst = appendText(dst, 1, t.Name)
		dst, value = open(dst, 2)
		dst = appendInt(appendText(dst, 1, t.Tensor), 2, int64(types[published(t.Datatype)].number))
		dst, shape = open(dst, 3)
		dst = appendDims(dst, t.Shape)
		if t.UnknownRank {
			dst = appendInt(dst, 3, 1)
		}
		dst = seal(seal(seal(dst, shape), value), at)
	}
	return dst
}
