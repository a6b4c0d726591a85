package tfserving

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func benchmarkContent(n int) *message.Content {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, n)
	for i := range values {
		values[i] = r.Float64()
	}
	x := tensor.OfFP64("x", values...)
	x, _ = tensor.Cast(&x, tensor.FP32)
	if n > 4 {
		x.Shape = []int64{int64(n / 4), 4}
	}
	return content(x)
}

var benchmarkForms = []struct {
	name  string
	codec message.Codec
}{{"columns", REST{}}, {"rows", REST{contract: &contract.Contract{}, rows: true}}, {"gRPC", GRPC{}}}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, n := range []int{4, 1000, 1000000} {
		in := []*message.Message{message.FromContent(benchmarkContent(n))}
		for _, form := range benchmarkForms {
			w, err := form.codec.EncodeRequest(in, &message.Target{Model: "m"})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", form.name, n), func(b *testing.B) {
				b.SetBytes(int64(w.Body.Len()))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := form.codec.DecodeRequest(w); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s-reference/%d", form.name, n), func(b *testing.B) {
				b.SetBytes(int64(w.Body.Len()))
				b.ReportAllocs()
				for b.Loop() {
					if form.name == "gRPC" {
						m := dynamicpb.NewMessage(tensorflow.Messages().ByName("PredictRequest"))
						if err := proto.Unmarshal(w.Body.Bytes(), m); err != nil {
							b.Fatal(err)
						}
						continue
					}
					var v any
					if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkEncodeRequest(b *testing.B) {
	target := &message.Target{Model: "m"}
	for _, n := range []int{4, 1000, 1000000} {
		in := []*message.Message{message.FromContent(benchmarkContent(n))}
		for _, form := range benchmarkForms {
			b.Run(fmt.Sprintf("%s/%d", form.name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				b.ReportAllocs()
				for b.Loop() {
					w, err := form.codec.EncodeRequest(in, target)
					if err != nil {
						b.Fatal(err)
					}
					w.Body.Release()
				}
			})
		}
	}
}

func BenchmarkPeekAndRename(b *testing.B) {
	w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(benchmarkContent(1000000))}, &message.Target{Model: "m"})
	if err != nil {
		b.Fatal(err)
	}
	budget := body.NewBudget(1 << 30)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := PeekModel(w.Body); err != nil {
			b.Fatal(err)
		}
		out, err := RenameModel(w.Body, "other", "3", budget)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
}
