package seldon

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// benchmarkContent returns n doubles that a contract sends in a form.
func benchmarkContent(form string, n int) *message.Content {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i%1000) + 0.25
	}
	return &message.Content{Tensors: []tensor.Tensor{tensor.OfFP64(form, values...)}}
}

func benchmarkForms(b *testing.B, run func(b *testing.B, codec message.Codec, in []*message.Message, size int)) {
	for _, codec := range []message.Codec{Codec{}, GRPC{}} {
		for _, form := range []string{"tensor", "ndarray", "tftensor"} {
			for _, n := range []int{4, 1000, 1000000} {
				in := []*message.Message{message.FromContent(benchmarkContent(form, n))}
				b.Run(fmt.Sprintf("%s/%s/%d", codec.Dialect(), form, n), func(b *testing.B) {
					b.ReportAllocs()
					run(b, codec, in, 8*n)
				})
			}
		}
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	benchmarkForms(b, func(b *testing.B, codec message.Codec, in []*message.Message, size int) {
		w, err := codec.EncodeRequest(in, &message.Target{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(w.Body.Len()))
		for b.Loop() {
			if _, err := codec.DecodeRequest(w); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncodeRequest(b *testing.B) {
	benchmarkForms(b, func(b *testing.B, codec message.Codec, in []*message.Message, size int) {
		b.SetBytes(int64(size))
		for b.Loop() {
			w, err := codec.EncodeRequest(in, &message.Target{})
			if err != nil {
				b.Fatal(err)
			}
			w.Body.Release()
		}
	})
}

// BenchmarkProtobufGo decodes a list of numbers as protobuf's own code does, for comparison.
func BenchmarkProtobufGo(b *testing.B) {
	for _, n := range []int{4, 1000, 1000000} {
		x := benchmarkContent("", n).Tensors[0]
		list, err := appendList(nil, &x)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("ndarray/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(list)))
			b.ReportAllocs()
			for b.Loop() {
				if err := proto.Unmarshal(list, new(structpb.ListValue)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMergeMeta(b *testing.B) {
	_, large := protoOf(b, "SeldonMessage", `meta{puid:"p" routing{key:"r" value:1}}`)
	x := benchmarkContent("tensor", 1000000)
	payload, err := encodedGRPC(x)
	if err != nil {
		b.Fatal(err)
	}
	w, before := grpcWire(append(large, payload...)), grpcWire(large)
	b.ReportAllocs()
	for b.Loop() {
		out, err := MergeMetaWire(w, before)
		if err != nil {
			b.Fatal(err)
		}
		out.Body.Release()
	}
}
