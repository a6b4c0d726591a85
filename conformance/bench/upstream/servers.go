package upstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// Model is the name of the one model of the model server.
	Model = "floats"
	// Floats is the length of its row.
	Floats = 1000
)

// Value is the i-th number of its answer; each needs all the digits that an FP32 has.
func Value(i int) float32 { return float32(math.Sin(float64(i)*0.7) * 100) }

// Servers are the running servers. Its methods may be called by several goroutines.
type Servers struct {
	// HTTP, GRPC and Model are host:port of the two echoes and of the model server.
	HTTP, GRPC, Model string

	calls  atomic.Int64
	reply  []byte
	http   net.Listener
	grpc   []*grpc.Server
	work   sync.WaitGroup
	mu     sync.Mutex // guards conns and closed
	conns  map[net.Conn]struct{}
	closed bool
}

// Start starts them on ports that the system chooses.
func Start() (*Servers, error) {
	s := &Servers{conns: map[net.Conn]struct{}{}, reply: reply()}
	var err error
	if s.http, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start upstream: %w", err)
	}
	s.HTTP = s.http.Addr().String()
	s.work.Go(s.accept)
	for _, one := range []struct {
		at     *string
		answer func(string, []byte) ([]byte, error)
	}{{&s.GRPC, s.echoMessage}, {&s.Model, s.infer}} {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start upstream: %w", err), s.Close())
		}
		*one.at = lis.Addr().String()
		server := s.newGRPC(one.answer)
		s.grpc = append(s.grpc, server)
		s.work.Go(func() { _ = server.Serve(lis) })
	}
	return s, nil
}

// Calls is how many requests they have answered.
func (s *Servers) Calls() int64 { return s.calls.Load() }

// accept serves connections until the listener closes.
func (s *Servers) accept() {
	for {
		conn, err := s.http.Accept()
		if err != nil {
			return
		}
		if !s.hold(conn) {
			_ = conn.Close()
			return
		}
		s.work.Go(func() {
			defer s.drop(conn)
			s.echo(conn)
		})
	}
}

func (s *Servers) hold(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[conn] = struct{}{}
	}
	return !s.closed
}

func (s *Servers) drop(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// Close ends all of them and their connections.
func (s *Servers) Close() error {
	err := s.http.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	for _, g := range s.grpc {
		g.Stop()
	}
	s.work.Wait()
	return err
}

// reply is the model's answer: one row of floats as raw contents.
func reply() []byte {
	tensor := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "y")
	tensor = protowire.AppendString(protowire.AppendTag(tensor, 2, protowire.BytesType), "FP32")
	shape := protowire.AppendVarint(protowire.AppendVarint(nil, 1), Floats)
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 3, protowire.BytesType), shape)
	var raw []byte
	for i := range Floats {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(Value(i)))
	}
	out := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), Model)
	out = protowire.AppendBytes(protowire.AppendTag(out, 5, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(out, 6, protowire.BytesType), raw)
}
