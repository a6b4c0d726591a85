package status

import (
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"
)

// Codes of what is wrong with a resource before anybody looks into it.
const (
	CodeDuplicate = "MR341" // the name occurs more than once in one response
	CodeType      = "MR342" // the resource, or the whole response, is of a type that was not asked for
	CodeEmpty     = "MR343" // the resource has no name or no body
)

// maxText bounds the text that one resource may contribute, in bytes, so that a NACK stays far below the usual limit of
// 4 MiB a message even where hundreds of resources are bad.
const maxText = 2048

// ResourceError says what is wrong with one resource. A Name of "" means the response as a whole.
type ResourceError struct {
	Name    string
	Code    string
	Message string
}

// Error renders the error as it stands in a NACK: `name: code message`.
func (e ResourceError) Error() string {
	text := e.Message
	if e.Code != "" {
		text = e.Code + " " + text
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// Detail makes the error_detail of a NACK for a response of typeURL with total resources. Its message names every bad
// resource, for people and for control planes that only log it; its details carry a google.rpc.BadRequest with a
// violation for each (field is the name, reason the code). It is nil for no errors, which is an ACK.
func Detail(typeURL string, total int, errs []ResourceError) *rpcstatus.Status {
	if len(errs) == 0 {
		return nil
	}
	var text strings.Builder
	text.WriteString(strconv.Itoa(len(errs)))
	text.WriteString(" of ")
	text.WriteString(strconv.Itoa(max(total, len(errs))))
	text.WriteString(" resources refused (")
	text.WriteString(shortType(typeURL))
	text.WriteString("), the others are used: ")
	bad := &errdetails.BadRequest{FieldViolations: make([]*errdetails.BadRequest_FieldViolation, 0, len(errs))}
	for i, e := range errs {
		e.Name, e.Code, e.Message = clip(e.Name), clip(e.Code), clip(e.Message)
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(e.Error())
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: e.Name, Reason: e.Code, Description: e.Message,
		})
	}
	st := &rpcstatus.Status{Code: int32(codes.InvalidArgument), Message: text.String()}
	// All strings were made valid UTF-8 by clip, the one thing that marshalling can refuse.
	if detail, err := anypb.New(bad); err == nil {
		st.Details = []*anypb.Any{detail}
	}
	return st
}

// Errors reads the error_detail of a NACK, of any client: one error for each violation of each google.rpc.BadRequest in
// it, or, for a client that sends text alone, one error without a name. It is nil for a nil status, an ACK.
func Errors(st *rpcstatus.Status) []ResourceError {
	if st == nil {
		return nil
	}
	var errs []ResourceError
	for _, detail := range st.GetDetails() {
		bad := new(errdetails.BadRequest)
		if !detail.MessageIs(bad) || detail.UnmarshalTo(bad) != nil {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			errs = append(errs, ResourceError{Name: v.GetField(), Code: v.GetReason(), Message: v.GetDescription()})
		}
	}
	if errs == nil {
		errs = []ResourceError{{Message: st.GetMessage()}}
	}
	return errs
}

// shortType is the last word of a type URL: "Cluster" for type.googleapis.com/envoy.config.cluster.v3.Cluster.
func shortType(typeURL string) string {
	return typeURL[strings.LastIndexAny(typeURL, "./")+1:]
}

// clip makes text valid UTF-8, as protobuf demands, and at most maxText bytes.
func clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText-3] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
