package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/millrace/millrace/conformance/bench/contender"
	"github.com/millrace/millrace/conformance/bench/load"
	"github.com/millrace/millrace/conformance/bench/upstream"
)

// work is one row: what is sent, how, and to whom.
type work struct {
	Name string
	Duty contender.Duty
	// Connections and Streams on each of them; HTTP/1.1 has one.
	Connections, Streams int
	Bytes                int     // of the question, and of the answer where it is an echo
	Rate                 float64 // requests per second; 0 is as fast as they are answered
	// Idle has the connections ask once and wait: what they hold is measured, and nothing else.
	Idle bool
	// Beside is another duty of Millrace's that is measured as a contender of its own, forwarding the same bytes.
	Beside bool
	// Goals are the greatest ratios of Millrace to others that it is to reach.
	Goals map[string]float64
}

// forwarding is the name of Millrace without a graph, beside itself with one.
const forwarding = "Millrace, forwarding"

const kib = 1 << 10

// works are all, in the order of the report.
func works() []work {
	return []work{
		{Name: "HTTP/1.1 pass-through, 1 KiB", Connections: 64, Bytes: kib, Goals: map[string]float64{"Envoy": 0.4, "TCP relay": 1.3, "nginx": 1.3}},
		{Name: "HTTP/1.1 pass-through, 16 KiB", Connections: 64, Bytes: 16 * kib},
		{Name: "HTTP/1.1 pass-through, 256 KiB", Connections: 64, Bytes: 256 * kib},
		{Name: "HTTP/1.1 pass-through, 1 MiB", Connections: 64, Bytes: 1024 * kib, Goals: map[string]float64{"Envoy": 0.6}},
		{Name: "HTTP/1.1 pass-through, 1 KiB, 1,000 requests/s", Connections: 64, Bytes: kib, Rate: 1000, Goals: map[string]float64{"Envoy": 0.6}},
		{Name: "HTTP/1.1 pass-through, 1 KiB, 5,000 requests/s", Connections: 64, Bytes: kib, Rate: 5000},
		{Name: "gRPC pass-through, 1 KiB, 4 × 16", Duty: contender.PassGRPC, Connections: 4, Streams: 16, Bytes: kib, Goals: map[string]float64{"Envoy": 0.45}},
		{Name: "gRPC pass-through, 1 KiB, 64 × 1", Duty: contender.PassGRPC, Connections: 64, Streams: 1, Bytes: kib, Goals: map[string]float64{"Envoy": 0.7}},
		{Name: "gRPC pass-through, 1 MiB, 4 × 4", Duty: contender.PassGRPC, Connections: 4, Streams: 4, Bytes: 1024 * kib, Goals: map[string]float64{"Envoy": 0.6}},
		{Name: "one-node graph, 1 KiB", Duty: contender.OneNode, Connections: 64, Bytes: kib, Beside: true, Goals: map[string]float64{forwarding: 1.15}},
		{Name: "chain of 4, 1 KiB", Duty: contender.Chain, Connections: 32, Bytes: kib, Goals: map[string]float64{"KServe router": 0.2}},
		{Name: "fan-out of 4, 1 KiB", Duty: contender.FanOut, Connections: 32, Bytes: kib, Goals: map[string]float64{"KServe router": 0.15}},
		{Name: "1,000 idle connections, HTTP/1.1", Connections: 1000, Bytes: kib, Idle: true},
		{Name: "1,000 idle connections, HTTP/2", Duty: contender.PassGRPC, Connections: 1000, Streams: 1, Bytes: kib, Idle: true},
		{Name: "REST to gRPC and back, 1,000 floats", Duty: contender.Convert, Connections: 16},
	}
}

// workers is how many ask at once.
func (w work) workers() int { return w.Connections * max(1, w.Streams) }

// String is the load in words.
func (w work) String() string {
	text := fmt.Sprintf("%d connections", w.Connections)
	if w.Streams > 0 {
		text += fmt.Sprintf(" × %d streams", w.Streams)
	}
	if w.Bytes > 0 {
		text += fmt.Sprintf(", %d bytes each way", w.Bytes)
	}
	if w.Idle {
		return text + ", one question each"
	}
	if w.Rate > 0 {
		return text + fmt.Sprintf(", open loop at %.0f requests/s", w.Rate)
	}
	return text + ", closed loop, saturated"
}

// question is what a worker sends; each has its own number in it, so that an answer to another is seen.
func (w work) question(worker int) []byte {
	if w.Duty == contender.Convert {
		b := []byte(`{"inputs":[{"name":"x","shape":[1,` + strconv.Itoa(upstream.Floats) + `],"datatype":"FP32","data":[`)
		for i := range upstream.Floats {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, float64(upstream.Value(i+worker)), 'g', -1, 32)
		}
		return append(b, "]}]}"...)
	}
	head, tail := fmt.Sprintf(`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["%06d `, worker), `"]}]}`
	return []byte(head + strings.Repeat("a", w.Bytes-len(head)-len(tail)) + tail)
}

// check is what must be true of the first answer.
func (w work) check(question, answer []byte) error {
	switch w.Duty {
	case contender.FanOut:
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(answer, &parts); err != nil || len(parts) != 4 {
			return fmt.Errorf("the answer has not four parts: %.300q", answer)
		}
		for name, part := range parts {
			if !sameJSON(part, question) {
				return fmt.Errorf("part %s is not the question: %.300q", name, part)
			}
		}
		return nil
	case contender.Convert:
		return checkFloats(answer)
	default:
		return load.Same(question, answer)
	}
}

// sameJSON tells whether two texts are the same value: KServe's router sorts the keys of what it merges.
func sameJSON(a, b []byte) bool {
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
}

// checkFloats holds the model's answer against every number of it.
func checkFloats(answer []byte) error {
	var reply struct {
		Outputs []struct {
			Name, Datatype string
			Data           []float32
		}
	}
	if err := json.Unmarshal(answer, &reply); err != nil || len(reply.Outputs) != 1 || len(reply.Outputs[0].Data) != upstream.Floats {
		return fmt.Errorf("the answer has not one output of %d numbers (%v): %.300q", upstream.Floats, err, answer)
	}
	for i, got := range reply.Outputs[0].Data {
		if got != upstream.Value(i) {
			return fmt.Errorf("number %d of the answer is %v, not %v", i, got, upstream.Value(i))
		}
	}
	return nil
}

// plan is the load on one process; release ends what its clients share.
func (w work) plan(p *contender.Process) (plan load.Plan, release func(), err error) {
	plan = load.Plan{Workers: w.workers(), Rate: w.Rate}
	if w.Duty != contender.PassGRPC {
		plan.Dial = func(i int) (load.Client, error) { return load.HTTP(p.Address, p.Path, w.question(i), w.check) }
		return plan, func() {}, nil
	}
	var shared []*grpc.ClientConn
	release = func() {
		for _, c := range shared {
			_ = c.Close()
		}
	}
	for range w.Connections {
		c, err := load.Connect(p.Address)
		if err != nil {
			release()
			return plan, nil, err
		}
		shared = append(shared, c)
	}
	plan.Dial = func(i int) (load.Client, error) {
		return load.GRPC(shared[i%len(shared)], p.Path, w.question(i), w.check), nil
	}
	return plan, release, nil
}
