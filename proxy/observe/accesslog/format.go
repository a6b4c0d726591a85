package accesslog

import (
	"unicode/utf8"
)

// Default is Envoy's default format.
const Default = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" ` +
	`%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ` +
	`%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ` +
	`"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"` + "\n"

// Format is a compiled format. It is immutable and safe for concurrent use.
type Format struct {
	text  []operator
	json  *jsonNode // where not nil, text is not used
	empty bool      // a value that is missing is nothing, instead of "-"
	needs Needs
}

// ParseText compiles a format string. Nothing is added to it: a line ends where the format says so.
func ParseText(format string) (*Format, error) {
	ops, err := parse(format)
	if err != nil {
		return nil, err
	}
	return &Format{text: ops, needs: needs(ops)}, nil
}

// Needs says what the format reads of an entry that is not at hand anyway.
func (f *Format) Needs() Needs { return f.needs }

// Append appends the line of e to dst, without an allocation but for dst's growth.
func (f *Format) Append(dst []byte, e *Entry) []byte {
	if f.json != nil {
		dst, _ = f.json.append(dst, e, f.empty)
		return append(dst, '\n')
	}
	return appendText(dst, f.text, e, f.empty)
}

func appendText(dst []byte, ops []operator, e *Entry, empty bool) []byte {
	for i := range ops {
		op := &ops[i]
		if op.kind == 0 {
			dst = append(dst, op.text...)
			continue
		}
		start := len(dst)
		var ok bool
		switch dst, ok = op.value(dst, e); {
		case ok:
			dst = escape(dst, start, false)
		case empty:
			dst = dst[:start]
		default:
			dst = append(dst[:start], '-')
		}
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// escape rewrites dst[start:] in place: control characters as \xNN, and for JSON what its strings cannot hold.
func escape(dst []byte, start int, json bool) []byte {
	clean := true
	for _, c := range dst[start:] {
		if c < 0x20 || c == 0x7f || json && (c == '"' || c == '\\' || c >= utf8.RuneSelf) {
			clean = false
			break
		}
	}
	if clean {
		return dst
	}
	// The new form is written behind the old one and then moved down over it.
	end := len(dst)
	for i := start; i < end; {
		c := dst[i]
		switch {
		case json && c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(dst[i:end])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, `\ufffd`...)
			} else {
				dst = append(dst, dst[i:i+n]...)
			}
			i += n
			continue
		case json && (c == '"' || c == '\\'):
			dst = append(dst, '\\', c)
		case c >= 0x20 && c != 0x7f:
			dst = append(dst, c)
		case json:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
	}
	n := copy(dst[start:], dst[end:])
	return dst[:start+n]
}
