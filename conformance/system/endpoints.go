package system

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Endpoint is one address of a cluster, with its figures, as the admin's /clusters has it.
type Endpoint struct {
	Cluster, Address string
	Figures          map[string]int
}

// Endpoints reads /clusters: lines of name::address::figure::value. Only clusters whose name has part in it are returned.
func (i *Instance) Endpoints(part string) ([]Endpoint, error) {
	page, err := i.Page("/clusters")
	if err != nil {
		return nil, err
	}
	var out []Endpoint
	index := make(map[string]int)
	for line := range strings.Lines(page) {
		f := strings.Split(strings.TrimSpace(line), "::")
		if len(f) != 4 || !strings.Contains(f[0], part) {
			continue
		}
		if _, _, err := net.SplitHostPort(f[1]); err != nil {
			continue // a figure of the cluster itself
		}
		key := f[0] + "::" + f[1]
		at, ok := index[key]
		if !ok {
			at = len(out)
			index[key] = at
			out = append(out, Endpoint{f[0], f[1], make(map[string]int)})
		}
		if n, err := strconv.Atoi(f[3]); err == nil {
			out[at].Figures[f[2]] = n
		}
	}
	return out, nil
}

// Page reads a page of the admin.
func (i *Instance) Page(path string) (string, error) {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + i.Admin + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: status %d: %s", path, resp.StatusCode, text)
	}
	return string(text), err
}
