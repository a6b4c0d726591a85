package tfserving

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// bounded fails where content takes more than a small multiple of what it was read from.
func bounded(t *testing.T, c *message.Content, n int) {
	t.Helper()
	total := 0
	for i := range c.Tensors {
		if err := c.Tensors[i].Check(); err != nil {
			t.Fatal(err)
		}
		total += len(c.Tensors[i].Data)
	}
	if total > 8*n+maxFilled {
		t.Fatalf("%d bytes of data from %d", total, n)
	}
}

func FuzzREST(f *testing.F) {
	for _, text := range []string{
		`{"instances":[1,2.5]}`, `{"signature_name":"s","instances":[{"x":[1],"b":{"b64":"aGk="}},{"b":"x","x":[NaN]}]}`, `{"inputs":{"x":[[]],"b64":1}}`, `{"inputs":{"b64":"/w=="}}`,
		`{"predictions":[{"a":1},{"a":2}]}`, `{"outputs":[Infinity]}`, `{"results":[[["a",1]]]}`, `{"results":[1]}`, `{"instances":[[1],[2,3]]}`, `{"predictions":[{"a":{}}]}`, `{"error":"x"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w := restWire(string(text))
		_ = formOf(text)
		ErrorText(w)
		if c, err := (REST{}).DecodeReply(w); err == nil {
			bounded(t, c, len(text))
			if c.JSON != nil && !json.Valid(c.JSON) {
				t.Fatalf("%q is not JSON", c.JSON)
			}
			_, _ = REST{}.EncodeReply(message.FromContent(c), &message.Asking{})
		}
		c, err := REST{}.DecodeRequest(w)
		if err != nil {
			return
		}
		bounded(t, c, len(text))
		out, err := REST{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{})
		if err != nil {
			t.Fatal(err)
		}
		back, err := REST{}.DecodeRequest(out)
		if err != nil {
			t.Fatalf("%v: %s", err, out.Body.Bytes())
		}
		for i := range c.Tensors {
			a, b := c.Tensors[i], back.Tensors[i]
			if len(c.Tensors) == 1 && a.Name == "b64" {
				b.Name = a.Name
			}
			if !tensor.Equal(&a, &b) {
				t.Fatalf("%v became %v", a, b)
			}
		}
	})
}

func FuzzGRPC(f *testing.F) {
	for _, p := range [][]byte{
		predict(f, "x", tensorProto(1, []int64{2}, "float_val", []any{float32(1)})), predict(f, "x", tensorProto(7, []int64{2}, "string_val", []any{[]byte("a")})),
		predict(f, "x", tensorProto(7, []int64{2}, "tensor_content", []byte("\x01\x01ab"))), predict(f, "x", tensorProto(19, []int64{1}, "half_val", []any{int32(1)})),
		append(predict(f, "x", tensorProto(9, nil, "int64_val", []any{int64(1)})), appendSpec(nil, 1, "m", "canary", "s")...),
	} {
		f.Add(p)
	}
	budget := body.NewBudget(1 << 30)
	f.Fuzz(func(t *testing.T, b []byte) {
		w := grpcWire(b)
		name, version, peekErr := PeekModel(w.Body)
		_, _ = GRPC{}.DecodeReply(w)
		_, _, _ = wantedBy(&message.Asking{Wire: w})
		c, err := GRPC{}.DecodeRequest(w)
		if err != nil {
			return
		}
		bounded(t, c, len(b))
		reference(t, "PredictRequest", b) // what we accept, protobuf-go accepts
		if peekErr == nil && (name != c.Model || version != c.Version) {
			t.Fatalf("peeked %q %q, decoded %q %q", name, version, c.Model, c.Version)
		}
		out, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{Model: c.Model, Version: c.Version})
		if err != nil {
			t.Fatal(err)
		}
		back, err := GRPC{}.DecodeRequest(out)
		if err != nil {
			t.Fatal(err)
		}
		if back.Version != c.Version || back.Model != c.Model || !slices.EqualFunc(c.Tensors, back.Tensors, func(a, b tensor.Tensor) bool { return tensor.Equal(&a, &b) }) {
			t.Fatalf("%s became %s", show(c), show(back))
		}
		if peekErr != nil {
			return
		}
		renamed, err := RenameModel(w.Body, "other", "", budget)
		if err != nil {
			t.Fatal(err)
		}
		again, err := GRPC{}.DecodeRequest(grpcWire(bytes.Clone(renamed.Bytes())))
		renamed.Release()
		if err != nil || again.Model != "other" || again.Version != "" || show(again) != show(c) {
			t.Fatalf("%s became %s, %v", show(c), show(again), err)
		}
	})
}

func FuzzStatusAndMetadata(f *testing.F) {
	f.Add([]byte(`{"model_version_status":[{"version":"1","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}}]}`))
	f.Add([]byte(`{"model_spec":{"name":"m"},"metadata":{"signature_def":{"signature_def":{"s":{"inputs":{"x":{"dtype":"DT_INT8","tensor_shape":{"dim":[{"size":"1"}]}}}}}}}}`))
	f.Add(AppendStatusGRPC(nil, []VersionStatus{{1, StateEnd, 3, "m"}}))
	f.Add((&ModelMetadata{Name: "m", Signatures: []Signature{{Name: "s", Inputs: []TensorInfo{{Name: "x", Shape: []int64{1}}}}}}).AppendGRPC(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, err := ParseStatus(b); err == nil {
			if again, err := ParseStatusGRPC(AppendStatusGRPC(nil, all)); err != nil || !slices.Equal(all, again) {
				t.Fatalf("%+v became %+v, %v", all, again, err)
			}
		}
		_, _ = ParseStatusGRPC(b)
		for _, parse := range []func([]byte) (*ModelMetadata, error){ParseMetadata, ParseMetadataGRPC} {
			if m, err := parse(b); err == nil {
				if text := m.AppendJSON(nil); !json.Valid(text) {
					t.Fatalf("%s is not JSON", text)
				}
			}
		}
		if a, ok := ParseAddress(string(b)); ok {
			if again, ok := ParseAddress(string(a.Append(nil))); !ok || again != a {
				t.Fatalf("%+v became %+v", a, again)
			}
		}
	})
}
