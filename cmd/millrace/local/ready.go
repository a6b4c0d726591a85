package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/millrace/millrace/xds/source/store"
)

// patience is how long models and graphs may take to be ready after the servers are. What is not by then calls something that
// does not run here, or is broken: it is named, and holds up no one.
const patience = 15 * time.Second

// askEvery is the pause between two questions whether one is ready.
const askEvery = 20 * time.Millisecond

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
	fresh, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(append(text, '\n'))
	if closed := fresh.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(fresh.Name(), file)
	}
	if err != nil {
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
	var silent []string
	for _, name := range names(snap) {
		said := ask(bounded, client, "http://"+listen+"/v2/models/"+name+"/ready")
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if said != "" {
			silent = append(silent, name+" is not ready: "+said)
		}
	}
	return silent, nil
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

// ask asks until the answer is 200 or ctx ends; it then returns the last word. It asks at least once.
func ask(ctx context.Context, client *http.Client, url string) string {
	last := "no answer"
	for {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		word, ok := get(once, client, url)
		cancel()
		if ok {
			return ""
		}
		last = word
		select {
		case <-ctx.Done():
			return last
		case <-time.After(askEvery):
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) (word string, ok bool) {
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
