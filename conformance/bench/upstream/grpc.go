package upstream

import (
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/tensor"
)

// Raw is a gRPC codec for messages that are bytes already: *[]byte both ways. A received message's bytes are the receiver's.
type Raw struct{}

var _ encoding.CodecV2 = Raw{}

// Marshal returns the bytes as they are; they must not change until the message is sent.
func (Raw) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T: only *[]byte is raw", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal copies the message into the slice, which grows where it must.
func (Raw) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal %T: only *[]byte is raw", v)
	}
	n := data.Len()
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	data.CopyTo(*b)
	return nil
}

// Name is the content subtype, so that the wire has application/grpc+proto.
func (Raw) Name() string { return "proto" }

// Limits of the benchmark's own gRPC ends: a window that no message fills, so that the proxy's own windows are what counts.
const (
	MaxMessage = 64 << 20
	Window     = 4 << 20
)

// newGRPC is a server that gives every call to answer.
func (s *Servers) newGRPC(answer func(method string, request []byte) ([]byte, error)) *grpc.Server {
	return grpc.NewServer(grpc.ForceServerCodecV2(Raw{}), grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage),
		grpc.StaticStreamWindowSize(Window), grpc.StaticConnWindowSize(16*Window), grpc.MaxConcurrentStreams(1024),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(stream)
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			reply, err := answer(method, request)
			if err != nil {
				return err
			}
			return stream.SendMsg(&reply)
		}))
}

func (s *Servers) echoMessage(_ string, request []byte) ([]byte, error) {
	s.calls.Add(1)
	return request, nil
}

// infer is a model server of Open Inference with one model, which gives the same answer to every question.
func (s *Servers) infer(method string, request []byte) ([]byte, error) {
	switch method[strings.LastIndexByte(method, '/')+1:] {
	case "ModelInfer":
		s.calls.Add(1)
		return s.reply, nil
	case "ModelReady", "ServerReady", "ServerLive":
		return oip.AppendReadyGRPC(nil, true), nil
	case "ModelMetadata":
		m := oip.Metadata{Name: Model, Inputs: []oip.TensorMetadata{{Name: "x", Datatype: tensor.FP32, Shape: []int64{-1, Floats}}},
			Outputs: []oip.TensorMetadata{{Name: "y", Datatype: tensor.FP32, Shape: []int64{-1, Floats}}}}
		return m.AppendGRPC(nil), nil
	}
	return nil, status.Errorf(codes.Unimplemented, "%s of %d bytes", method, len(request))
}
