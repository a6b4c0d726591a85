package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// inferMethod is the one method of Open Inference's gRPC service that the demo calls.
const inferMethod = "/inference.GRPCInferenceService/ModelInfer"

// bytesCodec hands messages over as they are: the demo writes and reads the few fields of them that it needs by hand.
type bytesCodec struct{}

func (bytesCodec) Name() string                  { return "proto" }
func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}

// dial connects to the proxy.
func dial(at string) (*grpc.ClientConn, error) {
	return grpc.NewClient(at, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
}

// inferGRPC asks model about one text and returns each output's first value.
func inferGRPC(ctx context.Context, conn *grpc.ClientConn, model, question string) (map[string]any, error) {
	request, reply := inferRequest(model, question), []byte(nil)
	if err := conn.Invoke(ctx, inferMethod, &request, &reply); err != nil {
		return nil, err
	}
	return inferReply(reply)
}

// inferRequest is a ModelInferRequest with one input, text, of one string in typed contents.
func inferRequest(model, question string) []byte {
	contents := protowire.AppendString(protowire.AppendTag(nil, 8, protowire.BytesType), question)
	tensor := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "text")
	tensor = protowire.AppendString(protowire.AppendTag(tensor, 2, protowire.BytesType), "BYTES")
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 3, protowire.BytesType), protowire.AppendVarint(nil, 1))
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 5, protowire.BytesType), contents)
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), model)
	return protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), tensor)
}

// inferReply reads a ModelInferResponse.
func inferReply(b []byte) (map[string]any, error) {
	var tensors, raw [][]byte
	err := eachField(b, func(n protowire.Number, v []byte) {
		switch n {
		case 5:
			tensors = append(tensors, v)
		case 6:
			raw = append(raw, v)
		}
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, len(tensors))
	for i, t := range tensors {
		var name, datatype string
		var contents []byte
		if err := eachField(t, func(n protowire.Number, v []byte) {
			switch n {
			case 1:
				name = string(v)
			case 2:
				datatype = string(v)
			case 5:
				contents = v
			}
		}); err != nil {
			return nil, err
		}
		if i < len(raw) {
			out[name], err = firstRaw(datatype, raw[i])
		} else {
			out[name], err = firstTyped(datatype, contents)
		}
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
	}
	return out, nil
}

// eachField calls f with every length-delimited field of a message.
func eachField(b []byte, f func(protowire.Number, []byte)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		if kind == protowire.BytesType {
			v, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return protowire.ParseError(size)
			}
			f(n, v)
			b = b[size:]
			continue
		}
		if size = protowire.ConsumeFieldValue(n, kind, b); size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
	}
	return nil
}

// firstRaw is the first element of a tensor's little-endian bytes.
func firstRaw(datatype string, b []byte) (any, error) {
	switch {
	case datatype == "BYTES" && len(b) >= 4 && len(b)-4 >= int(binary.LittleEndian.Uint32(b)):
		return string(b[4 : 4+binary.LittleEndian.Uint32(b)]), nil
	case datatype == "FP64" && len(b) >= 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
	case datatype == "FP32" && len(b) >= 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case datatype == "INT64" && len(b) >= 8:
		return float64(int64(binary.LittleEndian.Uint64(b))), nil
	case datatype == "BOOL" && len(b) >= 1:
		return b[0] != 0, nil
	}
	return nil, fmt.Errorf("%d bytes of %s cannot be read", len(b), datatype)
}

// firstTyped is the first element of typed contents.
func firstTyped(datatype string, contents []byte) (any, error) {
	var first any
	err := eachField(contents, func(n protowire.Number, v []byte) {
		switch {
		case first != nil:
		case n == 1 && len(v) > 0:
			first = v[0] != 0
		case n == 3:
			if x, size := protowire.ConsumeVarint(v); size > 0 {
				first = float64(int64(x))
			}
		case n == 6 && len(v) >= 4:
			first = float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))
		case n == 7 && len(v) >= 8:
			first = math.Float64frombits(binary.LittleEndian.Uint64(v))
		case n == 8:
			first = string(v)
		}
	})
	if err == nil && first == nil {
		err = errors.New("no " + datatype + " contents")
	}
	return first, err
}
