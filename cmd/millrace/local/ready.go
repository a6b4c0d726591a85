package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/millrace/millrace/xds/source/atomicfile"
	"github.com/millrace/millrace/xds/source/store"
)

// patience is how long models and graphs may take to be ready after the servers are. What is not by then calls something that
// does not run here, or is broken: it is named, and holds up no one.
const patience = 15 * time.Second

// askEvery is the pause between two rounds of questions, askWithin how long one answer may take.
const (
	askEvery  = 20 * time.Millisecond
	askWithin = time.Second
)

// Addresses are where things listen, as the ready file has them.
type Addresses struct {
	Listen string `json:"listen"`
	Admin  string `json:"admin"`
	XDS    string `json:"xds"`
}

// write puts the addresses into a file, whole or not at all.
func (a Addresses) write(file string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(file, text); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return nil
}

// answering waits until every model and graph is ready at the proxy that listens at listen, and returns a line for each that
// is not by then. The error is ctx's.
func answering(ctx context.Context, snap *store.Snapshot, listen string, within time.Duration) ([]string, error) {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	pending := names(snap)
	for {
		var silent, lines []string
		for _, name := range pending {
			if word, ok := get(ctx, client, "http://"+listen+"/v2/models/"+name+"/ready"); !ok {
				silent, lines = append(silent, name), append(lines, name+" is not ready: "+word)
			}
		}
		if pending = silent; len(pending) == 0 {
			return nil, nil
		}
		select {
		case <-bounded.Done():
			return lines, ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// names lists what can be asked by name. The models that a foreign object made of its parts have a dot in theirs.
func names(snap *store.Snapshot) []string {
	var out []string
	for _, m := range snap.Models {
		if !strings.Contains(m.Name, ".") {
			out = append(out, m.Name)
		}
	}
	for _, g := range snap.Graphs {
		out = append(out, g.Name)
	}
	return out
}

// get asks once, and returns the answer in words and whether it is 200.
func get(ctx context.Context, client *http.Client, url string) (word string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error(), false
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error(), false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err.Error(), false
	}
	return fmt.Sprintf("status %d %s", resp.StatusCode, strings.TrimSpace(string(text))), resp.StatusCode == http.StatusOK
}
