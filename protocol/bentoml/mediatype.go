package bentoml

import (
	"strings"

	"github.com/millrace/millrace/protocol/tensor"
)

// splitType returns a content type without its parameters, in lower case, and the parameters as they stand.
func splitType(contentType string) (kind, parameters string) {
	kind, parameters, _ = strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(kind)), parameters
}

// file tells whether a body of that media type is a file. What is not known is taken for JSON, as BentoML does.
func file(kind string) bool {
	top, _, _ := strings.Cut(kind, "/")
	switch top {
	case "image", "audio", "video", "font":
		return true
	}
	return kind == "application/octet-stream" || kind == "application/pdf" || kind == "application/zip"
}

// mediaType returns the media type of a file that a field's content_type is; others, as str, are not about files.
func mediaType(p tensor.Parameters) string {
	v, ok := p.Get("content_type")
	if kind, _ := splitType(v.String); !ok || !strings.Contains(kind, "/") || kind == "application/json" || strings.ContainsAny(v.String, "\r\n") {
		return ""
	}
	return v.String
}

// parameterOf returns the value of one parameter of a header field, without its quotes.
func parameterOf(parameters, name string) (value string, ok bool) {
	for parameters != "" {
		parameters = strings.TrimLeft(parameters, "; \t")
		key, rest, found := strings.Cut(parameters, "=")
		if !found {
			return "", false
		}
		value, parameters = valueOf(rest)
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return value, true
		}
	}
	return "", false
}

// valueOf splits the value that text begins with from what follows it. In quotes a backslash escapes quotes and itself, and
// nothing else: browsers write file names from Windows with single ones.
func valueOf(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, ";")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:]
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
