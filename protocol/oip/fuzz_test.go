package oip

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// checkBounded makes sure that content is sound and that its data is a small multiple of the input.
func checkBounded(t *testing.T, c *message.Content, input int) {
	total := 0
	for i := range c.Tensors {
		if err := c.Tensors[i].Check(); err != nil {
			t.Fatal(err)
		}
		total += cap(c.Tensors[i].Data)
	}
	if total > 16*input+4096 {
		t.Fatalf("%d bytes of data from %d", total, input)
	}
}

func FuzzREST(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4.5]]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`,
		`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}`,
		`{"inputs":[{"data":["a","b\u00e9"],"name":"x","shape":[2],"datatype":"BYTES"}],"parameters":{"a":1,"b":null}}`,
		`{"inputs":[{"name":"x","shape":[4611686018427387904,4],"datatype":"INT8","data":[]}]}`,
		`{"inputs":[{"name":"x","shape":[1000000000000],"datatype":"INT8","data":[1]}]}`,
	} {
		f.Add([]byte(seed), -1)
		f.Add([]byte(seed+"\x01\x00\x00\x00z"), len(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		w := &message.Wire{Dialect: message.OpenInferenceREST, JSONLength: n, Body: body.Of(b)}
		c, err := REST{}.DecodeRequest(w)
		if err != nil {
			return
		}
		checkBounded(t, c, len(b))
		out, err := REST{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{Model: "m", Binary: true})
		if err != nil {
			return
		}
		back, err := REST{}.DecodeRequest(out)
		if err != nil {
			t.Fatalf("%v: %q became %q", err, b, out.Body.Bytes())
		}
		for i := range c.Tensors {
			if !tensor.Equal(&c.Tensors[i], &back.Tensors[i]) {
				t.Fatalf("%v became %v", c.Tensors[i], back.Tensors[i])
			}
		}
		if reply, err := (REST{}).EncodeReply(message.FromContent(c), &message.Asking{Model: "m", Wire: w}); err == nil {
			if _, err := (REST{}).DecodeReply(reply); err != nil {
				t.Fatalf("%v: %q", err, reply.Body.Bytes())
			}
		}
	})
}

func FuzzGRPC(f *testing.F) {
	x := &message.Content{ID: "1", Tensors: []tensor.Tensor{tensor.OfFP64("x", 1, 2), tensor.OfStrings("t", "a", "")},
		Parameters: tensor.Parameters{{Name: "p", Value: tensor.DoubleOf(1)}}}
	flatX, _ := flatten(x, request)
	f.Add(flatX.appendGRPC(protobuf.AppendText(nil, 1, "m"), request, []message.Asked{{Name: "y"}}, true))
	f.Add(flatX.appendGRPC(protobuf.AppendText(nil, 1, "m"), request, nil, false))
	f.Add([]byte{0x2a, 0x00, 0x3a, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := grpcWire(b)
		name, version, peekErr := PeekModel(w.Body)
		_, _ = AppendInputNames(nil, w)
		c, err := GRPC{}.DecodeRequest(w)
		if err != nil {
			return
		}
		checkBounded(t, c, len(b))
		if peekErr == nil && (name != c.Model || version != c.Version) {
			t.Fatalf("peeked %q %q, decoded %q %q", name, version, c.Model, c.Version)
		}
		reference(t, "ModelInferRequest", b) // what we accept, protobuf-go accepts
		out, err := GRPC{}.EncodeReply(message.FromContent(c), &message.Asking{Model: c.Model, Wire: w, Request: &message.Content{}})
		if err != nil {
			t.Fatal(err)
		}
		back, err := GRPC{}.DecodeReply(out)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Tensors {
			a, b := c.Tensors[i], back.Tensors[i]
			if a.Datatype != b.Datatype || fmt.Sprint(a.Shape) != fmt.Sprint(b.Shape) || string(a.Data) != string(b.Data) && a.Datatype != tensor.Bool {
				t.Fatalf("%v became %v", a, b)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"name":"m","versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],"outputs":[]}`))
	f.Add([]byte(`[{"name":"m","version":"1","state":"READY","reason":""}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ParseServerMetadata(b)
		_, _ = ParseServerMetadataGRPC(b)
		_, _ = ParseIndex(b)
		_, _ = ParseIndexGRPC(b)
		_, _ = ParseReadyGRPC(b)
		_, _ = ParseMetadataGRPC(b)
		m, err := ParseMetadata(b)
		if err != nil {
			return
		}
		text, err := m.AppendJSON(nil)
		if err == nil && !json.Valid(text) {
			t.Fatalf("%s is not JSON", text)
		}
	})
}

func benchmarkContent(n int) *message.Content {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, n)
	for i := range values {
		values[i] = r.Float64()
	}
	x := tensor.OfFP64("x", values...)
	x, _ = tensor.Cast(&x, tensor.FP32)
	return &message.Content{Tensors: []tensor.Tensor{x}}
}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, n := range []int{4, 1000, 1000000} {
		in := []*message.Message{message.FromContent(benchmarkContent(n))}
		for _, form := range []struct {
			name  string
			codec message.Codec
			t     message.Target
		}{{"JSON", REST{}, message.Target{}}, {"binary", REST{}, message.Target{Binary: true}}, {"gRPC", GRPC{}, message.Target{Model: "m"}}} {
			w, err := form.codec.EncodeRequest(in, &form.t)
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
		}
		w, _ := REST{}.EncodeRequest(in, &message.Target{})
		b.Run(fmt.Sprintf("encoding-json/%d", n), func(b *testing.B) {
			b.SetBytes(int64(w.Body.Len()))
			b.ReportAllocs()
			for b.Loop() {
				var v struct {
					Inputs []struct {
						Name, Datatype string
						Shape          []int64
						Data           []float32
					}
				}
				if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	for _, n := range []int{4, 1000, 1000000} {
		m := message.FromContent(benchmarkContent(n))
		for _, form := range []struct {
			name  string
			codec message.Codec
		}{{"JSON", REST{}}, {"gRPC", GRPC{}}} {
			b.Run(fmt.Sprintf("%s/%d", form.name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				b.ReportAllocs()
				for b.Loop() {
					w, err := form.codec.EncodeReply(m, &message.Asking{Model: "m"})
					if err != nil {
						b.Fatal(err)
					}
					w.Body.Release()
				}
			})
		}
	}
}

func BenchmarkRenameModel(b *testing.B) {
	w, _ := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(benchmarkContent(1000000))}, &message.Target{Model: "m"})
	budget := body.NewBudget(1 << 30)
	b.ReportAllocs()
	for b.Loop() {
		out, err := RenameModel(w.Body, "other", "", budget)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
}
