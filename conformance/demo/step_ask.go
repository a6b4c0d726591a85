package main

import (
	"fmt"
	"os/exec"
	"reflect"
	"strings"
)

// A message of a customer, and one whose apostrophe is a typographic one.
const (
	customer = "I love the new phone, but it arrived two weeks late."
	curly    = "I don’t love it"
)

// stepAsk asks models, chains and combinations that nobody deployed.
func (d *demo) stepAsk() error {
	d.section(3, "Any question, any permutation, any protocol")
	server := "http://" + d.up.Listen
	for _, expression := range []string{"language+sentiment+keywords", "normalise | sentiment"} {
		d.typed(fmt.Sprintf("millrace ask '%s' %q", expression, customer))
		answer, err := d.output(d.place.binary, "ask", expression, customer, "--server", server, "--json")
		if !d.check(err == nil, "%s%s", short(answer, 200), because(err)) {
			return nil
		}
	}
	if curl, err := exec.LookPath("curl"); err == nil {
		body := compact(text{[]string{customer, "Das ist ganz furchtbar."}})
		d.typed(fmt.Sprintf("curl %s/ask/triage -d '%s'", server, body))
		answer, err := d.output(curl, "--silent", "--show-error", "--fail-with-body", server+"/ask/triage", "-d", body)
		d.check(err == nil, "%s%s", short(answer, 300), because(err))
	}
	const combination = "sentiment+toxicity+readability"
	d.line("nobody deployed %s, of three servers with three protocols:", combination)
	return d.agree(combination, []string{"sentiment.label", "sentiment.score", "toxicity.toxic", "readability.grade"})
}

// agree asks one question in every dialect and compares the answers' fields, each called part.output.
func (d *demo) agree(model string, fields []string) error {
	conn, err := dial(d.up.Listen)
	if err != nil {
		return err
	}
	defer conn.Close()
	rows := [][]string{append([]string{""}, fields...)}
	answers := make(map[string]map[string]any)
	var names []string
	add := func(name string, answer map[string]any, err error) {
		if !(err == nil) {
			d.check(false, "%s: %v", name, err)
			return
		}
		names = append(names, name)
		answers[name] = answer
		row := []string{name}
		for _, f := range fields {
			row = append(row, fmt.Sprint(answer[f]))
		}
		rows = append(rows, row)
	}
	asked, err := d.ask(asking(model)+"?full=1", text{customer})
	add("/ask, JSON", flat(asked), err)
	rest, err := d.ask("/v2/models/"+model+"/infer", map[string]any{"inputs": []any{map[string]any{"name": "text", "datatype": "BYTES", "shape": []int{1}, "data": []string{customer}}}})
	add("Open Inference, REST", tensors(rest), err)
	typed, err := inferGRPC(d.ctx, conn, model, customer)
	add("Open Inference, gRPC", typed, err)
	seldon, err := d.ask("/seldon/default/"+model+"/api/v1.0/predictions", map[string]any{"data": map[string]any{"names": []string{"text"}, "ndarray": [][]string{{customer}}}})
	json, _ := seldon["jsonData"].(map[string]any)
	add("Seldon, REST", flat(json), err)
	d.table(rows...)
	same := len(names) == 4
	for _, name := range names {
		for _, f := range fields {
			same = same && answers[name][f] != nil && reflect.DeepEqual(answers[name][f], answers[names[0]][f])
		}
	}
	d.check(same, "the answers agree in %s", strings.Join(names, "; "))
	return nil
}

// flat brings an answer of objects in objects to names with dots, and arrays of one row to their element.
func flat(answer map[string]any) map[string]any {
	out := make(map[string]any)
	for key, v := range answer {
		if m, ok := v.(map[string]any); ok {
			for inner, w := range flat(m) {
				out[key+"."+inner] = w
			}
			continue
		}
		out[key] = first(v)
	}
	return out
}

// first is the first element of nested arrays.
func first(v any) any {
	for {
		list, ok := v.([]any)
		if !ok || len(list) == 0 {
			return v
		}
		v = list[0]
	}
}

// tensors reads the outputs of an Open Inference answer.
func tensors(answer map[string]any) map[string]any {
	out := make(map[string]any)
	outputs, _ := answer["outputs"].([]any)
	for _, o := range outputs {
		if t, ok := o.(map[string]any); ok {
			if name, ok := t["name"].(string); ok {
				out[name] = first(t["data"])
			}
		}
	}
	return out
}
