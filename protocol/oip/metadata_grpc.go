package oip

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/tensor"
)

// each calls visit for every field of b.
func each(b []byte, what string, visit func(f *field) error) error {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return truncated(what)
		}
		b = rest
		if err := visit(&f); err != nil {
			return err
		}
	}
	return nil
}

// ParseMetadataGRPC reads a ModelMetadataResponse.
func ParseMetadataGRPC(b []byte) (*Metadata, error) {
	m := &Metadata{}
	err := each(b, "model metadata", func(f *field) (err error) {
		switch {
		case f.is(1, protowire.BytesType):
			m.Name, err = f.text("a model's name")
		case f.is(2, protowire.BytesType):
			var version string
			version, err = f.text("a model's version")
			m.Versions = append(m.Versions, version)
		case f.is(3, protowire.BytesType):
			m.Platform, err = f.text("a model's platform")
		case f.is(4, protowire.BytesType):
			m.Inputs, err = appendTensorOf(m.Inputs, f.bytes)
		case f.is(5, protowire.BytesType):
			m.Outputs, err = appendTensorOf(m.Outputs, f.bytes)
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
	err := each(b, "a tensor's metadata", func(f *field) (err error) {
		switch {
		case f.is(1, protowire.BytesType):
			t.Name, err = f.text("a tensor's name")
		case f.is(2, protowire.BytesType):
			t.Datatype, _ = tensor.ParseDatatype(f.bytes)
		case f.is(3, protowire.VarintType):
			t.Shape = append(t.Shape, int64(f.num))
		case f.is(3, protowire.BytesType):
			t.Shape, err = appendPacked(t.Shape, f.bytes)
		}
		return err
	})
	return append(dst, t), err
}

// AppendGRPC appends the metadata as a ModelMetadataResponse.
func (m *Metadata) AppendGRPC(dst []byte) []byte {
	dst = appendText(dst, 1, m.Name)
	for _, version := range m.Versions {
		dst = protowire.AppendString(protowire.AppendTag(dst, 2, protowire.BytesType), version)
	}
	dst = appendText(dst, 3, m.Platform)
	dst = appendTensorsOf(dst, 4, m.Inputs)
	return appendTensorsOf(dst, 5, m.Outputs)
}

func appendTensorsOf(dst []byte, number protowire.Number, ts []TensorMetadata) []byte {
	for i := range ts {
		at := 0
		dst, at = open(dst, number)
		dst = appendText(dst, 1, ts[i].Name)
		dst = appendText(dst, 2, ts[i].datatype())
		dst = appendShape(dst, 3, ts[i].Shape)
		dst = seal(dst, at)
	}
	return dst
}

// ParseServerMetadataGRPC reads a ServerMetadataResponse.
func ParseServerMetadataGRPC(b []byte) (*ServerMetadata, error) {
	m := &ServerMetadata{}
	err := each(b, "server metadata", func(f *field) (err error) {
		switch {
		case f.is(1, protowire.BytesType):
			m.Name, err = f.text("a server's name")
		case f.is(2, protowire.BytesType):
			m.Version, err = f.text("a server's version")
		case f.is(3, protowire.BytesType):
			var extension string
			extension, err = f.text("an extension")
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
	dst = appendText(appendText(dst, 1, m.Name), 2, m.Version)
	for _, extension := range m.Extensions {
		dst = protowire.AppendString(protowire.AppendTag(dst, 3, protowire.BytesType), extension)
	}
	return dst
}

// AppendModelRequestGRPC appends a ModelReadyRequest or a ModelMetadataRequest, which have the same form; [PeekModel] reads them.
func AppendModelRequestGRPC(dst []byte, model, version string) []byte {
	return appendText(appendText(dst, 1, model), 2, version)
}

// AppendReadyGRPC appends a ServerLiveResponse, a ServerReadyResponse or a ModelReadyResponse, which have the same form.
func AppendReadyGRPC(dst []byte, ready bool) []byte {
	if !ready {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, 1, protowire.VarintType), 1)
}

// ParseReadyGRPC reads what AppendReadyGRPC appends.
func ParseReadyGRPC(b []byte) (ready bool, err error) {
	err = each(b, "readiness", func(f *field) error {
		if f.is(1, protowire.VarintType) {
			ready = f.num != 0
		}
		return nil
	})
	return ready, err
}

// AppendIndexRequestGRPC appends a RepositoryIndexRequest; ready asks for models that are ready only.
func AppendIndexRequestGRPC(dst []byte, ready bool) []byte {
	if !ready {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, 2, protowire.VarintType), 1)
}

// ParseIndexGRPC reads a RepositoryIndexResponse.
func ParseIndexGRPC(b []byte) ([]IndexEntry, error) {
	var out []IndexEntry
	err := each(b, "the repository index", func(f *field) error {
		if !f.is(1, protowire.BytesType) {
			return nil
		}
		var e IndexEntry
		to := [...]*string{1: &e.Name, 2: &e.Version, 3: &e.State, 4: &e.Reason}
		err := each(f.bytes, "an entry of the repository index", func(f *field) (err error) {
			if f.kind == protowire.BytesType && f.number >= 1 && int(f.number) < len(to) {
				*to[f.number], err = f.text("an entry of the repository index")
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
		dst, at = open(dst, 1)
		dst = appendText(appendText(dst, 1, e.Name), 2, e.Version)
		dst = appendText(appendText(dst, 3, e.State), 4, e.Reason)
		dst = seal(dst, at)
	}
	return dst
}
