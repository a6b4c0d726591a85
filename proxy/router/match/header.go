package match

import (
	"fmt"
	"strconv"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/millrace/millrace/proxy/stream"
)

// headerKind is what a Header asks of a field.
type headerKind uint8

const (
	headerValue headerKind = iota
	headerPresent
	headerRange
)

// Header matches one header field of a request, pseudo-header fields (":path", ":method", ":authority", ":scheme")
// included. It is immutable.
type Header struct {
	name           string
	kind           headerKind
	value          String
	from, to       int64 // [from, to) of a range
	present        bool
	invert         bool
	missingIsEmpty bool
}

// NewHeader compiles a HeaderMatcher.
func NewHeader(m *routev3.HeaderMatcher) (Header, error) {
	h := Header{name: m.GetName(), invert: m.GetInvertMatch(), missingIsEmpty: m.GetTreatMissingHeaderAsEmpty()}
	if h.name == "" {
		return h, fmt.Errorf("name: empty")
	}
	var err error
	switch s := m.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_ExactMatch:
		h.value = Exact(s.ExactMatch)
		if s.ExactMatch == "" { // Envoy takes the empty deprecated form for "present"
			h.kind, h.present = headerPresent, true
		}
	case *routev3.HeaderMatcher_PrefixMatch:
		h.value = Prefix(s.PrefixMatch)
	case *routev3.HeaderMatcher_SuffixMatch:
		h.value = String{kind: suffix, text: s.SuffixMatch}
	case *routev3.HeaderMatcher_ContainsMatch:
		h.value = String{kind: contains, text: s.ContainsMatch}
	case *routev3.HeaderMatcher_SafeRegexMatch:
		h.value, err = NewRegex(s.SafeRegexMatch)
	case *routev3.HeaderMatcher_StringMatch:
		h.value, err = NewString(s.StringMatch)
	case *routev3.HeaderMatcher_RangeMatch:
		h.kind, h.from, h.to = headerRange, s.RangeMatch.GetStart(), s.RangeMatch.GetEnd()
	case *routev3.HeaderMatcher_PresentMatch:
		h.kind, h.present = headerPresent, s.PresentMatch
	case nil:
		h.kind, h.present = headerPresent, true
	}
	if err != nil {
		return h, fmt.Errorf("header %s: %w", h.name, err)
	}
	return h, nil
}

// NewHeaders compiles a list; a request must match all of it.
func NewHeaders(ms []*routev3.HeaderMatcher) ([]Header, error) {
	var hs []Header
	for i, m := range ms {
		h, err := NewHeader(m)
		if err != nil {
			return nil, fmt.Errorf("headers[%d]: %w", i, err)
		}
		hs = append(hs, h)
	}
	return hs, nil
}

// All tells whether a request matches every one of hs.
func All(hs []Header, r *stream.RequestHead) bool {
	for i := range hs {
		if !hs[i].Match(r) {
			return false
		}
	}
	return true
}

// Match tells whether a request matches. Several fields of one name are joined by "," as Envoy does.
func (h *Header) Match(r *stream.RequestHead) bool {
	return h.matchValue(Field(r, h.name))
}

func (h *Header) matchValue(v []byte, has bool) bool {
	if h.kind == headerPresent {
		return has == h.present != h.invert
	}
	if !has && !h.missingIsEmpty {
		// A missing field matches no value, and an inverted matcher takes that for a match.
		return h.invert
	}
	var ok bool
	if h.kind == headerRange {
		n, err := strconv.ParseInt(string(v), 10, 64)
		ok = err == nil && h.from <= n && n < h.to
	} else {
		ok = h.value.Match(v)
	}
	return ok != h.invert
}

// Field returns a request's field or pseudo-header field by name; several of one name are joined by ",", which
// allocates. The bytes are the head's, valid until it changes.
func Field(r *stream.RequestHead, name string) (v []byte, has bool) {
	if len(name) > 0 && name[0] == ':' {
		switch name {
		case ":path":
			return r.Path, true
		case ":method":
			return r.Method, true
		case ":authority":
			return r.Authority, true
		case ":scheme":
			return r.Scheme, true
		}
		return nil, false
	}
	if stream.EqualFold([]byte(name), "host") {
		return r.Authority, true
	}
	for i := range r.Header.Len() {
		n, value := r.Header.Field(i)
		if !stream.EqualFold(n, name) {
			continue
		}
		if !has {
			v, has = value, true
			continue
		}
		v = append(append(v[:len(v):len(v)], ','), value...)
	}
	return v, has
}
