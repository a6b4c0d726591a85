package main

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func field(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func TestRepliesAreReadInBothForms(t *testing.T) {
	tensor := func(name, datatype string, contents []byte) []byte {
		b := field(field(nil, 1, []byte(name)), 2, []byte(datatype))
		if contents != nil {
			b = field(b, 5, contents)
		}
		return b
	}
	for name, c := range map[string]struct {
		reply []byte
		want  any
	}{
		"a string, raw":   {field(field(nil, 5, tensor("x", "BYTES", nil)), 6, []byte("\x02\x00\x00\x00enxx")), "en"},
		"a double, raw":   {field(field(nil, 5, tensor("x", "FP64", nil)), 6, []byte("\x00\x00\x00\x00\x00\x00\xf8\x3f")), 1.5},
		"a boolean, raw":  {field(field(nil, 5, tensor("x", "BOOL", nil)), 6, []byte{1}), true},
		"a string, typed": {field(nil, 5, tensor("x", "BYTES", field(nil, 8, []byte("en")))), "en"},
		"a double, typed": {field(nil, 5, tensor("x", "FP64", field(nil, 7, []byte("\x00\x00\x00\x00\x00\x00\xf8\x3f")))), 1.5},
		"an int, typed":   {field(nil, 5, tensor("x", "INT64", field(nil, 3, []byte{9}))), 9.0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := inferReply(c.reply)
			if err != nil || got["x"] != c.want {
				t.Errorf("got %v, %v; want %v", got["x"], err, c.want)
			}
		})
	}
	for name, b := range map[string][]byte{
		"a cut message": {0x2a, 0x05, 0x00},
		"no contents":   field(nil, 5, tensor("x", "FP64", nil)),
		"a cut string":  field(field(nil, 5, tensor("x", "BYTES", nil)), 6, []byte("\x05\x00\x00\x00en")),
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			if got, err := inferReply(b); err == nil {
				t.Errorf("got %v and no error", got)
			}
		})
	}
}
