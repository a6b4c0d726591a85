package bentoml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

const formType = `multipart/form-data; charset="a;b"; boundary=B`

// lines is a form with line breaks as the standard has them.
func lines(l ...string) string { return strings.Join(l, "\r\n") }

func TestFormsHaveAFieldForEachPart(t *testing.T) {
	const text, file = `Content-Disposition: form-data; name="text"`, `content-disposition: form-data; name=f; filename="a\b.png"`
	for _, c := range []struct{ name, kind, text, want string }{
		{"text", formType, lines("--B", text, "", "I love it", "--B--", ""), `text=BYTES[] "I love it" scalar`},
		{"JSON", formType, lines("--B", text, "", "[1, 2]", "--B--"), `text=UNTYPED[2] [1,2]`},
		{"a file, whatever it has", formType, lines("--B", file, "Content-Type: image/png", "", "[1]\r\n--Bx\r\n", "--B--"), `f=BYTES[] "[1]\r\n--Bx\r\n" scalar`},
		{"files of one name are rows", formType, lines("--B", file, "", "a", "--B", file, "", "b", "--B", file, "", "", "--B--"), `f=BYTES[3] ["a","b",""]`},
		{"an empty part without a line of its own", formType, lines("--B", file, "", "--B--"), `f=BYTES[] "" scalar`},
		{"a file and text, after a preamble", formType, lines("hello", "--B  ", file, "", "a", "--B", text, "", "b", "--B--", "bye"), `f=BYTES[] "a" text=BYTES[] "b" scalar`},
		{"of two texts the last", formType, lines("--B", text, "", "a", "--B", text, "", "b", "--B--"), `text=BYTES[] "b" scalar`},
		{"the root input", formType, lines("--B", `Content-Disposition: form-data; name="__root_input__"`, "", "7", "--B--"), `=UNTYPED[] 7 scalar`},
		{"no parts", formType, lines("--B--"), `JSON {}`},
		{"a name with quotes", `multipart/form-data; boundary="B"`, lines("--B", `Content-Disposition: form-data; name="a\"b"; filename*=UTF-8''x`, "", "1", "--B--"), `a"b=BYTES[] "1" scalar`},
		{"no boundary", "multipart/form-data", lines("--B--"), "!malformed form: expected a boundary of 1 to 70 characters in its content type"},
		{"another boundary", formType, lines("--C--"), "!malformed form: expected a line with its boundary"},
		{"cut off in a part", formType, lines("--B", text, "", "a"), `!malformed form: expected its boundary behind part "text"`},
		{"cut off in a head", formType, lines("--B", text), "!malformed form: expected a blank line behind the head of a part"},
		{"no name", formType, lines("--B", "X: y", "", "a", "--B--"), "!malformed form: expected a name in the head of each part"},
		{"nested JSON", formType, lines("--B", text, "", `{"a":1}`, "--B--"), `!field "text"`},
		{"bytes that are no file", formType, lines("--B", text, "", "\xff", "--B--"), `!field "text": expected JSON or UTF-8 in a part that is no file`},
	} {
		got, err := Codec{}.DecodeRequest(typed(c.kind, c.text))
		check(t, c.name, c.want, got, err)
	}
	var many strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&many, "--B\r\nContent-Disposition: form-data; name=n%d\r\n\r\n1\r\n", i)
	}
	_, err := Codec{}.DecodeRequest(typed(formType, many.String()+"--B--"))
	check(t, "very many parts", "!more than 1024 fields", nil, err)
}

func TestFilesGoToServersAsAForm(t *testing.T) {
	png := tensor.Parameters{{Name: "content_type", Value: tensor.StringOf("image/png")}}
	c := &contract.Contract{
		Inputs:     []contract.Field{{Name: "image", Tensor: "img", Parameters: png}, {Name: "text"}, {Name: "boxes", Optional: true}},
		Parameters: tensor.Parameters{{Name: "k", Value: tensor.Int64Of(3)}},
	}
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Request(&message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("image", "\xff\r\n\x00"), tensor.OfStrings("text", "a")}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := codec.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
	if err != nil {
		t.Fatal(err)
	}
	_, parameters, err := mime.ParseMediaType(w.ContentType)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := multipart.NewReader(bytes.NewReader(w.Body.Bytes()), parameters["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(p)
		got = append(got, fmt.Sprintf("%s %s %q", p.FormName(), p.Header.Get("content-type"), data))
	}
	want := `img image/png "\xff\r\n\x00"|text application/json "\"a\""|k application/json "3"`
	if text := strings.Join(got, "|"); text != want {
		t.Errorf("\n got %s\nwant %s", text, want)
	}
	back, err := Codec{}.DecodeRequest(w)
	if err != nil || len(back.Tensors) != 3 {
		t.Errorf("read back: %v %v", back, err)
	}
}

func TestFormsOfTheStandardLibraryAreReadExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		want := map[string][]byte{}
		for range rapid.IntRange(0, 5).Draw(t, "parts") {
			name := rapid.StringMatching(`[a-z"\\ ;=]{1,8}`).Draw(t, "name")
			if _, twice := want[name]; twice {
				continue
			}
			data := []byte(rapid.SliceOf(rapid.SampledFrom([]byte("\r\n-a\xff"))).Draw(t, "data"))
			head := textproto.MIMEHeader{"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": name, "filename": "x"})}}
			p, _ := w.CreatePart(head)
			_, _ = p.Write(data)
			want[name] = data
		}
		_ = w.Close()
		c, err := Codec{}.DecodeRequest(typed(w.FormDataContentType(), buf.String()))
		if err != nil {
			t.Fatalf("%q: %v", buf.Bytes(), err)
		}
		if len(c.Tensors) != len(want) {
			t.Fatalf("%q: %d fields", buf.Bytes(), len(c.Tensors))
		}
		for name, data := range want {
			in := c.Tensor(name)
			if in == nil {
				t.Fatalf("%q: no field %q", buf.Bytes(), name)
			}
			if got, ok := in.BytesAt(0); !ok || !bytes.Equal(got, data) {
				t.Fatalf("field %q is %q, want %q", name, got, data)
			}
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add("", `{"a":[1,2]}`)
	f.Add(formType, lines("--B", `Content-Disposition: form-data; name="f"; filename=x`, "", "a", "--B--"))
	f.Add(formType, lines("--B", `Content-Disposition: form-data; name=f`, "", "--B", "", "", "--B--"))
	f.Add("image/png", "x")
	f.Add(`multipart/form-data; boundary="`, "")
	f.Fuzz(func(t *testing.T, contentType, text string) {
		c, err := Codec{}.DecodeRequest(typed(contentType, text))
		if err != nil {
			var failure *message.Failure
			if !errors.As(err, &failure) {
				t.Fatal(err)
			}
			return
		}
		total := 0
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
			total += cap(c.Tensors[i].Data)
		}
		if total > 16*len(text)+4096 {
			t.Fatalf("%d bytes of data from %d", total, len(text))
		}
		_, _ = Codec{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{}) // what is no text is refused
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add("application/json", `[{"a":1},{"a":2}]`)
	f.Add("text/plain", `x`)
	f.Fuzz(func(t *testing.T, contentType, text string) {
		c, err := Codec{}.DecodeReply(typed(contentType, text))
		if err != nil {
			return
		}
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeForm(b *testing.B) {
	text := lines("--B", `Content-Disposition: form-data; name="f"; filename=x`, "", strings.Repeat("x", 1<<20), "--B--")
	w := typed(formType, text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Codec{}).DecodeRequest(w); err != nil {
			b.Fatal(err)
		}
	}
}
