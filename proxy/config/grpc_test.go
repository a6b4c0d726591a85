package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// grpcBackend echoes messages on every method; /fail answers with a status at once, /half after one message.
func grpcBackend(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, str grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(str)
		if method == "/s/fail" {
			return status.Error(codes.NotFound, "no such model: a%b")
		}
		md, _ := metadata.FromIncomingContext(str.Context())
		if err := str.SetHeader(metadata.Pairs("x-echo", fmt.Sprint(md["x-in"]))); err != nil {
			return err
		}
		str.SetTrailer(metadata.Pairs("x-trailer", "t"))
		for {
			m := &wrapperspb.StringValue{}
			if err := str.RecvMsg(m); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := str.SendMsg(m); err != nil {
				return err
			}
			if method == "/s/half" {
				return status.Error(codes.Aborted, "enough")
			}
		}
	}))
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return ln.Addr().String()
}

func TestGRPCPassesThrough(t *testing.T) {
	h := start(t)
	h.good(t, ClusterType, `{"name": "a", "type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}}, "http2_protocol_options": {}}`, fmt.Sprintf(edsCluster, "none"))
	h.good(t, EndpointType, endpoints("a", grpcBackend(t)), endpoints("none"))
	h.good(t, ListenerType, listenerJSON("l", 0, rds))
	h.good(t, RouteType, `{"name": "r", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
		{"match": {"prefix": "/none"}, "route": {"cluster": "none"}}, {"match": {"prefix": "/"}, "route": {"cluster": "a"}}]}]}`)
	conn, err := grpc.NewClient(h.address(t, "l"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), "x-in", "1"))
	defer cancel()

	var header, trailer metadata.MD
	out := &wrapperspb.StringValue{}
	for range 3 {
		if err := conn.Invoke(ctx, "/s/unary", wrapperspb.String("hello"), out, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil || out.Value != "hello" {
			t.Fatalf("unary: %q, %v", out.Value, err)
		}
	}
	if header.Get("x-echo")[0] != "[1]" || trailer.Get("x-trailer")[0] != "t" {
		t.Errorf("header %v, trailer %v", header, trailer)
	}
	big := wrapperspb.String(string(make([]byte, 2<<20)))
	if err := conn.Invoke(ctx, "/s/unary", big, out); err != nil || len(out.Value) != 2<<20 {
		t.Errorf("2 MiB: %v", err)
	}
	err = conn.Invoke(ctx, "/s/fail", wrapperspb.String("x"), out)
	if s := status.Convert(err); s.Code() != codes.NotFound || s.Message() != "no such model: a%b" {
		t.Errorf("trailers only: %v", err)
	}
	err = conn.Invoke(ctx, "/none/x", wrapperspb.String("x"), out)
	if s := status.Convert(err); s.Code() != codes.Unavailable || s.Message() != "no healthy upstream" {
		t.Errorf("no endpoint: %v", err)
	}

	str, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/s/bidi")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := str.SendMsg(wrapperspb.String(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if err := str.RecvMsg(out); err != nil || out.Value != fmt.Sprint(i) {
			t.Fatalf("bidi: %q, %v", out.Value, err)
		}
	}
	if err := str.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := str.RecvMsg(out); !errors.Is(err, io.EOF) {
		t.Errorf("end of bidi: %v", err)
	}

	half, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/s/half")
	if err != nil {
		t.Fatal(err)
	}
	if err := half.SendMsg(wrapperspb.String("x")); err != nil {
		t.Fatal(err)
	}
	if err := half.RecvMsg(out); err != nil {
		t.Fatal(err)
	}
	if err := half.RecvMsg(out); status.Code(err) != codes.Aborted {
		t.Errorf("a server that ends first: %v", err)
	}
}
