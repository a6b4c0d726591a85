package load

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/millrace/millrace/conformance/bench/upstream"
)

// Connect opens a gRPC connection that several clients may share; the caller closes it after them.
func Connect(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(upstream.Window), grpc.WithStaticConnWindowSize(16*upstream.Window),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(upstream.Raw{}), grpc.MaxCallRecvMsgSize(upstream.MaxMessage), grpc.MaxCallSendMsgSize(upstream.MaxMessage)))
}

// GRPC is a client that sends message to method over and over, one stream after another. Closing it leaves conn open.
func GRPC(conn *grpc.ClientConn, method string, message []byte, check Check) Client {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	return &grpcClient{conn: conn, method: method, ctx: ctx, cancel: cancel, answers: answers{question: message, check: check}}
}

type grpcClient struct {
	conn    *grpc.ClientConn
	method  string
	ctx     context.Context
	cancel  context.CancelFunc
	reply   []byte
	answers answers
}

var _ Client = (*grpcClient)(nil)

// Ask sends a deadline, as every careful client does.
func (c *grpcClient) Ask() error {
	ctx, cancel := context.WithTimeout(c.ctx, 30*time.Second)
	defer cancel()
	if err := c.conn.Invoke(ctx, c.method, &c.answers.question, &c.reply); err != nil {
		return fmt.Errorf("call %s: %w", c.method, err)
	}
	if err := c.answers.verify(c.reply); err != nil {
		return fmt.Errorf("call %s: %w", c.method, err)
	}
	return nil
}

func (c *grpcClient) Close() error {
	c.cancel()
	return nil
}
