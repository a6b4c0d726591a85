package http1

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
	"pgregory.net/rapid"
)

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) { return s.Buffer.Write(p) }
func (s *sink) Read(p []byte) (int, error)  { return s.Buffer.Read(p) }

// dribble returns as much at once as it is told to.
type dribble struct {
	src   io.Reader
	sizes []int
	n     int
}

func (d *dribble) Read(p []byte) (int, error) {
	d.n++
	return d.src.Read(p[:min(len(p), d.sizes[d.n%len(d.sizes)])])
}

func TestABodyIsReadAsItWasWrittenHoweverItIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := body.NewBudget(0)
		pieces := rapid.SliceOfN(rapid.Map(rapid.IntRange(1, 20_000), func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }), 0, 5).Draw(t, "pieces")
		want := bytes.Join(pieces, nil)
		end := rapid.SampledFrom([]ending{byLength, byChunks, byClose}).Draw(t, "end")
		withTrailers := rapid.Bool().Draw(t, "trailers")

		var conn sink
		w := bodyWriter{conn: &conn}
		w.start(end, int64(len(want)))
		for _, p := range pieces {
			b, _ := body.Copy(budget, p)
			if err := w.write(b, false); err != nil {
				t.Fatal(err)
			}
			b.Release()
		}
		var err error
		if withTrailers {
			var tr stream.Header
			tr.Add("Digest", "x")
			err = w.trailers(&tr)
		} else {
			err = w.write(nil, true)
		}
		if err != nil || !w.done {
			t.Fatalf("the end: %v, done %t", err, w.done)
		}
		if end != byClose {
			conn.WriteString("next")
		}

		sizes := rapid.SliceOfN(rapid.IntRange(1, 9000), 1, 4).Draw(t, "sizes")
		rd := reader{src: &dribble{src: &conn, sizes: sizes}, buf: make([]byte, smallBuffer)}
		var b bodyReader
		b.start(end, int64(len(want)), 0, defaultMaxHeader)
		got, err := readAll(func() (*body.Body, error) { return b.next(&rd, budget, noWait) })
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes of %d, %v", len(got), len(want), err)
		}
		if announced := end == byChunks && withTrailers; (b.trailers.Len() == 1) != announced {
			t.Fatalf("%d trailers were read", b.trailers.Len())
		}
		if rest, _ := io.ReadAll(io.MultiReader(bytes.NewReader(rd.buffered()), &conn)); end != byClose && string(rest) != "next" {
			t.Fatalf("behind the body is %q", rest)
		}
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are charged at the end", budget.Used())
		}
	})
}
