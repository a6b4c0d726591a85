package accesslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timePart is literal text, or a conversion of Envoy's time formats: strftime's letter, or 'N' for a fraction of digits.
type timePart struct {
	letter byte
	text   string
	digits int // of a second's fraction
}

// parseTime compiles what Envoy takes: strftime's common letters, %E3S (seconds with a fraction), %f and %3f (a fraction
// alone). Times are in UTC.
func parseTime(format string) ([]timePart, error) {
	var out []timePart
	for len(format) > 0 {
		i := strings.IndexByte(format, '%')
		if i != 0 {
			if i < 0 {
				i = len(format)
			}
			out = append(out, timePart{text: format[:i]})
			format = format[i:]
			continue
		}
		p, n, ok := parseTimePart(format[1:])
		if !ok {
			return nil, fmt.Errorf("unknown time conversion in %q; use %%Y %%m %%d %%H %%M %%S %%E3S %%3f %%s %%z", format)
		}
		out = append(out, p)
		format = format[1+n:]
	}
	return out, nil
}

func parseTimePart(s string) (timePart, int, bool) {
	if s == "" {
		return timePart{}, 0, false
	}
	digit := func(i int) (int, bool) {
		ok := i < len(s) && '1' <= s[i] && s[i] <= '9'
		if !ok {
			return 0, false
		}
		return int(s[i] - '0'), true
	}
	if d, ok := digit(0); ok && len(s) > 1 && s[1] == 'f' {
		return timePart{letter: 'f', digits: d}, 2, true
	}
	if s[0] == 'E' {
		d, ok := digit(1)
		return timePart{letter: 'E', digits: d}, 3, ok && len(s) > 2 && s[2] == 'S'
	}
	switch s[0] {
	case 'Y', 'm', 'd', 'H', 'M', 'S', 'F', 'T', 'b', 'a', 's', 'z', 'Z':
		return timePart{letter: s[0]}, 1, true
	case 'f':
		return timePart{letter: 'f', digits: 9}, 1, true
	case '%':
		return timePart{text: "%"}, 1, true
	}
	return timePart{}, 0, false
}

func appendTime(dst []byte, parts []timePart, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for i := range parts {
		p := &parts[i]
		switch p.letter {
		case 0:
			dst = append(dst, p.text...)
		case 'Y':
			dst = pad(dst, year, 4)
		case 'm':
			dst = pad(dst, int(month), 2)
		case 'd':
			dst = pad(dst, day, 2)
		case 'H':
			dst = pad(dst, hour, 2)
		case 'M':
			dst = pad(dst, minute, 2)
		case 'S':
			dst = pad(dst, second, 2)
		case 'E':
			dst = append(pad(dst, second, 2), '.')
			dst = fraction(dst, t.Nanosecond(), p.digits)
		case 'f':
			dst = fraction(dst, t.Nanosecond(), p.digits)
		case 'F':
			dst = append(pad(dst, year, 4), '-')
			dst = append(pad(dst, int(month), 2), '-')
			dst = pad(dst, day, 2)
		case 'T':
			dst = append(pad(dst, hour, 2), ':')
			dst = append(pad(dst, minute, 2), ':')
			dst = pad(dst, second, 2)
		case 'b':
			dst = append(dst, month.String()[:3]...)
		case 'a':
			dst = append(dst, t.Weekday().String()[:3]...)
		case 's':
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		case 'z':
			dst = append(dst, "+0000"...)
		case 'Z':
			dst = append(dst, "UTC"...)
		}
	}
	return dst
}

// pad appends n with leading zeros.
func pad(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if p := power(limit, width-1); n < p {
			dst = append(dst, '0')
		}
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func power(base, n int) int {
	p := 1
	for range n {
		p *= base
	}
	return p
}

// fraction appends the first digits of a fraction of a second.
func fraction(dst []byte, nanoseconds, digits int) []byte {
	return pad(dst, nanoseconds/power(10, 9-digits), digits)
}
