package http2

import (
	"fmt"
	"testing"

	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/proxy/stream"
)

func TestWhatTheEncoderWritesIsWhatADecoderReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEncoder()
		var got []hpack.HeaderField
		dec := hpack.NewDecoder(tableLimit, func(f hpack.HeaderField) { got = append(got, f) })
		names := rapid.SampledFrom([]string{":path", ":method", "x-a", "x-b", "content-type", "authorization", "grpc-timeout", "accept-encoding"})
		values := rapid.OneOf(rapid.SampledFrom([]string{"", "POST", "/", "application/grpc", "gzip, deflate"}),
			rapid.StringMatching(`[a-z]{0,3}`), rapid.StringMatching(`[a-z]{300,600}`))
		for range rapid.IntRange(1, 40).Draw(t, "blocks") {
			if rapid.IntRange(0, 5).Draw(t, "resize") == 0 {
				for range rapid.IntRange(1, 3).Draw(t, "times") {
					n := rapid.Uint32Range(0, 5000).Draw(t, "size")
					e.setTableSize(n)
					dec.SetAllowedMaxDynamicTableSize(max(n, tableLimit))
				}
			}
			got = got[:0]
			e.begin()
			var want []hpack.HeaderField
			for range rapid.IntRange(0, 12).Draw(t, "fields") {
				f := hpack.HeaderField{Name: names.Draw(t, "name"), Value: values.Draw(t, "value")}
				f.Sensitive = f.Name == "authorization"
				e.append([]byte(f.Name), []byte(f.Value))
				want = append(want, f)
			}
			if _, err := dec.Write(e.out); err != nil {
				t.Fatal(err)
			}
			if err := dec.Close(); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("read %v\nwrote %v", got, want)
			}
		}
	})
}

func TestARepeatedHeadCostsAByteAField(t *testing.T) {
	e, h := newEncoder(), grpcHead()
	for range 2 {
		e.begin()
		e.appendRequest(h)
	}
	e.begin()
	e.appendRequest(h)
	if fields := 4 + h.Header.Len(); len(e.out) != fields {
		t.Fatalf("%d bytes for %d fields", len(e.out), fields)
	}
}

func TestASecretIsNeverIndexed(t *testing.T) {
	e := newEncoder()
	h := request("GET", "/", "Authorization", "Bearer abc", "cookie", "a=b")
	for range 3 {
		e.begin()
		e.appendRequest(h)
	}
	dec := hpack.NewDecoder(tableLimit, func(f hpack.HeaderField) {
		if secret([]byte(f.Name)) && !f.Sensitive {
			t.Errorf("%s may be indexed by the next hop", f.Name)
		}
	})
	e = newEncoder()
	e.begin()
	e.appendRequest(h)
	if _, err := dec.Write(e.out); err != nil {
		t.Fatal(err)
	}
}

func TestWhatHTTPDoesNotAllowIsNotSent(t *testing.T) {
	for name, h := range map[string]*stream.RequestHead{
		"a line break in a value": request("GET", "/", "x-a", "1\r\nx-b: 2"),
		"a space in a name":       request("GET", "/", "x a", "1"),
		"a pseudo-header field":   request("GET", "/", ":authority", "evil"),
		"an empty name":           request("GET", "/", "", "1"),
		"a space in the path":     request("GET", "/a b"),
		"a bad method":            request("GE T", "/"),
	} {
		if checkRequestHead(h) == nil {
			t.Errorf("%s was let pass", name)
		}
	}
}

func TestAContentLengthIsSentWhereThereWasOne(t *testing.T) {
	said := &stream.Header{}
	said.Add("content-length", "7")
	for name, c := range map[string]struct {
		head stream.ResponseHead
		want string
	}{
		"known":                      {stream.ResponseHead{Status: 200, ContentLength: 5}, "5"},
		"changed by a filter":        {stream.ResponseHead{Status: 200, ContentLength: 5, Header: *said}, "5"},
		"taken away by a filter":     {stream.ResponseHead{Status: 200, ContentLength: -1, Header: *said}, ""},
		"no body, nothing said":      {stream.ResponseHead{Status: 200, Version: stream.HTTP2}, ""},
		"no body, said":              {stream.ResponseHead{Status: 200, Version: stream.HTTP2, Header: *said}, "0"},
		"no body, said by HTTP/1":    {stream.ResponseHead{Status: 200, Version: stream.HTTP11}, "0"},
		"204, which may not have it": {stream.ResponseHead{Status: 204, Version: stream.HTTP11}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e, got := newEncoder(), ""
			e.begin()
			e.appendResponse(&c.head)
			dec := hpack.NewDecoder(tableLimit, func(f hpack.HeaderField) {
				if f.Name == "content-length" {
					got += f.Value
				}
			})
			if _, err := dec.Write(e.out); err != nil || got != c.want {
				t.Fatalf("content-length %q, %v", got, err)
			}
		})
	}
}

func BenchmarkEncodeHead(b *testing.B) {
	e, h := newEncoder(), grpcHead()
	b.ReportAllocs()
	for b.Loop() {
		e.begin()
		e.appendRequest(h)
	}
}
