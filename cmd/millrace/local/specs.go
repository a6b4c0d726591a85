package local

import (
	"fmt"
	"path/filepath"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
	"github.com/millrace/millrace/cmd/millrace/supervisor/pyserve"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/source/store"
)

// specs returns how the servers of a snapshot that are started here are run, in order, and what keeps others from it.
func specs(snap *store.Snapshot) ([]supervisor.Spec, []error) {
	var out []supervisor.Spec
	var errs []error
	for _, srv := range snap.Runs() {
		spec, err := specOf(snap, srv)
		if err == nil {
			err = spec.Check()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", srv.Run.Pos, err))
			continue
		}
		out = append(out, spec)
	}
	return out, errs
}

func specOf(snap *store.Snapshot, srv *frontend.Server) (supervisor.Spec, error) {
	run := srv.Run
	models := modelsAt(snap, srv.Place)
	spec := supervisor.Spec{
		Name: srv.Place, Command: run.Command, Env: run.Env, Dir: run.Dir, Replicas: run.Replicas,
		Environment: run.Environment, Requirements: run.Requirements, Ready: supervisor.Probe{Path: run.Ready},
	}
	for i, name := range []string{supervisor.HTTPPort, supervisor.GRPCPort} {
		if i < len(run.Ports) {
			if spec.Ports == nil {
				spec.Ports = make(map[string]int)
			}
			spec.Ports[name] = run.Ports[i]
		}
	}
	if run.Python != "" {
		f, err := function(run, models)
		if err != nil {
			return spec, fmt.Errorf("start server %s: %w", srv.Place, err)
		}
		spec.Function, spec.Revision = f, revision(f.File)
	}
	if spec.Ready.Path == "" {
		spec.Ready.Path = readyPath(srv.Protocol, models)
	}
	return spec, nil
}

// modelsAt returns the models whose server runs at place.
func modelsAt(snap *store.Snapshot, place string) []*frontend.Model {
	var out []*frontend.Model
	for _, m := range snap.Models {
		if srv := snap.Server(m.Namespace, m.Server); srv != nil && snap.Place(srv) == place {
			out = append(out, m)
		}
	}
	return out
}

// readyPath is where a protocol's servers say that they are ready; empty where they do not, and a connection has to do.
func readyPath(p frontend.Protocol, models []*frontend.Model) string {
	switch p {
	case frontend.OpenInference:
		if len(models) == 1 {
			// MLServer says that it is ready while it has not loaded anything yet; of a model it tells the truth.
			return string(oip.ModelPath(nil, models[0].Remote, models[0].Version)) + "/ready"
		}
		return pyserve.ReadyPath
	case frontend.KServeV1:
		if len(models) > 0 {
			return "/v1/models/" + models[0].Remote
		}
		return "/"
	case frontend.Seldon:
		return "/health/ping"
	case frontend.MLflow:
		return "/ping"
	}
	return ""
}

// function is the Python function that a server wraps, typed by the contract of the model that is asked there.
func function(run *frontend.Run, models []*frontend.Model) (*pyserve.Function, error) {
	if len(models) != 1 {
		return nil, fmt.Errorf("python %s: %d models name it, and a function is exactly one; give each a server of its own", run.Python, len(models))
	}
	file, name, err := pyserve.ParseRef(run.Dir, run.Python)
	if err != nil {
		return nil, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return nil, err
	}
	m := models[0]
	f := &pyserve.Function{Model: m.Remote, File: file, Name: name}
	if m.Contract == nil || len(m.Contract.Inputs) == 0 || len(m.Contract.Outputs) == 0 {
		return nil, fmt.Errorf("python %s: model %s has no contract, so nobody knows its arguments; add `inputs` and `outputs` with types", run.Python, m.Name)
	}
	if f.Inputs, err = tensors(m.Name, "input", m.Contract.Inputs); err != nil {
		return nil, err
	}
	if f.Outputs, err = tensors(m.Name, "output", m.Contract.Outputs); err != nil {
		return nil, err
	}
	return f, nil
}

func tensors(model, what string, fields []contract.Field) ([]pyserve.Tensor, error) {
	out := make([]pyserve.Tensor, len(fields))
	for i, f := range fields {
		if f.Type == tensor.Untyped {
			return nil, fmt.Errorf("model %s: %s %s has no type, and a Python function needs one; add `type: string`, or FP64, int, bool …", model, what, f.Name)
		}
		out[i] = pyserve.Tensor{Name: f.Tensor, Datatype: f.Type.String()}
		if f.Tensor == "" {
			out[i].Name = f.Name
		}
		for _, d := range f.Shape {
			size := int(d.Size)
			if d.Rows {
				size = -1
			}
			out[i].Shape = append(out[i].Shape, size)
		}
	}
	return out, nil
}
