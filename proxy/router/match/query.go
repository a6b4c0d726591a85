package match

import (
	"bytes"
	"fmt"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// Query matches one parameter of the query, undecoded as in Envoy. It is immutable.
type Query struct {
	name      string
	asPresent bool
	present   bool
	value     String
}

// NewQueries compiles a list; a query must match all of it.
func NewQueries(ms []*routev3.QueryParameterMatcher) ([]Query, error) {
	var qs []Query
	for i, m := range ms {
		q := Query{name: m.GetName()}
		switch s := m.GetQueryParameterMatchSpecifier().(type) {
		case *routev3.QueryParameterMatcher_StringMatch:
			v, err := NewString(s.StringMatch)
			if err != nil {
				return nil, fmt.Errorf("query_parameters[%d]: %w", i, err)
			}
			q.value = v
		case *routev3.QueryParameterMatcher_PresentMatch:
			q.asPresent, q.present = true, s.PresentMatch
		case nil:
			q.asPresent, q.present = true, true
		}
		if q.name == "" {
			return nil, fmt.Errorf("query_parameters[%d]: name: empty", i)
		}
		qs = append(qs, q)
	}
	return qs, nil
}

// AllQueries tells whether a query (without '?') matches every one of qs.
func AllQueries(qs []Query, query []byte) bool {
	for i := range qs {
		if !qs[i].match(query) {
			return false
		}
	}
	return true
}

func (q *Query) match(query []byte) bool {
	v, has := Parameter(query, q.name)
	if q.asPresent {
		return has == q.present
	}
	return has && q.value.Match(v)
}

// Parameter returns the first value of a query's parameter, undecoded, as a view of query.
func Parameter(query []byte, name string) (value []byte, has bool) {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		n, v, _ := bytes.Cut(pair, []byte{'='})
		if string(n) == name {
			return v, true
		}
	}
	return nil, false
}
