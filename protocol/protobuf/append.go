package protobuf

import "google.golang.org/protobuf/encoding/protowire"

// Open starts a message within a message as field number of it; [Seal], with the place that Open returned, writes its length before it.
// They are for short ones: where the length takes more than a byte, what has been written is moved.
func Open(dst []byte, number protowire.Number) ([]byte, int) {
	dst = append(protowire.AppendTag(dst, number, protowire.BytesType), 0)
	return dst, len(dst)
}

// Seal ends the message that [Open] started at a place. Messages that were opened within it are sealed before it.
func Seal(dst []byte, at int) []byte {
	n := len(dst) - at
	if n < 0x80 {
		dst[at-1] = byte(n)
		return dst
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	var room [10]byte
	dst = append(dst, room[:more]...)
	copy(dst[at+more:], dst[at:at+n])
	protowire.AppendVarint(dst[:at-1], uint64(n))
	return dst
}

// AppendBytes appends a field of bytes, text or a message, an empty one too.
func AppendBytes[T string | []byte](dst []byte, number protowire.Number, value T) []byte {
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	return append(protowire.AppendVarint(dst, uint64(len(value))), value...)
}

// AppendText appends a text; none where it is empty, which is what its absence means.
func AppendText(dst []byte, number protowire.Number, text string) []byte {
	if text == "" {
		return dst
	}
	return AppendBytes(dst, number, text)
}

// AppendVarint appends an integer, enumeration or boolean, a zero too.
func AppendVarint(dst []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), v)
}

// AppendInt appends an integer or enumeration; none where it is 0, which is what its absence means.
func AppendInt(dst []byte, number protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return AppendVarint(dst, number, uint64(v))
}
