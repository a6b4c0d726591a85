package stream

import "iter"

// Header is an ordered list of fields as they stood on the wire: names keep their case (HTTP/2's are lower case), values
// their bytes, and fields of one name their order. Names compare without regard to ASCII case.
//
// The bytes belong to the Header and are valid until Reset. The zero Header is empty and ready. It is not safe for
// concurrent use. Pseudo-header fields are not in it; they are in [RequestHead] and [ResponseHead].
type Header struct {
	fields []field
	buf    []byte
}

// field has offsets, not slices, so that buf may move when it grows.
type field struct{ name, value, end int32 }

// Reset empties h and keeps its memory.
func (h *Header) Reset() { h.fields, h.buf = h.fields[:0], h.buf[:0] }

// Len returns the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// Size returns the bytes of all names and values.
func (h *Header) Size() int {
	n := 0
	for _, f := range h.fields {
		n += int(f.end - f.name)
	}
	return n
}

// Field returns the i-th field's name and value, valid until h changes.
func (h *Header) Field(i int) (name, value []byte) {
	f := h.fields[i]
	return h.buf[f.name:f.value:f.value], h.buf[f.value:f.end:f.end]
}

// All ranges over the fields in order; h must not change meanwhile.
func (h *Header) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := range h.fields {
			if !yield(h.Field(i)) {
				return
			}
		}
	}
}

// Add appends a field, with copies of both.
func (h *Header) Add(name, value string) {
	n := int32(len(h.buf))
	h.buf = append(append(h.buf, name...), value...)
	h.fields = append(h.fields, field{n, n + int32(len(name)), int32(len(h.buf))})
}

// AddBytes is Add for bytes. They may be another Header's.
func (h *Header) AddBytes(name, value []byte) {
	n := int32(len(h.buf))
	h.buf = append(append(h.buf, name...), value...)
	h.fields = append(h.fields, field{n, n + int32(len(name)), int32(len(h.buf))})
}

// Get returns the first value of name, or nil where there is none (an empty value is not nil). Valid until h changes.
func (h *Header) Get(name string) []byte {
	for i := range h.fields {
		if n, v := h.Field(i); EqualFold(n, name) {
			return v
		}
	}
	return nil
}

// Values appends all values of name to dst, in order, as views that are valid until h changes.
func (h *Header) Values(dst [][]byte, name string) [][]byte {
	for i := range h.fields {
		if n, v := h.Field(i); EqualFold(n, name) {
			dst = append(dst, v)
		}
	}
	return dst
}

// Has tells whether there is a field of that name.
func (h *Header) Has(name string) bool { return h.Get(name) != nil }

// Set replaces all fields of name by one at the end.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes all fields of name and tells whether there was one.
func (h *Header) Del(name string) bool {
	return h.DeleteFunc(func(n, _ []byte) bool { return EqualFold(n, name) })
}

// DeleteFunc removes the fields for which del is true and tells whether there was one.
func (h *Header) DeleteFunc(del func(name, value []byte) bool) bool {
	kept := h.fields[:0]
	for i := range h.fields {
		if n, v := h.Field(i); !del(n, v) {
			kept = append(kept, h.fields[i])
		}
	}
	gone := len(kept) < len(h.fields)
	h.fields = kept
	return gone
}

// CopyFrom makes h equal to src with memory of its own.
func (h *Header) CopyFrom(src *Header) {
	h.fields = append(h.fields[:0], src.fields...)
	h.buf = append(h.buf[:0], src.buf...)
}

// EqualFold compares without regard to ASCII case; lower may be in any case but costs least in lower case.
func EqualFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if a, b := name[i], lower[i]; a != b && toLower(a) != toLower(b) {
			return false
		}
	}
	return true
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
