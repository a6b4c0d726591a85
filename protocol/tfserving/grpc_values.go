package tfserving

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// values reads the typed values of a TensorProto, which has been read once, as the n elements of t.
func (d *decoder) values(t *tensor.Tensor, b []byte, n int) error {
	dtype := tensorproto.Of(t.Datatype)
	for len(b) > 0 {
		f, rest, _ := protobuf.Next(b)
		b = rest
		field := tensorproto.ValuesField(f.Number)
		if field == "" || f.Kind == protowire.BytesType && len(f.Bytes) == 0 && f.Number != 8 {
			continue
		}
		if f.Number != dtype.Field {
			return d.bad(t, "it has values in %s, expected %s for %s", field, tensorproto.ValuesField(dtype.Field), dtype.Name)
		}
		if err := protobuf.AppendElements(t, &f, n); err != nil {
			var out *protobuf.RangeError
			if errors.As(err, &out) {
				return d.bad(t, "element %d is %d, which %s cannot hold", out.Place, out.Value, dtype.Name)
			}
			return d.bad(t, "%v", err)
		}
	}
	missing, element := tensorproto.Missing(t, n)
	switch {
	case missing == 0:
		return nil
	case missing < 0:
		return d.bad(t, "expected %d elements for shape %v, got %d", n, t.Shape, n-missing)
	case missing > (maxFilled-d.filled)/len(element):
		f := d.bad(t, "expected %d elements for shape %v, got %d, and more than %d bytes are not filled up", n, t.Shape, n-missing, maxFilled)
		f.Remedy = "send all of them, best in tensor_content"
		return f
	}
	d.filled += missing * len(element)
	tensorproto.Fill(t, missing, element)
	return nil
}

// stringList reads the tensor_content of n strings, which is how TensorFlow's C++ packs them: all lengths as varints, then all bytes.
func stringList(b []byte, n int) ([]byte, error) {
	lengths, total := b, uint64(0)
	for i := range n {
		size, used := protowire.ConsumeVarint(b)
		if used < 0 || size > uint64(len(lengths)) {
			return nil, fmt.Errorf("expected the lengths of %d strings, then their bytes; string %d has none or is too long", n, i)
		}
		b, total = b[used:], total+size
	}
	if total != uint64(len(b)) {
		return nil, fmt.Errorf("expected %d bytes for %d strings, got %d", total, n, len(b))
	}
	data := make([]byte, 0, 4*n+len(b))
	for range n {
		size, used := protowire.ConsumeVarint(lengths)
		lengths = lengths[used:]
		data = tensor.AppendBytes(data, b[:size])
		b = b[size:]
	}
	return data, nil
}
