package http1

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
)

// pair is two ends of a connection over the loopback.
func pair(t *testing.T) (near, far *net.TCPConn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far = dial(t, ln.Addr().String())
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); far.Close() })
	return c.(*net.TCPConn), far
}

func TestAPeerThatIsSlowWithItsBodyHoldsNoMemory(t *testing.T) {
	near, far := pair(t)
	budget := body.NewBudget(1 << 20)
	rd := newReader(near)
	var in bodyReader
	in.start(byLength, 50_000, 0, defaultMaxHeader)
	_ = near.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := in.next(&rd, budget, noWait); !os.IsTimeout(err) {
		t.Fatalf("nothing came, and the error is %v", err)
	}
	_ = near.SetReadDeadline(time.Time{})
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes are held for what did not come", used)
	}
	waits := 0
	wait := func() error {
		if waits++; budget.Used() != 0 {
			t.Errorf("%d bytes are held while it waits", budget.Used())
		}
		return nil
	}
	go func() { _, _ = far.Write(bytes.Repeat([]byte("y"), 50_000)) }()
	got := 0
	for {
		b, err := in.next(&rd, budget, wait)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got += b.Len()
		b.Release()
	}
	if got != 50_000 || waits == 0 {
		t.Errorf("%d bytes after %d waits", got, waits)
	}
}

func TestABodyThatWaitsInTheSocketComesInFewPieces(t *testing.T) {
	near, far := pair(t)
	if _, err := far.Write(make([]byte, 20<<10)); err != nil {
		t.Fatal(err)
	}
	if err := far.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	awaitBytes(t, near, 20<<10)
	rd := newReader(near)
	var in bodyReader
	in.start(byLength, 30<<10, 0, defaultMaxHeader)
	b, err := in.next(&rd, nil, noWait)
	if err != nil || b.Len() != 20<<10 {
		t.Errorf("the first piece has %d bytes, error %v", b.Len(), err)
	}
	b.Release()
	if _, err := in.next(&rd, nil, noWait); err != io.ErrUnexpectedEOF {
		t.Errorf("the peer closed in the middle, and the error is %v", err)
	}
}

func TestABodyThatTheBudgetHasNoRoomForIsRefused(t *testing.T) {
	near, far := pair(t)
	if _, err := far.Write(make([]byte, 20<<10)); err != nil {
		t.Fatal(err)
	}
	budget := body.NewBudget(1 << 10)
	rd := newReader(near)
	var in bodyReader
	in.start(byLength, 20<<10, 0, defaultMaxHeader)
	if _, err := in.next(&rd, budget, noWait); err != body.ErrBudget {
		t.Errorf("error %v", err)
	}
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes are held", used)
	}
}

func TestWhatIsBufferedAndWhatWaitsInTheSocketAreOnePiece(t *testing.T) {
	near, far := pair(t)
	budget := body.NewBudget(1 << 20)
	sent := make([]byte, 16<<10)
	for i := range sent {
		sent[i] = byte(i >> 4)
	}
	if _, err := far.Write(sent); err != nil {
		t.Fatal(err)
	}
	awaitBytes(t, near, len(sent))
	rd := newReader(near)
	if err := rd.fill(smallBuffer); err != nil {
		t.Fatal(err)
	}
	var in bodyReader
	in.start(byLength, int64(len(sent))+10, 0, defaultMaxHeader)
	b, err := in.next(&rd, budget, noWait)
	if err != nil || !bytes.Equal(b.Bytes(), sent) {
		t.Errorf("the first piece has %d bytes, error %v", b.Len(), err)
	}
	b.Release()
	// The next is what was buffered alone: there is nothing else, and nobody waits for it.
	if _, err := far.Write(sent[:4]); err != nil {
		t.Fatal(err)
	}
	if err := rd.fill(smallBuffer); err != nil {
		t.Fatal(err)
	}
	if b, err = in.next(&rd, budget, noWait); err != nil || b.Len() != 4 {
		t.Errorf("the second piece has %d bytes, error %v", b.Len(), err)
	}
	b.Release()
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes are held", used)
	}
}

func TestAResetThatCameAfterTheBufferedBytesIsToldNext(t *testing.T) {
	near, far := pair(t)
	if _, err := far.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	rd := newReader(near)
	if err := rd.fill(smallBuffer); err != nil {
		t.Fatal(err)
	}
	_ = far.SetLinger(0)
	far.Close()
	awaitReset(t, near)
	var in bodyReader
	in.start(byLength, 200, 0, defaultMaxHeader)
	b, err := in.next(&rd, nil, noWait)
	if err != nil || b.Len() != 100 {
		t.Fatalf("%d bytes, error %v", b.Len(), err)
	}
	b.Release()
	if _, err := in.next(&rd, nil, noWait); !isReset(ioError("receive", err)) {
		t.Errorf("error %v", err)
	}
}
