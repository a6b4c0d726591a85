package main

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"
)

// shots are the load under which files are edited: a split, a graph that changes its members, and a combination over gRPC.
func (d *demo) shots(conn *grpc.ClientConn) []shot {
	mood := d.httpShot("mood", "/ask/mood", question(curly), moodArm)
	body, err := json.Marshal(map[string]any{"inputs": []any{map[string]any{"name": "text", "datatype": "BYTES", "shape": []int{1}, "data": []string{curly}}}})
	if err != nil {
		body = nil // the value above is always JSON
	}
	infer := d.httpShot("Open Inference", "/v2/models/triage/infer", body, func(answer []byte) (string, error) {
		var reply map[string]any
		if err := json.Unmarshal(answer, &reply); err != nil {
			return "", err
		}
		if v := tensors(reply)["language.language"]; v == nil {
			return "", fmt.Errorf("no language in %s", short(string(answer), 200))
		}
		return "", nil
	})
	typed := shot{"gRPC", func(ctx context.Context) (string, error) {
		answer, err := inferGRPC(ctx, conn, "language+sentiment", curly)
		if err == nil && answer["sentiment.label"] == nil {
			err = fmt.Errorf("no sentiment in %v", answer)
		}
		return "", err
	}}
	tidy := d.httpShot("tidy", "/ask/tidy", question(curly), tidyArm)
	return []shot{mood, mood, mood, mood, tidy, tidy, infer, typed}
}

// moodArm tells which way a question about curly went: a tidied text has a straight apostrophe, which the model understands.
func moodArm(answer []byte) (string, error) {
	var reply struct{ Mood any }
	if err := json.Unmarshal(answer, &reply); err != nil {
		return "", err
	}
	switch first(reply.Mood) {
	case "positive":
		return "raw", nil
	case "negative":
		return "tidied", nil
	}
	return "", fmt.Errorf("neither positive nor negative: %s", short(string(answer), 200))
}

// tidyArm tells whether a model joined the graph.
func tidyArm(answer []byte) (string, error) {
	var reply map[string]any
	if err := json.Unmarshal(answer, &reply); err != nil {
		return "", err
	}
	if reply["sentiment"] == nil || reply["keywords"] == nil {
		return "", fmt.Errorf("sentiment or keywords lack in %s", short(string(answer), 200))
	}
	if reply["language"] != nil {
		return "joined", nil
	}
	return "left", nil
}
