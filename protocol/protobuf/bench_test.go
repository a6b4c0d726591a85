package protobuf

import (
	"testing"

	"github.com/millrace/millrace/protocol/body"
)

func BenchmarkNext(b *testing.B) {
	message := sample()
	b.ReportAllocs()
	for b.Loop() {
		for rest := message; len(rest) > 0; {
			_, rest, _ = Next(rest)
		}
	}
}

func BenchmarkOpenAndSeal(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, outer := Open(buf[:0], 1)
		dst, inner := Open(dst, 2)
		buf = Seal(Seal(AppendText(dst, 1, "a name"), inner), outer)
	}
}

func BenchmarkReplace(b *testing.B) {
	whole, head := inPieces(sample(), 64), body.Of(AppendBytes(nil, 1, "new"))
	b.ReportAllocs()
	for b.Loop() {
		out, err := Replace(whole, head, "a name", func(s Span) bool { return s.Number == 1 })
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
}
