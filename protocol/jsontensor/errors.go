package jsontensor

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// maxErrorText bounds what is repeated of a server's error.
const maxErrorText = 1 << 10

// ErrorText returns what a JSON service says in the body of an error: the string in one of the members error, detail, message
// or info, also one level down (OpenAI's error.message); FastAPI's list of details as `where: what`; else the text itself.
func ErrorText(text []byte) string {
	if said := errorIn(text, 0); said != "" {
		return said
	}
	return string(text[:min(len(text), maxErrorText)])
}

func errorIn(text []byte, depth int) string {
	s := jsontext.NewScanner(text)
	if s.Kind() != jsontext.Object {
		return ""
	}
	said, rank := "", len(errorKeys)
	for s.Object(); s.NextKey(); {
		r := rankOf(s.Key())
		raw := s.Skip()
		if r >= rank {
			continue
		}
		v := jsontext.NewScanner(raw)
		found := ""
		switch v.Kind() {
		case jsontext.String:
			found = v.Text()
		case jsontext.Object:
			if depth == 0 {
				found = errorIn(raw, 1)
			}
		case jsontext.Array:
			found = details(&v)
		}
		if found != "" {
			said, rank = found, r
		}
	}
	if s.End() != nil {
		return ""
	}
	return said
}

var errorKeys = [...]string{"error", "detail", "message", "info"}

func rankOf(key []byte) int {
	for i, k := range errorKeys {
		if string(key) == k {
			return i
		}
	}
	return len(errorKeys)
}

// details reads FastAPI's list of {"loc": […], "msg": "…"}.
func details(s *jsontext.Scanner) string {
	all := ""
	for s.Array(); s.NextElement(); {
		if s.Kind() != jsontext.Object {
			s.Skip()
			continue
		}
		where, what := "", ""
		for s.Object(); s.NextKey(); {
			switch key := s.Key(); {
			case string(key) == "msg" && s.Kind() == jsontext.String:
				what = s.Text()
			case string(key) == "loc" && s.Kind() == jsontext.Array:
				where = string(s.Skip())
			default:
				s.Skip()
			}
		}
		if what == "" || len(all) > maxErrorText {
			continue
		}
		if all != "" {
			all += "; "
		}
		if where != "" {
			all += where + ": "
		}
		all += what
	}
	return all
}

// AppendFailure appends {"error": …}, as most JSON services say that they failed, with the failure as people read it.
func AppendFailure(dst []byte, f *message.Failure) []byte {
	return append(jsontext.AppendString(append(dst, `{"error":`...), f.Error()), '}')
}
