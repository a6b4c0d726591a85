package inference

import (
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/body"
)

func framesOf(pieces [][]byte, limit int64) *frames {
	return &frames{limit: limit, recv: func() (*body.Body, error) {
		if len(pieces) == 0 {
			return nil, io.EOF
		}
		b := body.Of(pieces[0])
		pieces = pieces[1:]
		return b, nil
	}}
}

func TestMessagesComeWholeHoweverTheyAreCut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		messages := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 6).Draw(rt, "messages")
		var all []byte
		for _, m := range messages {
			all = append(all, framedMessage(m)...)
		}
		short := 0
		if len(all) > 0 {
			short = rapid.IntRange(0, min(4, len(all)-1)).Draw(rt, "short")
		}
		rest := all[:len(all)-short]
		var pieces [][]byte
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		f := framesOf(pieces, 40)
		defer f.release()
		for i, m := range messages {
			got, err := f.next()
			if short > 0 && i == len(messages)-1 {
				if err != io.ErrUnexpectedEOF {
					rt.Fatalf("a message cut short: %v", err)
				}
				return
			}
			if err != nil || string(got.Bytes()) != string(framedMessage(m)) {
				rt.Fatalf("message %d: %v", i, err)
			}
			got.Release()
		}
		if _, err := f.next(); err != io.EOF {
			rt.Fatalf("after the last: %v", err)
		}
	})
}

func TestAMessageThatIsTooLargeIsNotWaitedFor(t *testing.T) {
	f := framesOf([][]byte{{0, 0, 0, 1, 0}}, 255)
	defer f.release()
	var large *body.TooLarge
	if _, err := f.next(); !errors.As(err, &large) {
		t.Errorf("%v", err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0}, 1)
	f.Add(append(framedMessage([]byte("abc")), framedMessage(nil)...), 3)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		size = max(1, min(size, len(b)))
		var pieces [][]byte
		for rest := b; len(rest) > 0; {
			n := min(size, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		fr := framesOf(pieces, 1<<10)
		defer fr.release()
		seen := 0
		for {
			m, err := fr.next()
			if err != nil {
				break
			}
			seen += m.Len()
			m.Release()
		}
		if seen > len(b) {
			t.Errorf("%d bytes of %d", seen, len(b))
		}
	})
}
