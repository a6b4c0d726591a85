package tfserving

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/protobuf"
)

// State is where a version of a model is in its life.
type State int32

// The states. Others are carried as they are.
const (
	StateUnknown   State = 0
	StateStart     State = 10
	StateLoading   State = 20
	StateAvailable State = 30
	StateUnloading State = 40
	StateEnd       State = 50
)

var stateNames = [...]string{"UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END"}

// String returns TensorFlow Serving's name, or the number of a state that has none.
func (s State) String() string {
	if i := int(s) / 10; s >= 0 && int(s)%10 == 0 && i < len(stateNames) {
		return stateNames[i]
	}
	return strconv.Itoa(int(s))
}

// codeNames are the names of the gRPC codes, as a version's status has them.
var codeNames = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

// VersionStatus is what a server says about one version of a model: GET /v1/models/{model}, GetModelStatus.
type VersionStatus struct {
	Version int64
	State   State
	Code    int // a gRPC code: why it is in that state; 0 where nothing went wrong
	Message string
}

// Available tells whether a version can be asked.
func Available(all []VersionStatus) bool {
	for i := range all {
		if all[i].State == StateAvailable {
			return true
		}
	}
	return false
}

// ParseStatus reads the JSON of a model's status. Names that are none of the protocol's read as unknown.
func ParseStatus(text []byte) ([]VersionStatus, error) {
	var out []VersionStatus
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		if string(s.Key()) != "model_version_status" {
			s.Skip()
			continue
		}
		for s.Array(); s.NextElement(); {
			if len(out) == maxTensors {
				s.Fail("expected at most %d versions, got more", maxTensors)
				break
			}
			out = append(out, readVersionStatus(&s))
		}
	}
	if err := s.End(); err != nil {
		return nil, malformed("model status: %v", err)
	}
	return out, nil
}

func readVersionStatus(s *jsontext.Scanner) (v VersionStatus) {
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "version":
			v.Version = readInt64(s)
		case "state":
			v.State = State(10 * readName(s, stateNames[:], 0))
		case "status":
			for s.Object(); s.NextKey(); {
				switch key := s.Key(); {
				case string(key) == "error_code":
					v.Code = readName(s, codeNames[:], 2)
				case string(key) == "error_message" && s.Kind() == jsontext.String:
					v.Message = s.Text()
				default:
					s.Skip()
				}
			}
		default:
			s.Skip()
		}
	}
	return v
}

// readInt64 reads an integer, which protobuf's JSON writes in quotes.
func readInt64(s *jsontext.Scanner) int64 {
	text := ""
	if s.Kind() == jsontext.String {
		text = s.Text()
	} else {
		text = string(s.Number())
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.Fail("expected an integer, found %.40q", text)
	}
	return v
}

// readName reads a name and returns its place, or other where it is none of them.
func readName(s *jsontext.Scanner, names []string, other int) int {
	if s.Kind() != jsontext.String {
		s.Skip()
		return other
	}
	text := s.Bytes()
	for i, name := range names {
		if string(text) == name {
			return i
		}
	}
	return other
}

// AppendStatus appends the status as REST has it.
func AppendStatus(dst []byte, all []VersionStatus) []byte {
	dst = append(dst, `{"model_version_status":[`...)
	for i := range all {
		v := &all[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"version":"`...), v.Version, 10)
		dst = append(append(dst, `","state":"`...), v.State.String()...)
		dst = append(dst, `","status":{"error_code":"`...)
		if v.Code >= 0 && v.Code < len(codeNames) {
			dst = append(dst, codeNames[v.Code]...)
		} else {
			dst = strconv.AppendInt(dst, int64(v.Code), 10)
		}
		dst = jsontext.AppendString(append(dst, `","error_message":`...), v.Message)
		dst = append(dst, '}', '}')
	}
	return append(dst, ']', '}')
}

// AppendStatusRequestGRPC appends a GetModelStatusRequest; [PeekModel] reads it.
func AppendStatusRequestGRPC(dst []byte, model, version string) []byte {
	return appendSpec(dst, 1, model, version, "")
}

// ParseStatusGRPC reads a GetModelStatusResponse.
func ParseStatusGRPC(b []byte) ([]VersionStatus, error) {
	var out []VersionStatus
	err := protobuf.Each(b, "model status", func(f *protobuf.Field) error {
		if !f.Is(1, protowire.BytesType) {
			return nil
		}
		if len(out) == maxTensors {
			return malformed("model status: expected at most %d versions, got more", maxTensors)
		}
		var v VersionStatus
		err := protobuf.Each(f.Bytes, "the status of a version", func(f *protobuf.Field) error {
			switch {
			case f.Is(1, protowire.VarintType):
				v.Version = int64(f.Num)
			case f.Is(2, protowire.VarintType):
				v.State = State(f.Num)
			case f.Is(3, protowire.BytesType):
				return protobuf.Each(f.Bytes, "the status of a version", func(f *protobuf.Field) (err error) {
					switch {
					case f.Is(1, protowire.VarintType):
						v.Code = int(int32(f.Num))
					case f.Is(2, protowire.BytesType):
						v.Message, err = f.Text("the message of a version's status")
					}
					return err
				})
			}
			return nil
		})
		out = append(out, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AppendStatusGRPC appends a GetModelStatusResponse.
func AppendStatusGRPC(dst []byte, all []VersionStatus) []byte {
	for i := range all {
		v := &all[i]
		at, inner := 0, 0
		dst, at = protobuf.Open(dst, 1)
		dst = protobuf.AppendInt(protobuf.AppendInt(dst, 1, v.Version), 2, int64(v.State))
		dst, inner = protobuf.Open(dst, 3)
		dst = protobuf.AppendText(protobuf.AppendInt(dst, 1, int64(v.Code)), 2, v.Message)
		dst = protobuf.Seal(protobuf.Seal(dst, inner), at)
	}
	return dst
}
