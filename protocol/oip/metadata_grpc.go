package oip

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// ParseMetadataGRPC reads a ModelMetadataResponse.
func ParseMetadataGRPC(b []byte) (*Metadata, error) {
	m := &Metadata{}
	err := protobuf.Each(b, "model metadata", func(f *protobuf.Field) (err error) {
		switch {
		case f.Is(1, protowire.BytesType):
			m.Name, err = f.Text("a model's name")
		case f.Is(2, protowire.BytesType):
			var version string
			version, err = f.Text("a model's version")
			m.Versions = append(m.Versions, version)
		case f.Is(3, protowire.BytesType):
			m.Platform, err = f.Text("a model's platform")
		case f.Is(4, protowire.BytesType):
			m.Inputs, err = appendTensorOf(m.Inputs, f.Bytes)
		case f.Is(5, protowire.BytesType):
			m.Outputs, err = appendTensorOf(m.Outputs, f.Bytes)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func appendTensorOf(dst []TensorMetadata, b []byte) ([]TensorMetadata, error) {
	if len(dst) == maxTensors {
		return dst, malformed("model metadata: expected at most %d tensors, got more", maxTensors)
	}
	var t TensorMetadata
	err := protobuf.Each(b, "a tensor's metadata", func(f *protobuf.Field) (err error) {
		switch {
		case f.Is(1, protowire.BytesType):
			t.Name, err = f.Text("a tensor's name")
		case f.Is(2, protowire.BytesType):
			t.Datatype, _ = tensor.ParseDatatype(f.Bytes)
		case f.Is(3, protowire.VarintType):
			t.Shape = append(t.Shape, int64(f.Num))
		case f.Is(3, protowire.BytesType):
			t.Shape, err = appendPacked(t.Shape, f.Bytes)
		}
		return err
	})
	return append(dst, t), err
}

// AppendGRPC appends the metadata as a ModelMetadataResponse.
func (m *Metadata) AppendGRPC(dst []byte) []byte {
	dst = protobuf.AppendText(dst, 1, m.Name)
	for _, version := range m.Versions {
		dst = protobuf.AppendBytes(dst, 2, version)
	}
	dst = protobuf.AppendText(dst, 3, m.Platform)
	dst = appendTensorsOf(dst, 4, m.Inputs)
	return appendTensorsOf(dst, 5, m.Outputs)
}

func appendTensorsOf(dst []byte, number protowire.Number, ts []TensorMetadata) []byte {
	for i := range ts {
		at := 0
		dst, at = protobuf.Open(dst, number)
		dst = protobuf.AppendText(dst, 1, ts[i].Name)
		dst = protobuf.AppendText(dst, 2, ts[i].datatype())
		dst = appendShape(dst, 3, ts[i].Shape)
		dst = protobuf.Seal(dst, at)
	}
	return dst
}

// ParseServerMetadataGRPC reads a ServerMetadataResponse.
func ParseServerMetadataGRPC(b []byte) (*ServerMetadata, error) {
	m := &ServerMetadata{}
	err := protobuf.Each(b, "server metadata", func(f *protobuf.Field) (err error) {
		switch {
		case f.Is(1, protowire.BytesType):
			m.Name, err = f.Text("a server's name")
		case f.Is(2, protowire.BytesType):
			m.Version, err = f.Text("a server's version")
		case f.Is(3, protowire.BytesType):
			var extension string
			extension, err = f.Text("an extension")
			m.Extensions = append(m.Extensions, extension)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// AppendGRPC appends the metadata as a ServerMetadataResponse.
func (m *ServerMetadata) AppendGRPC(dst []byte) []byte {
	dst = protobuf.AppendText(protobuf.AppendText(dst, 1, m.Name), 2, m.Version)
	for _, extension := range m.Extensions {
		dst = protobuf.AppendBytes(dst, 3, extension)
	}
	return dst
}

// AppendModelRequestGRPC appends a ModelReadyRequest or a ModelMetadataRequest, which have the same form; [PeekModel] reads them.
func AppendModelRequestGRPC(dst []byte, model, version string) []byte {
	return protobuf.AppendText(protobuf.AppendText(dst, 1, model), 2, version)
}

// AppendReadyGRPC appends a ServerLiveResponse, a ServerReadyResponse or a ModelReadyResponse, which have the same form.
func AppendReadyGRPC(dst []byte, ready bool) []byte {
	if !ready {
		return dst
	}
	return protobuf.AppendVarint(dst, 1, 1)
}

// ParseReadyGRPC reads what AppendReadyGRPC appends.
func ParseReadyGRPC(b []byte) (ready bool, err error) {
	err = protobuf.Each(b, "readiness", func(f *protobuf.Field) error {
		if f.Is(1, protowire.VarintType) {
			ready = f.Num != 0
		}
		return nil
	})
	return ready, err
}

// ParseIndexGRPC reads a RepositoryIndexResponse.
func ParseIndexGRPC(b []byte) ([]IndexEntry, error) {
	var out []IndexEntry
	err := protobuf.Each(b, "the repository index", func(f *protobuf.Field) error {
		if !f.Is(1, protowire.BytesType) {
			return nil
		}
		var e IndexEntry
		to := [...]*string{1: &e.Name, 2: &e.Version, 3: &e.State, 4: &e.Reason}
		err := protobuf.Each(f.Bytes, "an entry of the repository index", func(f *protobuf.Field) (err error) {
			if f.Kind == protowire.BytesType && f.Number >= 1 && int(f.Number) < len(to) {
				*to[f.Number], err = f.Text("an entry of the repository index")
			}
			return err
		})
		out = append(out, e)
		return err
	})
	return out, err
}

// AppendIndexGRPC appends a RepositoryIndexResponse.
func AppendIndexGRPC(dst []byte, entries []IndexEntry) []byte {
	for _, e := range entries {
		at := 0
		dst, at = protobuf.Open(dst, 1)
		dst = protobuf.AppendText(protobuf.AppendText(dst, 1, e.Name), 2, e.Version)
		dst = protobuf.AppendText(protobuf.AppendText(dst, 3, e.State), 4, e.Reason)
		dst = protobuf.Seal(dst, at)
	}
	return dst
}
