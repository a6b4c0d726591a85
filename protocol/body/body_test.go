package body

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestABodyKeepsItsBytesUntilTheLastRelease(t *testing.T) {
	budget := NewBudget(1 << 20)
	b, err := Copy(budget, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	shadow := b.Retain()
	b.Release()
	if got := string(shadow.Bytes()); got != "hello" {
		t.Fatalf("the shadow reads %q", got)
	}
	shadow.Release()
	if used := budget.Used(); used != 0 {
		t.Fatalf("%d bytes are charged after the last release", used)
	}
}

func TestASliceOutlivesTheBodyItWasCutFrom(t *testing.T) {
	budget := NewBudget(0)
	w := Writer{Budget: budget}
	for range 5000 {
		if _, err := w.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := w.Body()
	if err != nil {
		t.Fatal(err)
	}
	cut := whole.Slice(1995, 40015)
	whole.Release()
	want := strings.Repeat("0123456789", 5000)[1995:40015]
	if got := string(cut.Bytes()); got != want {
		t.Fatalf("the slice differs from the bytes it was cut from")
	}
	cut.Release()
	if used := budget.Used(); used != 0 {
		t.Fatalf("%d bytes are charged after the last release", used)
	}
}

func TestAWriterRefusesWhatExceedsItsLimitOrTheBudget(t *testing.T) {
	budget := NewBudget(4096)
	w := Writer{Budget: budget, Limit: 10}
	_, err := w.Write([]byte("eleven bytes"))
	var large *TooLarge
	if !errors.As(err, &large) || large.Limit != 10 {
		t.Fatalf("over the limit: %v", err)
	}
	if _, err := w.Body(); !errors.As(err, &large) {
		t.Fatalf("the body of a writer that failed: %v", err)
	}
	if _, err := Copy(budget, make([]byte, 5000)); !errors.Is(err, ErrBudget) {
		t.Fatalf("over the budget: %v", err)
	}
	if used := budget.Used(); used != 0 {
		t.Fatalf("%d bytes are charged after the refusals", used)
	}
}

func TestReleasingTooOftenPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a second release went unnoticed")
		}
	}()
	b := &Body{}
	b.refs.Store(1)
	b.Release()
	b.Release()
}

func TestSlicesAndJoinsAreTheBytesTheyName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := NewBudget(0)
		w := Writer{Budget: budget}
		var want []byte
		for _, p := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3000), 0, 6).Draw(t, "parts") {
			want = append(want, p...)
			if rapid.Bool().Draw(t, "shared") {
				piece, _ := Copy(budget, p)
				_ = w.Append(piece)
				piece.Release()
			} else if _, err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		b, err := w.Body()
		if err != nil {
			t.Fatal(err)
		}
		from := rapid.IntRange(0, len(want)).Draw(t, "from")
		to := rapid.IntRange(from, len(want)).Draw(t, "to")
		head, mid, tail := b.Slice(0, from), b.Slice(from, to), b.Slice(to, len(want))
		joined := Join(head, mid, tail)
		b.Release()
		if !bytes.Equal(mid.Bytes(), want[from:to]) || !bytes.Equal(joined.Bytes(), want) || joined.Len() != len(want) {
			t.Fatal("a slice or the join differs from the bytes")
		}
		for _, x := range []*Body{head, mid, tail, joined} {
			x.Release()
		}
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are charged after the last release", budget.Used())
		}
	})
}

func BenchmarkCopyAndRelease(b *testing.B) {
	p := make([]byte, 1024)
	budget := NewBudget(1 << 30)
	b.ReportAllocs()
	for b.Loop() {
		x, _ := Copy(budget, p)
		x.Release()
	}
}
