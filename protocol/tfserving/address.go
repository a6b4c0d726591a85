package tfserving

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/millrace/millrace/protocol/message"
)

// The gRPC methods.
const (
	PredictionService = "tensorflow.serving.PredictionService"
	ModelService      = "tensorflow.serving.ModelService"

	MethodPredict        = "/" + PredictionService + "/Predict"
	MethodClassify       = "/" + PredictionService + "/Classify"
	MethodRegress        = "/" + PredictionService + "/Regress"
	MethodMultiInference = "/" + PredictionService + "/MultiInference"
	MethodModelMetadata  = "/" + PredictionService + "/GetModelMetadata"
	MethodModelStatus    = "/" + ModelService + "/GetModelStatus"
	MethodReloadConfig   = "/" + ModelService + "/HandleReloadConfigRequest"
)

// Verb is what a REST address asks of a model.
type Verb uint8

// The verbs. The first three are POST, VerbMetadata and VerbStatus GET.
const (
	VerbPredict Verb = iota
	VerbClassify
	VerbRegress
	VerbMetadata
	VerbStatus
)

var verbEnds = [...]string{":predict", ":classify", ":regress", "/metadata", ""}

// Address is what a REST path says. Version is a number, or a label; empty is the server's choice.
type Address struct {
	Model, Version string
	Verb           Verb
}

var _ message.Path = Path

// Path appends the path of a REST prediction: /v1/models/{model}[/versions/{version}|/labels/{label}]:predict.
func Path(dst []byte, t *message.Target) []byte {
	return Address{Model: t.Model, Version: t.Version}.Append(dst)
}

// Append appends the path of a. Names are escaped, a colon too, which ends them.
func (a Address) Append(dst []byte) []byte {
	dst = message.AppendSegment(append(dst, "/v1/models/"...), a.Model)
	switch {
	case a.Version == "":
	case isNumber(a.Version):
		dst = append(append(dst, "/versions/"...), a.Version...)
	default:
		dst = message.AppendSegment(append(dst, "/labels/"...), a.Version)
	}
	return append(dst, verbEnds[a.Verb]...)
}

// isNumber tells whether a version is a number and not a label.
func isNumber(version string) bool {
	_, err := strconv.ParseInt(version, 10, 64)
	return err == nil
}

// ParseAddress reads a path without a query, as it stands in the request line. It is false for any that is none of
// TensorFlow Serving's. Like there, the words compare without regard to case and versions are digits; a label that is a number is
// not told apart from a version and is none.
func ParseAddress(path string) (a Address, ok bool) {
	rest, ok := cutFold(path, "/v1/models/")
	if !ok {
		return a, false
	}
	a.Verb = VerbStatus
	for v := VerbPredict; v < VerbStatus; v++ {
		if n := len(rest) - len(verbEnds[v]); n >= 0 && strings.EqualFold(rest[n:], verbEnds[v]) {
			a.Verb, rest = v, rest[:n]
			break
		}
	}
	model, version, versioned := strings.Cut(rest, "/")
	if a.Model, ok = unescape(model); !ok {
		return Address{}, false
	}
	if !versioned {
		return a, true
	}
	if digits, is := cutFold(version, "versions/"); is {
		a.Version = digits
		return a, isNumber(digits) && digits[0] >= '0' && digits[0] <= '9'
	}
	label, is := cutFold(version, "labels/")
	if !is {
		return Address{}, false
	}
	a.Version, ok = unescape(label)
	return a, ok && !isNumber(a.Version)
}

func cutFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", false
	}
	return text[len(prefix):], true
}

func unescape(segment string) (string, bool) {
	if segment == "" || strings.ContainsAny(segment, "/:") {
		return "", false
	}
	text, err := url.PathUnescape(segment)
	return text, err == nil
}
