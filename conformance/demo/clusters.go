package main

import (
	"net"
	"strconv"
	"strings"
)

// endpoint is one address of a cluster, with its figures, as the admin's /clusters has it.
type endpoint struct {
	cluster, address string
	figures          map[string]int
}

// port is the port of the address.
func (e endpoint) port() int {
	_, port, err := net.SplitHostPort(e.address)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

// endpoints reads /clusters: lines of name::address::figure::value.
func (d *demo) endpoints() ([]endpoint, error) {
	page, err := d.get("/clusters")
	if err != nil {
		return nil, err
	}
	return parseClusters(string(page)), nil
}

func parseClusters(page string) []endpoint {
	var out []endpoint
	index := make(map[string]int)
	for line := range strings.Lines(page) {
		f := strings.Split(strings.TrimSpace(line), "::")
		if len(f) != 4 {
			continue
		}
		if _, _, err := net.SplitHostPort(f[1]); err != nil {
			continue
		}
		key := f[0] + "::" + f[1]
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, endpoint{f[0], f[1], make(map[string]int)})
		}
		if n, err := strconv.Atoi(f[3]); err == nil {
			out[i].figures[f[2]] = n
		}
	}
	return out
}

// of returns the endpoints whose cluster's name has text in it.
func of(all []endpoint, text string) []endpoint {
	var out []endpoint
	for _, e := range all {
		if strings.Contains(e.cluster, text) {
			out = append(out, e)
		}
	}
	return out
}

// requestsTo is how many requests the endpoints of clusters were sent whose name has text in it.
func (d *demo) requestsTo(text string) (int, error) {
	all, err := d.endpoints()
	if err != nil {
		return 0, err
	}
	sent := 0
	for _, e := range of(all, text) {
		sent += e.figures["rq_total"]
	}
	return sent, nil
}
