package openai

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/message"
)

// follow feeds a stream in chunks and returns its events, each with the bytes that it ends.
func follow(t interface{ Fatalf(string, ...any) }, e *Events, chunks ...string) (events []Event, texts []string) {
	open := ""
	for _, chunk := range chunks {
		for rest := []byte(chunk); len(rest) > 0; {
			n, event := e.Next(rest)
			if n <= 0 || n > len(rest) || event == NoEvent && n != len(rest) {
				t.Fatalf("of %q it looked at %d bytes", rest, n)
			}
			open += string(rest[:n])
			rest = rest[n:]
			if event != NoEvent {
				events, texts, open = append(events, event), append(texts, open), ""
			}
		}
	}
	return events, append(texts, open)
}

func TestEventsOfAStreamAreToldWhereTheyEnd(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []Event
		boundary   bool
	}{
		{"a completion", "data: {\"id\":1}\n\ndata: {\"id\":2}\n\ndata: [DONE]\n\n", []Event{Data, Data, Done}, true},
		{"carriage returns and line feeds", "data: {}\r\n\r\ndata: [DONE]\r\n\r\n", []Event{Data, Done}, true},
		{"carriage returns alone", "data: {}\r\rdata:[DONE]\r\r", []Event{Data, Done}, true},
		{"a comment that keeps alive", ": ping\n\ndata: {}\n\n", []Event{Blank, Data}, true},
		{"no space after the colon", "data:{}\n\n", []Event{Data}, true},
		{"several lines", "id: 3\nevent: chunk\ndata: {\ndata: }\nretry: 10\n\n", []Event{Data}, true},
		{"an error as data", "data: {\"error\": {\"message\": \"no\"}}\n\n", []Event{Failed}, true},
		{"an error as data on two lines", "data: {\ndata:  \"error\": {}}\n\n", []Event{Failed}, true},
		{"no error", "data: {\"error\": null, \"id\": 1}\n\n", []Event{Data}, true},
		{"an error by its type", "event: error\ndata: {\"message\": \"no\"}\n\n", []Event{Failed}, true},
		{"an error on another data line is data", "data: {\"x\":\ndata: {\"error\":1}}\n\n", []Event{Data}, true},
		{"a field without a value", "data\n\n", []Event{Data}, true},
		{"a field that only begins like data", "database: x\n\n", []Event{Blank}, true},
		{"blank lines between events", "\n\ndata: {}\n\n\n\ndata: {}\n\n", []Event{Data, Data}, true},
		{"a mark at the start", "\xEF\xBB\xBFdata: [DONE]\n\n", []Event{Done}, true},
		{"broken in an event", "data: {}\n\ndata: {\"id", []Event{Data}, false},
		{"broken between the lines of an event", "data: {}\n", nil, false},
		{"nothing", "", nil, true},
	} {
		var whole, split Events
		got, _ := follow(t, &whole, c.text)
		if !slices.Equal(got, c.want) || whole.Boundary() != c.boundary || whole.Done() != slices.Contains(c.want, Done) {
			t.Errorf("%s: %v %v %v", c.name, got, whole.Boundary(), whole.Done())
		}
		if got, _ := follow(t, &split, strings.Split(c.text, "")...); !slices.Equal(got, c.want) || split.Boundary() != c.boundary {
			t.Errorf("%s, byte by byte: %v %v", c.name, got, split.Boundary())
		}
	}
}

func TestChunksDoNotMatterToTheEventsOfAStream(t *testing.T) {
	lines := rapid.SliceOf(rapid.SampledFrom([]string{"data: {\"a\":1}", "data: [DONE]", ": x", "event: error", "data", "", "", "\r", "data: {\"error\": 1}"}))
	ends := rapid.SampledFrom([]string{"\n", "\r\n", "\r"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(lines.Draw(t, "lines"), ends.Draw(t, "end"))
		var chunks []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		var a, b Events
		want, wantTexts := follow(t, &a, text)
		got, texts := follow(t, &b, chunks...)
		if !slices.Equal(got, want) || strings.Join(texts, "") != strings.Join(wantTexts, "") || a.Boundary() != b.Boundary() {
			t.Fatalf("%q in %q: %v, whole %v", text, chunks, got, want)
		}
	})
}

func TestAStreamThatBreaksEndsWithAnError(t *testing.T) {
	f := &message.Failure{Code: "MR501", Kind: message.Unavailable, Part: "chat", Detail: "the server\nclosed the connection"}
	for _, c := range []struct{ name, text, prefix string }{
		{"between events", "data: {}\n\n", "data: "},
		{"in an event", "data: {\"id", "\n\ndata: "},
		{"before the first", "", "data: "},
	} {
		var e Events
		follow(t, &e, c.text)
		out := string(AppendBreak(nil, &e, f))
		told, ok := strings.CutPrefix(out, c.prefix)
		var body struct {
			Error struct{ Message, Type string }
		}
		if !ok || json.Unmarshal([]byte(told), &body) != nil || body.Error.Type != "server_error" || !strings.Contains(body.Error.Message, "part chat: the server\n") {
			t.Errorf("%s: %q", c.name, out)
		}
		if got, _ := follow(t, &e, out); got[len(got)-1] != Failed || !e.Boundary() {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	var done Events
	follow(t, &done, "data: [DONE]\n\n")
	if out := AppendBreak(nil, &done, f); len(out) != 0 {
		t.Errorf("a stream that was complete got %q", out)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("data: {}\r\n\r\ndata: [DONE]\n\n", 3)
	f.Add("\xEF\xBB: x\r\r\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		var a, b Events
		want, _ := follow(t, &a, text)
		var chunks []string
		for rest := text; rest != ""; {
			n := min(max(size, 1), len(rest))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		if got, _ := follow(t, &b, chunks...); !slices.Equal(got, want) {
			t.Fatalf("%v, whole %v", got, want)
		}
	})
}

func BenchmarkEvents(b *testing.B) {
	chunk := []byte(strings.Repeat("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n", 10))
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	var e Events
	for b.Loop() {
		for rest := chunk; len(rest) > 0; {
			n, _ := e.Next(rest)
			rest = rest[n:]
		}
	}
}
