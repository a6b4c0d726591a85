package openai

import "github.com/millrace/millrace/protocol/jsontext"

// AppendModels appends the list of models, all of one owner.
func AppendModels(dst []byte, names []string, owner string) []byte {
	dst = append(dst, `{"object":"list","data":[`...)
	for i, n := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendModel(dst, n, owner)
	}
	return append(dst, `]}`...)
}

// AppendModel appends what a client is told of one model. Nobody knows when it was created; clients want a number there.
func AppendModel(dst []byte, name, owner string) []byte {
	dst = jsontext.AppendString(append(dst, `{"id":`...), name)
	dst = jsontext.AppendString(append(dst, `,"object":"model","created":0,"owned_by":`...), owner)
	return append(dst, '}')
}

// ModelNames appends the names in the list of models that a server answers with.
func ModelNames(dst []string, text []byte) ([]string, error) {
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		if string(s.Key()) != "data" || s.Kind() != jsontext.Array {
			s.Skip()
			continue
		}
		for s.Array(); s.NextElement(); {
			for s.Object(); s.NextKey(); {
				if string(s.Key()) == "id" {
					dst = append(dst, s.Text())
				} else {
					s.Skip()
				}
			}
		}
	}
	return dst, s.End()
}
