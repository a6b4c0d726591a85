package admin

import (
	"bytes"
	"encoding/json"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// writeMessage answers with a message as Envoy writes it: names as in the .proto files, defaults only if asked for.
func writeMessage(w http.ResponseWriter, m proto.Message, defaults bool) {
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: defaults}.Marshal(m)
	if err != nil {
		plain(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	writeJSON(w, text)
}

// writeJSON answers with JSON, indented as Envoy does. It is written anew because protojson's spaces are random.
func writeJSON(w http.ResponseWriter, text []byte) {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", " "); err != nil {
		plain(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	b.WriteByte('\n')
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b.Bytes())
}
