package protobuf

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
)

// FuzzFields holds the two readers and the writer against each other: what Next reads is written again the same, and a walk over segments
// of any size finds the same fields, but for groups, which it refuses.
func FuzzFields(f *testing.F) {
	f.Add(sample(), 1)
	f.Add(sample()[:20], 3)
	f.Add(append(AppendBytes(nil, 1, ""), 0x80), 2)
	f.Add(protowire.AppendTag(protowire.AppendTag(nil, 9, protowire.StartGroupType), 9, protowire.EndGroupType), 1)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		whole := inPieces(b, max(size%64, 1))
		defer whole.Release()
		w := Over(whole)
		for rest := b; len(rest) > 0; {
			field, behind, ok := Next(rest)
			if ok && len(behind) >= len(rest) {
				t.Fatal("no progress")
			}
			s, walked, err := w.Next()
			if walked == (err != nil) {
				t.Fatalf("a field is %v and the error %v", walked, err)
			}
			if walked != (ok && field.Kind <= protowire.BytesType) && walked != (ok && field.Kind == protowire.Fixed32Type) {
				t.Fatalf("%x: Next says %v of type %d, a walk %v", b, ok, field.Kind, walked)
			}
			if !walked {
				return
			}
			if s.Number != field.Number || s.From != len(b)-len(rest) || s.To != len(b)-len(behind) || !bytes.Equal(w.AppendValue(nil, &s), field.Bytes) {
				t.Fatalf("%x: %v and %v", b, s, field)
			}
			rest = behind
		}
	})
}

// FuzzReplace drops nothing, or all: whatever the bytes, the result is the head and them, the head alone, or a refusal.
func FuzzReplace(f *testing.F) {
	f.Add(sample(), 3)
	f.Add([]byte{0x0A}, 1)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		whole, head := inPieces(b, max(size%64, 1)), body.Of([]byte("head"))
		defer whole.Release()
		defer head.Release()
		for _, c := range []struct {
			drop bool
			want string
		}{{false, "head" + string(b)}, {true, "head"}} {
			out, err := Replace(whole, head, "a field", func(Span) bool { return c.drop })
			if err != nil {
				continue
			}
			if got := string(out.Bytes()); got != c.want {
				t.Fatalf("%q, want %q", got, c.want)
			}
			out.Release()
		}
	})
}
