package match

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/millrace/millrace/proxy/config/strict"
)

// kind is how a String compares.
type kind uint8

const (
	exact kind = iota
	prefix
	suffix
	contains
	regex
)

// String matches a value. The zero String matches the empty value. It is immutable.
type String struct {
	kind  kind
	fold  bool // ASCII case is ignored; text is in lower case then
	text  string
	regex *regexp.Regexp
}

// Exact matches text alone.
func Exact(text string) String { return String{text: text} }

// Prefix matches what starts with text.
func Prefix(text string) String { return String{kind: prefix, text: text} }

// NewString compiles a StringMatcher.
func NewString(m *matcherv3.StringMatcher) (String, error) {
	s := String{fold: m.GetIgnoreCase()}
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		s.kind, s.text = exact, p.Exact
	case *matcherv3.StringMatcher_Prefix:
		s.kind, s.text = prefix, p.Prefix
	case *matcherv3.StringMatcher_Suffix:
		s.kind, s.text = suffix, p.Suffix
	case *matcherv3.StringMatcher_Contains:
		s.kind, s.text = contains, p.Contains
	case *matcherv3.StringMatcher_SafeRegex:
		return NewRegex(p.SafeRegex) // ignore_case has no effect on it, as in Envoy
	case nil:
		return s, fmt.Errorf("match_pattern: not set")
	default:
		return s, &strict.Unsupported{Field: "custom", Why: "use exact, prefix, suffix, contains or safe_regex"}
	}
	if s.kind != exact && s.text == "" {
		return s, fmt.Errorf("match_pattern: an empty pattern matches everything; remove the matcher")
	}
	if s.fold {
		s.text = strings.ToLower(s.text)
	}
	return s, nil
}

// NewRegex compiles a RegexMatcher. It matches a whole value, as in Envoy; RE2 and Go's regexp are one language.
func NewRegex(m *matcherv3.RegexMatcher) (String, error) {
	re, err := regexp.Compile(`\A(?:` + m.GetRegex() + `)\z`)
	if err != nil {
		return String{}, fmt.Errorf("safe_regex %q: %w", m.GetRegex(), err)
	}
	return String{kind: regex, regex: re, text: m.GetRegex()}, nil
}

// Match tells whether v matches.
func (s *String) Match(v []byte) bool {
	switch s.kind {
	case exact:
		return len(v) == len(s.text) && s.equal(v)
	case prefix:
		return len(v) >= len(s.text) && s.equal(v[:len(s.text)])
	case suffix:
		return len(v) >= len(s.text) && s.equal(v[len(v)-len(s.text):])
	case contains:
		if !s.fold {
			return bytes.Contains(v, []byte(s.text))
		}
		for i := 0; i+len(s.text) <= len(v); i++ {
			if s.equal(v[i : i+len(s.text)]) {
				return true
			}
		}
		return false
	}
	return s.regex.Match(v)
}

// MatchString is Match for a string; it is for configuration's own use and may allocate.
func (s *String) MatchString(v string) bool { return s.Match([]byte(v)) }

// equal compares v with text; both have one length.
func (s *String) equal(v []byte) bool {
	if !s.fold {
		return string(v) == s.text
	}
	for i, c := range v {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s.text[i] {
			return false
		}
	}
	return true
}
