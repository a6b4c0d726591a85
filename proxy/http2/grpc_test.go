package http2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// echoService is a server of grpc-go's interoperability service: it gives back what it gets.
type echoService struct {
	pb.UnimplementedTestServiceServer
	left chan struct{} // told of each call that its client left
}

func (s *echoService) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("echo-bin"); len(v) > 0 {
		_ = grpc.SetHeader(ctx, metadata.Pairs("echo-bin", v[0], "echo", strings.Join(md.Get("echo"), "+")))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("echo-trailer-bin", v[0]))
	}
	switch in.GetResponseStatus().GetMessage() {
	case "":
	case "wait":
		<-ctx.Done()
		s.left <- struct{}{}
		return nil, status.FromContextError(ctx.Err()).Err()
	default:
		st, _ := status.New(codes.Code(in.ResponseStatus.Code), in.ResponseStatus.Message).
			WithDetails(&errdetails.ErrorInfo{Reason: "MR000", Domain: "millrace.io"})
		return nil, st.Err()
	}
	return &pb.SimpleResponse{Payload: in.Payload}, nil
}

func (s *echoService) StreamingOutputCall(in *pb.StreamingOutputCallRequest, out pb.TestService_StreamingOutputCallServer) error {
	for _, p := range in.ResponseParameters {
		if err := out.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.Size)}}); err != nil {
			return err
		}
	}
	return nil
}

func (s *echoService) StreamingInputCall(in pb.TestService_StreamingInputCallServer) error {
	n := 0
	for {
		m, err := in.Recv()
		if err == io.EOF {
			return in.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(n)})
		}
		if err != nil {
			return err
		}
		n += len(m.GetPayload().GetBody())
	}
}

func (s *echoService) FullDuplexCall(both pb.TestService_FullDuplexCallServer) error {
	for {
		m, err := both.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := both.Send(&pb.StreamingOutputCallResponse{Payload: m.Payload}); err != nil {
			return err
		}
	}
}

// grpcThroughRelay returns a grpc-go client whose calls pass through a relay of this package to a grpc-go server.
func grpcThroughRelay(t testing.TB) (pb.TestServiceClient, *echoService) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	svc := &echoService{left: make(chan struct{}, 2000)}
	gs := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	pb.RegisterTestServiceServer(gs, svc)
	var group sync.WaitGroup
	group.Go(func() { _ = gs.Serve(lis) })
	t.Cleanup(func() { gs.Stop(); group.Wait() })

	s := serveRelay(t, lis.Addr().String(), ServerOptions{MaxStreams: 2000}, ClientOptions{MaxStreams: 2000})
	gc, err := grpc.NewClient("passthrough:///"+s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gc.Close() })
	return pb.NewTestServiceClient(gc), svc
}

func payload(n int) *pb.Payload {
	return &pb.Payload{Body: bytes.Repeat([]byte{7}, n)}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestGRPCUnaryCallsOfAllSizesPass(t *testing.T) {
	c, _ := grpcThroughRelay(t)
	for _, n := range []int{0, 1, 1024, 16379, 16384, 65535, 1 << 20, 16 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r, err := c.UnaryCall(testContext(t), &pb.SimpleRequest{Payload: payload(n)})
			if err != nil || !bytes.Equal(r.Payload.Body, payload(n).Body) {
				t.Fatal(err)
			}
		})
	}
}

func TestGRPCMetadataPassesBothWays(t *testing.T) {
	c, _ := grpcThroughRelay(t)
	bin := string([]byte{0, 1, 0xff, '\n'})
	for range 3 { // from the second time on by the compression's table
		ctx := metadata.AppendToOutgoingContext(testContext(t), "echo-bin", bin, "echo", "a", "echo", "b c")
		var head, tail metadata.MD
		if _, err := c.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Header(&head), grpc.Trailer(&tail)); err != nil {
			t.Fatal(err)
		}
		if head.Get("echo-bin")[0] != bin || tail.Get("echo-trailer-bin")[0] != bin || head.Get("echo")[0] != "a+b c" {
			t.Fatal(head, tail)
		}
	}
}

func TestGRPCStatusDetailsPass(t *testing.T) {
	c, _ := grpcThroughRelay(t)
	_, err := c.UnaryCall(testContext(t), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.NotFound), Message: "no such ü model"}})
	st := status.Convert(err)
	if st.Code() != codes.NotFound || st.Message() != "no such ü model" || len(st.Details()) != 1 {
		t.Fatal(err)
	}
	if _, err := c.UnimplementedCall(testContext(t), &pb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Fatal(err)
	}
}

func TestGRPCStreamsPassInAllDirections(t *testing.T) {
	c, _ := grpcThroughRelay(t)
	t.Run("of the server", func(t *testing.T) {
		in := &pb.StreamingOutputCallRequest{}
		for i := range 100 {
			in.ResponseParameters = append(in.ResponseParameters, &pb.ResponseParameters{Size: int32(i * 300)})
		}
		out, err := c.StreamingOutputCall(testContext(t), in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 101 {
			m, err := out.Recv()
			if i == 100 && err == io.EOF {
				break
			}
			if err != nil || len(m.Payload.Body) != i*300 {
				t.Fatal(i, err)
			}
		}
	})
	t.Run("of the client", func(t *testing.T) {
		in, err := c.StreamingInputCall(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			if err := in.Send(&pb.StreamingInputCallRequest{Payload: payload(10_000)}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := in.CloseAndRecv()
		if err != nil || r.AggregatedPayloadSize != 2_000_000 {
			t.Fatal(r, err)
		}
	})
	t.Run("of both in turn", func(t *testing.T) {
		both, err := c.FullDuplexCall(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if err := both.Send(&pb.StreamingOutputCallRequest{Payload: payload(i)}); err != nil {
				t.Fatal(err)
			}
			if m, err := both.Recv(); err != nil || len(m.GetPayload().GetBody()) != i {
				t.Fatal(i, err)
			}
		}
		_ = both.CloseSend()
		if _, err := both.Recv(); err != io.EOF {
			t.Fatal(err)
		}
	})
}

func TestGRPCDeadlinesAndCancelsReachTheServer(t *testing.T) {
	c, svc := grpcThroughRelay(t)
	wait := &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Message: "wait"}}
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	if _, err := c.UnaryCall(ctx, wait); status.Code(err) != codes.DeadlineExceeded {
		t.Fatal(err)
	}
	<-svc.left
	ctx, cancel = context.WithCancel(testContext(t))
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.UnaryCall(ctx, wait); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
	<-svc.left
}

func TestAThousandGRPCStreamsLiveAtOnce(t *testing.T) {
	c, _ := grpcThroughRelay(t)
	ctx := testContext(t)
	var open, done sync.WaitGroup
	open.Add(1000)
	errs := make(chan error, 1000)
	for range 1000 {
		done.Go(func() {
			both, err := c.FullDuplexCall(ctx)
			if err == nil {
				err = both.Send(&pb.StreamingOutputCallRequest{Payload: payload(500)})
			}
			if err == nil {
				_, err = both.Recv()
			}
			open.Done()
			open.Wait() // all have had their first answer, and none has ended
			if err == nil {
				err = both.Send(&pb.StreamingOutputCallRequest{Payload: payload(5000)})
			}
			if err == nil {
				_, err = both.Recv()
			}
			if err == nil {
				_ = both.CloseSend()
				if _, err = both.Recv(); err == io.EOF {
					err = nil
				}
			}
			errs <- err
		})
	}
	done.Wait()
	for range 1000 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}
