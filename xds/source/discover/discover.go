package discover

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/oip"
)

// maxReply bounds a server's list, in bytes.
const maxReply = 16 << 20

// Models returns the names of the models that the server at base ("http://host:port/prefix") is ready to answer for, sorted.
func Models(ctx context.Context, client *http.Client, base string) ([]string, error) {
	text, status, err := ask(ctx, client, http.MethodPost, base+"/v2/repository/index")
	if err == nil && status == http.StatusOK {
		entries, err := oip.ParseIndex(text)
		if err != nil {
			return nil, fmt.Errorf("repository index of %s: %w", base, err)
		}
		var names []string
		for _, e := range entries {
			if e.State == "" || e.State == "READY" {
				names = append(names, e.Name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	if err != nil {
		return nil, err
	}
	for _, path := range []string{"/v2/models", "/v1/models"} {
		text, status, err = ask(ctx, client, http.MethodGet, base+path)
		if err != nil {
			return nil, err
		}
		if names, ok := list(text); ok && status == http.StatusOK {
			return names, nil
		}
	}
	return nil, fmt.Errorf("%s has no repository index and lists no models; declare them with Model objects", base)
}

func ask(ctx context.Context, client *http.Client, method, url string) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("{}"))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	return text, resp.StatusCode, err
}

// list reads {"models": ["a", {"name": "b"}]}.
func list(text []byte) ([]string, bool) {
	s := jsontext.NewScanner(text)
	var names []string
	found := false
	if s.Kind() != jsontext.Object {
		return nil, false
	}
	for s.Object(); s.NextKey(); {
		if string(s.Key()) != "models" || s.Kind() != jsontext.Array {
			s.Skip()
			continue
		}
		found = true
		for s.Array(); s.NextElement(); {
			switch s.Kind() {
			case jsontext.String:
				names = append(names, s.Text())
			case jsontext.Object:
				for s.Object(); s.NextKey(); {
					if string(s.Key()) == "name" && s.Kind() == jsontext.String {
						names = append(names, s.Text())
					} else {
						s.Skip()
					}
				}
			default:
				s.Skip()
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), found && s.End() == nil
}
