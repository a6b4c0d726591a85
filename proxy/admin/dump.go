package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// configDump answers with Envoy's ConfigDump: bootstrap, what the configuration's owner tells, and the objects, or with one
// list of it.
func (a *Server) configDump(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for _, name := range []string{"mask", "name_regex"} {
		if q.Get(name) != "" {
			plain(w, http.StatusBadRequest, name+" is not supported; use resource\n")
			return
		}
	}
	d, err := a.dump()
	if err != nil {
		plain(w, http.StatusInternalServerError, "dump configuration: "+err.Error()+"\n")
		return
	}
	if want := q.Get("resource"); want != "" {
		found, err := d.only(want)
		if err != nil {
			plain(w, http.StatusInternalServerError, "dump configuration: "+err.Error()+"\n")
			return
		}
		if found == nil {
			plain(w, http.StatusNotFound, want+" not found in config dump\n")
			return
		}
		d = found
	}
	text, err := d.marshal()
	if err != nil {
		plain(w, http.StatusInternalServerError, "dump configuration: "+err.Error()+"\n")
		return
	}
	writeJSON(w, text)
}

// dump is a configuration without its secrets.
type dump struct {
	envoy         []*anypb.Any
	models, graph *objects // nil where they are not asked for
	bare          bool     // the objects themselves instead of their lists
}

func (a *Server) dump() (*dump, error) {
	d := &dump{}
	if a.s.Bootstrap != nil {
		b, err := anypb.New(&adminv3.BootstrapConfigDump{Bootstrap: a.s.Bootstrap, LastUpdated: timestamppb.New(a.s.Started)})
		if err != nil {
			return nil, err
		}
		d.envoy = append(d.envoy, b)
	}
	if a.s.ConfigDump != nil {
		c, err := a.s.ConfigDump()
		if err != nil {
			return nil, err
		}
		d.envoy = append(d.envoy, proto.CloneOf(c).GetConfigs()...)
	}
	for _, c := range d.envoy {
		redact(c)
	}
	if a.s.Objects == nil {
		return d, nil
	}
	d.models = &objects{Type: objectType + "ModelsConfigDump"}
	d.graph = &objects{Type: objectType + "InferenceGraphsConfigDump"}
	for _, o := range a.s.Objects() {
		s, err := shown(&o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
		if o.Kind == Model {
			d.models.Models = append(d.models.Models, s)
		} else {
			d.graph.Graphs = append(d.graph.Graphs, s)
		}
	}
	return d, nil
}

// only returns the elements of one list, or nil where there is no list of that name.
func (d *dump) only(list string) (*dump, error) {
	switch {
	case list == "dynamic_models" && d.models != nil:
		return &dump{models: d.models, bare: true}, nil
	case list == "dynamic_graphs" && d.graph != nil:
		return &dump{graph: d.graph, bare: true}, nil
	}
	for _, c := range d.envoy {
		section, err := c.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		m := section.ProtoReflect()
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(list))
		if fd == nil || fd.Message() == nil {
			continue
		}
		out := &dump{}
		each(fd, m.Get(fd), func(e protoreflect.Message) {
			packed, packErr := anypb.New(e.Interface())
			err = firstError(err, packErr)
			out.envoy = append(out.envoy, packed)
		})
		return out, err
	}
	return nil, nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (d *dump) marshal() ([]byte, error) {
	all := []json.RawMessage{}
	for _, c := range d.envoy {
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(c)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	for _, o := range []*objects{d.models, d.graph} {
		if o == nil {
			continue
		}
		parts := []any{o}
		if d.bare {
			parts = parts[:0]
			for _, s := range append(o.Models, o.Graphs...) {
				parts = append(parts, s)
			}
		}
		for _, p := range parts {
			text, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			all = append(all, text)
		}
	}
	return json.Marshal(struct {
		Configs []json.RawMessage `json:"configs"`
	}{all})
}

// objectType begins the types of the lists that Envoy does not have.
const objectType = "type.googleapis.com/millrace.admin.v1."

// objects is the list of the models or of the graphs, in the form of Envoy's lists.
type objects struct {
	Type   string    `json:"@type"`
	Models []*object `json:"dynamic_models,omitempty"`
	Graphs []*object `json:"dynamic_graphs,omitempty"`
}

type object struct {
	Name    string          `json:"name"`
	Version string          `json:"version_info,omitempty"`
	Body    json.RawMessage `json:"resource,omitempty"`
	Updated string          `json:"last_updated,omitempty"`
	Waiting string          `json:"waits_for,omitempty"`
	Status  string          `json:"client_status"`
	Error   *objectError    `json:"error_state,omitempty"`
}

type objectError struct {
	Details string `json:"details"`
	Version string `json:"version_info,omitempty"`
	Time    string `json:"last_update_attempt,omitempty"`
}

// shown renders an object without its secrets.
func shown(o *Object) (*object, error) {
	s := &object{Name: o.Name, Version: o.Version, Updated: timestamp(o.Updated), Waiting: o.Waiting, Status: "ACKED"}
	if o.Error != "" {
		s.Status = "NACKED"
		s.Error = &objectError{o.Error, o.ErrorVersion, timestamp(o.ErrorTime)}
	}
	if o.Message == nil {
		return s, nil
	}
	packed, err := anypb.New(o.Message)
	if err != nil {
		return nil, err
	}
	redactAny(packed)
	s.Body, err = protojson.MarshalOptions{UseProtoNames: true}.Marshal(packed)
	return s, err
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
