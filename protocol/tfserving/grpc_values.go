package tfserving

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/tensor"
)

var errCut = errors.New("its typed values are cut in the middle of an element")

// values reads the typed values of a TensorProto, which has been read once, as the n elements of t.
func (d *decoder) values(t *tensor.Tensor, b []byte, n int) error {
	want := types[t.Datatype].values
	for len(b) > 0 {
		f, rest, _ := next(b)
		b = rest
		if int(f.number) >= len(valueNames) || valueNames[f.number] == "" || f.kind == protowire.BytesType && len(f.bytes) == 0 && f.number != 8 {
			continue
		}
		if f.number != want {
			return d.bad(t, "it has values in %s, expected %s for %s", valueNames[f.number], valueNames[want], types[t.Datatype].name)
		}
		if err := appendValues(t, &f, n); err != nil {
			return d.bad(t, "%v", err)
		}
	}
	got, size := 0, t.Datatype.Size()
	if size > 0 {
		got = len(t.Data) / size
	} else {
		got, _ = tensor.CountBytes(t.Data)
	}
	if got > n {
		return d.bad(t, "expected %d elements for shape %v, got %d", n, t.Shape, got)
	}
	return d.fill(t, n, n-got)
}

// fill adds what is missing: the last value again, or zeros and empty strings where there is none.
func (d *decoder) fill(t *tensor.Tensor, n, missing int) error {
	if missing == 0 {
		return nil
	}
	last := make([]byte, max(t.Datatype.Size(), 4)) // a BYTES element of no bytes is its length
	switch size := t.Datatype.Size(); {
	case size > 0:
		last = last[:size]
		copy(last, t.Data[max(len(t.Data)-size, 0):])
	case missing < n:
		element, _ := t.BytesAt(n - missing - 1)
		last = tensor.AppendBytes(last[:0], element)
	}
	if missing > (maxFilled-d.filled)/len(last) {
		f := d.bad(t, "expected %d elements for shape %v, got %d, and more than %d bytes are not filled up", n, t.Shape, n-missing, maxFilled)
		f.Remedy = "send all of them, best in tensor_content"
		return f
	}
	d.filled += missing * len(last)
	data := make([]byte, len(t.Data), len(t.Data)+missing*len(last))
	copy(data, t.Data)
	for range missing {
		data = append(data, last...)
	}
	t.Data = data
	return nil
}

// appendValues adds the elements of one field: one, or, where they are packed, many.
func appendValues(t *tensor.Tensor, f *field, n int) error {
	d := t.Datatype
	wide := d == tensor.FP32 || d == tensor.FP64
	switch {
	case d == tensor.Bytes && f.kind == protowire.BytesType:
		t.Data = tensor.AppendBytes(t.Data, f.bytes)
	case d == tensor.FP32 && f.kind == protowire.Fixed32Type:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(f.num))
	case d == tensor.FP64 && f.kind == protowire.Fixed64Type:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, f.num)
	case wide && f.kind == protowire.BytesType:
		if len(f.bytes)%d.Size() != 0 {
			return errCut
		}
		if t.Data == nil {
			t.Data = f.bytes
		} else {
			t.Data = append(t.Data, f.bytes...)
		}
	case !wide && d != tensor.Bytes && f.kind == protowire.VarintType:
		return appendVarint(t, f.num)
	case !wide && d != tensor.Bytes && f.kind == protowire.BytesType:
		if t.Data == nil { // a varint takes a byte at least
			t.Data = make([]byte, 0, min(len(f.bytes), n)*d.Size())
		}
		for b := f.bytes; len(b) > 0; {
			v, used := protowire.ConsumeVarint(b)
			if used < 0 {
				return errCut
			}
			b = b[used:]
			if err := appendVarint(t, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendVarint adds an integer, a boolean, or the bits of a half. As protobuf has it, 32-bit fields take the low bits of what is there.
func appendVarint(t *tensor.Tensor, v uint64) error {
	fits := true
	switch t.Datatype {
	case tensor.Bool:
		b := byte(0)
		if v != 0 {
			b = 1
		}
		t.Data = append(t.Data, b)
	case tensor.Int8:
		t.Data, fits = append(t.Data, byte(v)), int32(v) >= math.MinInt8 && int32(v) <= math.MaxInt8
	case tensor.Uint8:
		t.Data, fits = append(t.Data, byte(v)), uint32(v) <= math.MaxUint8
	case tensor.Int16:
		t.Data, fits = binary.LittleEndian.AppendUint16(t.Data, uint16(v)), int32(v) >= math.MinInt16 && int32(v) <= math.MaxInt16
	case tensor.Uint16, tensor.FP16, tensor.BF16:
		t.Data, fits = binary.LittleEndian.AppendUint16(t.Data, uint16(v)), uint32(v) <= math.MaxUint16
	case tensor.Int32, tensor.Uint32:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(v))
	default:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, v)
	}
	if !fits {
		return fmt.Errorf("element %d is %d, which %s cannot hold", len(t.Data)/t.Datatype.Size()-1, int32(v), types[t.Datatype].name)
	}
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
