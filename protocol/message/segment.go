package message

// AppendSegment appends a name as one segment of a path. It escapes all but the unreserved characters of RFC 3986, section 2.3, and the
// segments "." and "..", which would be taken for places (section 3.3).
func AppendSegment(dst []byte, name string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.' && name != "." && name != "..", c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
