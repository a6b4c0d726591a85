package accesslog

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/proxy/router"
)

func line(t *testing.T, format string, e *Entry) string {
	t.Helper()
	f, err := ParseText(format)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Append(nil, e))
}

func TestTheDefaultLineIsEnvoys(t *testing.T) {
	want := `[2026-11-24T07:05:03.042Z] "POST /v2/models/sentiment/infer HTTP/1.1" 200 - 120 340 9 7 ` +
		`"192.0.2.7" "curl "8"" "7f3a" "models.example" "127.0.0.1:9002"` + "\n"
	if got := line(t, Default, request()); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestWhatIsMissingIsADash(t *testing.T) {
	want := `[-] "- - -" 0 - 0 0 - - "-" "-" "-" "-" "-"` + "\n"
	if got := line(t, Default, new(Entry)); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestEachOperatorWritesItsValue(t *testing.T) {
	for format, want := range map[string]string{
		"%REQ(:METHOD)% %REQ(:SCHEME)%":                             "POST http",
		"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):10%":                     "/v2/models",
		"%REQUEST_HEADER(user-agent)%":                              `curl "8"`,
		"%RESP(CONTENT-TYPE)% %RESPONSE_HEADER(a?content-type):11%": "application/json application",
		"%TRAILER(x)% %RESPONSE_TRAILER(x)%":                        "- -",
		"%RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER%":   "via_upstream all mls",
		"%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_CLUSTER_RAW%":   "1 mls",
		"%REQUEST_DURATION% %RESPONSE_DURATION%":                    "1 8",
		"%RESPONSE_TX_DURATION%":                                    "1",
		"%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_PORT%":      "10.0.0.9:51000 51000",
		"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%":                  "10.0.0.9",
		"%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_PORT%":        "[::1]:8080 8080",
		"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%":                   "::1",
		"%REQUEST_ID% %CONNECTION_ID% %LISTENER%":                   "7f3a 12 main",
		"%REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION%":          "- -",
		"%GRPC_STATUS% %GRPC_STATUS_NUMBER%":                        "- -",
		"%GRAPH% %DECISIONS% %FAILURE%":                             "default/triage split=a -",
		"%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_LOCAL_ADDRESS%": "- -",
		"%START_TIME(%s.%3f)%":                                      "1795503903.042",
		"%START_TIME(%d/%b/%Y:%H:%M:%S %z %a)%":                     "24/Nov/2026:07:05:03 +0000 Tue",
		"%START_TIME(%F %T %Z %f %E9S %%)%":                         "2026-11-24 07:05:03 UTC 042000000 03.042000000 %",
		"100%%":                                                     "100%",
		"":                                                          "",
	} {
		if got := line(t, format, request()); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

func TestAFailureSaysWhy(t *testing.T) {
	e := request()
	e.Info.Status, e.Info.Flags = 503, router.UpstreamConnectionFailure|router.RetryLimitExceeded
	e.Info.Failure = errors.New("connect 127.0.0.1:9002: refused")
	want := "503 UF,URX connect 127.0.0.1:9002: refused"
	if got := line(t, "%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%", e); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheGRPCStatusIsReadFromTrailersOrFromTheHead(t *testing.T) {
	e := request()
	e.Request.Header.Add("content-type", "application/grpc")
	e.Info.Trailers.Add("grpc-status", "14")
	if got := line(t, "%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)%", e); got != "Unavailable UNAVAILABLE 14" {
		t.Error(got)
	}
	e.Info.Trailers.Reset()
	e.Info.Response.Add("grpc-status", "0")
	if got := line(t, "%GRPC_STATUS% %GRPC_STATUS_NUMBER%", e); got != "OK 0" {
		t.Error(got)
	}
}

func TestTheServersOwnServiceTimeWins(t *testing.T) {
	e := request()
	e.Info.Response.Add("x-envoy-upstream-service-time", "3")
	if got := line(t, "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", e); got != "3" {
		t.Error(got)
	}
}

func TestAClientCannotForgeALine(t *testing.T) {
	e := request()
	e.Request.Header.Add("x-evil", "a\nb\x7f\x00ü")
	if got, want := line(t, "<%REQ(X-EVIL)%>\n", e), "<a\\x0ab\\x7f\\x00ü>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFormatThatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	for format, want := range map[string]string{
		"[%NONSENSE%]":            "access log format, at character 2: unknown operator %NONSENSE%",
		"ab %RESPONSE%":           "access log format, at character 4: unknown operator %RESPONSE%; did you mean %RESPONSE_CODE% or %RESPONSE_CODE_DETAILS% or %RESPONSE_DURATION%?",
		"%REQ%":                   "access log format, at character 1: %REQ needs a field's name: %REQ(NAME)%",
		"%REQ(A%":                 "access log format, at character 1: %REQ( has no ) after it",
		"%PROTOCOL(x)%":           "access log format, at character 1: %PROTOCOL takes nothing in parentheses",
		"%PROTOCOL":               "access log format, at character 1: %PROTOCOL has no % after it; write %% for a percent sign",
		"%REQ(A):x%":              "access log format, at character 1: %REQ: the length after : must be a number above 0",
		"50% off":                 "access log format, at character 3: % has no % after it; write %% for a percent sign",
		"%START_TIME(%Q)%":        `access log format, at character 1: %START_TIME: unknown time conversion in "%Q"; use %Y %m %d %H %M %S %E3S %3f %s %z`,
		"%GRPC_STATUS(x)%":        "access log format, at character 1: %GRPC_STATUS(x): write CAMEL_STRING, SNAKE_STRING or NUMBER",
		"%ENVIRONMENT%":           "access log format, at character 1: %ENVIRONMENT needs a name: %ENVIRONMENT(NAME)%",
		"%DYNAMIC_METADATA(a:b)%": "access log format, at character 1: unknown operator %DYNAMIC_METADATA%",
	} {
		_, err := ParseText(format)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", format, err, want)
		}
	}
}

func jsonFormat(t testing.TB, text string) *structpb.Struct {
	t.Helper()
	s := new(structpb.Struct)
	if err := protojson.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAJSONLineKeepsNumbersAndQuotesStrings(t *testing.T) {
	s := jsonFormat(t, `{"status": "%RESPONSE_CODE%", "agent": "%REQ(USER-AGENT)%", "none": "%REQ(NONE)%",
		"mix": "%PROTOCOL% \"%REQ(NONE)%\"", "deep": {"b": [1, "%DURATION%", "text", true], "a": "%RESP(X)%"}, "cut": "%RESPONSE_CODE:2%"}`)
	for omit, want := range map[bool]string{
		false: `{"agent":"curl \"8\"","cut":"20","deep":{"a":null,"b":[1,9,"text",true]},"mix":"HTTP/1.1 \"-\"","none":null,"status":200}` + "\n",
		true:  `{"agent":"curl \"8\"","cut":"20","deep":{"b":[1,9,"text",true]},"mix":"HTTP/1.1 \"\"","status":200}` + "\n",
	} {
		f, err := ParseJSON(s, omit)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Append(nil, request())); got != want {
			t.Errorf("omit %v:\ngot  %swant %s", omit, got, want)
		}
	}
	if _, err := ParseJSON(jsonFormat(t, `{"a": {"b": "%NO%"}}`), false); err == nil ||
		err.Error() != "json_format.a: json_format.b: access log format, at character 1: unknown operator %NO%" {
		t.Error(err)
	}
}

func TestAFormatSaysWhatItNeeds(t *testing.T) {
	for format, want := range map[string]Needs{
		Default: {}, "%RESP(a)%": {Response: true}, "%TRAILER(a)%": {Trailers: true},
		"%GRPC_STATUS%": {Response: true, Trailers: true}, "%DECISIONS%": {Decisions: true},
	} {
		f, err := ParseText(format)
		if err != nil || f.Needs() != want {
			t.Errorf("%s: got %+v, %v", format, f.Needs(), err)
		}
	}
}

func TestDecisionsNamePartAndArm(t *testing.T) {
	split := &plan.Choose{Info: plan.Info{Name: "split", Path: "split"}}
	got := AppendDecisions(nil, []engine.Decision{{Node: split, Arm: "a"}, {Node: split, Arm: "b", Rows: 3}})
	if string(got) != "split=a,split=b*3" {
		t.Errorf("%s", got)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add(Default, "a")
	f.Add("%START_TIME(%3f)% %REQ(x):3%", "\n\xff")
	f.Add("%%%REQ(x", `"\`)
	f.Fuzz(func(t *testing.T, format, value string) {
		e := request()
		e.Request.Header.Add("x", value)
		if c, err := ParseText(format); err == nil {
			c.Append(nil, e)
		}
		s := &structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewStringValue(format), "b": structpb.NewStringValue("%REQ(X)%")}}
		c, err := ParseJSON(s, false)
		if err != nil {
			return
		}
		var out map[string]any
		got := c.Append(nil, e)
		if err := json.Unmarshal(got, &out); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if b, _ := out["b"].(string); b != strings.ToValidUTF8(value, "\ufffd") && value != "" && !strings.Contains(b, "\ufffd") {
			t.Errorf("the value became %q, was %q", b, value)
		}
		if bytes.IndexByte(got, '\n') != len(got)-1 {
			t.Errorf("more than one line: %q", got)
		}
	})
}

func BenchmarkDefaultLine(b *testing.B) {
	f, err := ParseText(Default)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkFormat(b, f)
}

func BenchmarkJSONLine(b *testing.B) {
	f, err := ParseJSON(jsonFormat(b, `{"time": "%START_TIME%", "path": "%REQ(:PATH)%", "status": "%RESPONSE_CODE%", "agent": "%REQ(USER-AGENT)%",
		"from": "%DOWNSTREAM_REMOTE_ADDRESS%", "host": "%UPSTREAM_HOST%", "ms": "%DURATION%", "graph": "%GRAPH%"}`), false)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkFormat(b, f)
}

func benchmarkFormat(b *testing.B, f *Format) {
	e, dst := request(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = f.Append(dst[:0], e)
	}
}

func TestALineAllocatesNothing(t *testing.T) {
	f, err := ParseText(Default)
	if err != nil {
		t.Fatal(err)
	}
	e, dst := request(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = f.Append(dst[:0], e) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
