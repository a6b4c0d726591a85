package match

import (
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"github.com/millrace/millrace/proxy/stream"
)

func TestStringsMatchAsEnvoySays(t *testing.T) {
	sm := func(p *matcherv3.StringMatcher) *matcherv3.StringMatcher { return p }
	cases := []struct {
		name  string
		m     *matcherv3.StringMatcher
		yes   []string
		no    []string
		wrong bool
	}{
		{name: "exact is the whole value", m: sm(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "ab"}}), yes: []string{"ab"}, no: []string{"a", "abc", "AB", ""}},
		{name: "case can be ignored", m: sm(&matcherv3.StringMatcher{IgnoreCase: true, MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "aB"}}), yes: []string{"ab", "AB"}, no: []string{"a"}},
		{name: "a prefix", m: sm(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "ab"}}), yes: []string{"ab", "abc"}, no: []string{"a", "cab"}},
		{name: "a suffix", m: sm(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: "ab"}}), yes: []string{"ab", "cab"}, no: []string{"b", "abc"}},
		{name: "contains", m: sm(&matcherv3.StringMatcher{IgnoreCase: true, MatchPattern: &matcherv3.StringMatcher_Contains{Contains: "B"}}), yes: []string{"abc", "B"}, no: []string{"ac", ""}},
		{name: "a regular expression matches whole values", m: sm(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: "a|bc"}}}), yes: []string{"a", "bc"}, no: []string{"ac", "abc", "a\n"}},
		{name: "a bad expression is refused", m: sm(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: "("}}}), wrong: true},
		{name: "no pattern is refused", m: &matcherv3.StringMatcher{}, wrong: true},
		{name: "a custom matcher is refused", m: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Custom{}}, wrong: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := NewString(c.m)
			if c.wrong {
				if err == nil {
					t.Fatal("accepted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.yes {
				if !s.MatchString(v) {
					t.Errorf("%q does not match", v)
				}
			}
			for _, v := range c.no {
				if s.MatchString(v) {
					t.Errorf("%q matches", v)
				}
			}
		})
	}
}

func TestHeadersMatchAsEnvoySays(t *testing.T) {
	var r stream.RequestHead
	r.Path, r.Method, r.Authority = []byte("/a?b"), []byte("GET"), []byte("h:80")
	r.Header.Add("X-N", "12")
	r.Header.Add("x-two", "a")
	r.Header.Add("X-Two", "b")
	r.Header.Add("x-empty", "")
	str := func(s string) *matcherv3.StringMatcher {
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: s}}
	}
	cases := []struct {
		name string
		m    *routev3.HeaderMatcher
		want bool
	}{
		{"a range has an open end", &routev3.HeaderMatcher{Name: "x-n", HeaderMatchSpecifier: &routev3.HeaderMatcher_RangeMatch{RangeMatch: &typev3.Int64Range{Start: 10, End: 12}}}, false},
		{"a range has a closed start", &routev3.HeaderMatcher{Name: "x-n", HeaderMatchSpecifier: &routev3.HeaderMatcher_RangeMatch{RangeMatch: &typev3.Int64Range{Start: 12, End: 13}}}, true},
		{"several values are joined", &routev3.HeaderMatcher{Name: "x-two", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: str("a,b")}}, true},
		{"no specifier asks for presence", &routev3.HeaderMatcher{Name: "x-empty"}, true},
		{"absence can be asked for", &routev3.HeaderMatcher{Name: "x-none", HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: false}}, true},
		{"an inverted presence", &routev3.HeaderMatcher{Name: "x-n", InvertMatch: true, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}, false},
		{"a missing field matches an inverted value", &routev3.HeaderMatcher{Name: "x-none", InvertMatch: true, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: str("a")}}, true},
		{"a missing field can count as empty", &routev3.HeaderMatcher{Name: "x-none", TreatMissingHeaderAsEmpty: true, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: str("")}}, true},
		{"the path is a field", &routev3.HeaderMatcher{Name: ":path", HeaderMatchSpecifier: &routev3.HeaderMatcher_PrefixMatch{PrefixMatch: "/a"}}, true},
		{"the method is a field", &routev3.HeaderMatcher{Name: ":method", HeaderMatchSpecifier: &routev3.HeaderMatcher_ExactMatch{ExactMatch: "POST"}}, false},
		{"host is the authority", &routev3.HeaderMatcher{Name: "Host", HeaderMatchSpecifier: &routev3.HeaderMatcher_ExactMatch{ExactMatch: "h:80"}}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := NewHeader(c.m)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.Match(&r); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if n, _ := Field(&r, "x-n"); string(n) != "12" {
		t.Error("joining changed another field")
	}
}

func TestQueryParametersMatchUndecoded(t *testing.T) {
	qs, err := NewQueries([]*routev3.QueryParameterMatcher{
		{Name: "a", QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "1"}}}},
		{Name: "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range map[string]bool{"a=1&b": true, "b=&a=1": true, "a=1": false, "a=2&b": false, "": false, "a=2&a=1&b": false} {
		if got := AllQueries(qs, []byte(q)); got != want {
			t.Errorf("%q: got %v", q, got)
		}
	}
}
