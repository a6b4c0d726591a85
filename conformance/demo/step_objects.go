package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// stepObjects asks the foreign objects at the addresses of their own worlds.
func (d *demo) stepObjects() error {
	d.section(2, "Control plane and proxy, and objects of three kinds at their own addresses")
	d.line("proxy on http://%s, admin on http://%s, xDS on %s", d.up.Listen, d.up.Admin, d.up.XDS)
	for _, line := range d.up.since(0) {
		if firstLoad.MatchString(line) {
			d.line("%s", line)
		}
	}
	const message = "The server is down, this is urgent!"
	question := map[string]any{"data": map[string]any{"names": []string{"text"}, "ndarray": [][]string{{message}}}}
	urgent := func(name string) (float64, error) {
		answer, err := d.ask("/seldon/default/"+name+"/api/v1.0/predictions", question)
		if err != nil {
			return 0, err
		}
		return lastNumber(answer["data"])
	}
	desk, err := urgent("urgency-desk")
	if !d.check(err == nil, "SeldonDeployment urgency-desk, transformer → model: urgent %.3f%s", desk, because(err)) {
		return nil
	}
	d.shadow(func() error { _, err := urgent("urgency-desk"); return err })
	const asked = 200
	arms := make(map[float64]int)
	var failed error
	for range asked {
		v, err := urgent("urgency-ab")
		failed = errors.Join(failed, err)
		arms[v]++
	}
	values := make([]float64, 0, len(arms))
	for v := range arms {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b float64) int { return arms[b] - arms[a] })
	if !d.check(failed == nil && len(values) == 2, "SeldonDeployment urgency-ab, RANDOM_ABTEST: %d requests, %d different answers%s", asked, len(values), because(failed)) {
		return nil
	}
	low, high := interval(arms[values[0]], asked)
	d.check(low <= 0.8 && 0.8 <= high && values[0] == desk, "  its ratioA is 0.8: %.3f to %d, %.3f to %d (interval %.0f–%.0f %%)", values[0], arms[values[0]], values[1], arms[values[1]], 100*low, 100*high)
	panel, err := urgent("urgency-panel")
	mean := (values[0] + values[1]) / 2
	d.check(err == nil && math.Abs(panel-mean) < 1e-9, "SeldonDeployment urgency-panel, a combiner's mean of the two: %.3f%s", panel, because(err))
	d.graphs()
	return nil
}

// shadow shows that the shadow predictor is sent each request of the main one.
func (d *demo) shadow(ask func() error) {
	const asked = 5
	before, err := d.requestsTo("urgency-careful")
	for range asked {
		err = errors.Join(err, ask())
	}
	sent := 0
	for limit := time.Now().Add(5 * time.Second); err == nil && sent < asked && time.Now().Before(limit); {
		if sent, err = d.requestsTo("urgency-careful"); err == nil {
			sent -= before
		}
	}
	d.check(err == nil && sent == asked, "  its shadow predictor got %d of %d requests%s", sent, asked, because(err))
}

// graphs asks KServe's InferenceGraphs.
func (d *demo) graphs() {
	for _, c := range []struct {
		what, name string
		question   map[string]any
		want       []string
	}{
		{"Switch, a comment", "comment-gate", map[string]any{"instances": []any{map[string]any{"comment": "have a nice day"}}}, []string{"predictions"}},
		{"Switch, a passage", "comment-gate", map[string]any{"passage": "The cat sat on the mat."}, []string{"grade", "words"}},
		{"Ensemble with a Splitter", "comment-check", map[string]any{"instances": []any{map[string]any{"comment": "have a nice day"}}, "passage": "The cat sat on the mat."}, []string{"abusive", "readable"}},
	} {
		answer, err := d.ask("/serving/default/"+c.name, c.question)
		good := err == nil
		for _, key := range c.want {
			good = good && answer[key] != nil
		}
		d.check(good, "InferenceGraph %s of KServe, %s: %s%s", c.name, c.what, short(compact(answer), 64), because(err))
	}
}

// lastNumber is the last element of a SeldonMessage's data of one row, in any of its forms.
func lastNumber(data any) (float64, error) {
	m, ok := data.(map[string]any)
	if !ok {
		return 0, fmt.Errorf("no data in the answer: %s", compact(data))
	}
	var values any = m["ndarray"]
	if t, ok := m["tensor"].(map[string]any); ok {
		values = t["values"]
	}
	for {
		list, ok := values.([]any)
		if !ok || len(list) == 0 {
			break
		}
		values = list[len(list)-1]
	}
	v, ok := values.(float64)
	if !ok {
		return 0, fmt.Errorf("no number in %s", compact(data))
	}
	return v, nil
}

// because is an error as the end of a line.
func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + short(err.Error(), 400)
}
