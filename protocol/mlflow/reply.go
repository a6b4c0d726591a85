package mlflow

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// EncodeReply renders m for a client as {"predictions": …}, or bare where the client sent a chat or a completion. A server's own
// reply passes as its bytes where no contract has to map it.
func (Codec) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.MLflow && w.Reply && w.Native {
		return w.Again(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, 256)
	bare := asksUnwrapped(a)
	if !bare {
		buf = append(buf, `{"predictions":`...)
	}
	switch {
	case len(c.Parts) == 0 && len(c.Tensors) == 1:
		buf, err = jsontensor.Append(buf, &c.Tensors[0])
	case len(c.Parts) == 0 && alike(c.Tensors):
		buf, err = appendRecords(buf, c.Tensors)
	default:
		buf, err = jsontensor.AppendContent(buf, c, jsontensor.Whole)
	}
	if err != nil {
		return nil, err
	}
	if !bare {
		buf = append(buf, '}')
	}
	return &message.Wire{Dialect: message.MLflow, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: 200}, nil
}

// asksUnwrapped tells whether the client's request was a chat or a completion.
func asksUnwrapped(a *message.Asking) bool {
	if a == nil || a.Request == nil || len(a.Request.Tensors) > 0 || len(a.Request.JSON) == 0 {
		return false
	}
	return unwrappedJSON(a.Request.JSON)
}

// unwrappedJSON tells whether text is an object that MLflow hands to the model as it stands.
func unwrappedJSON(text []byte) bool {
	v, err := readInvocation(text)
	return err == nil && v.form == unwrapped
}

// alike tells whether there are several tensors, and all with the same number of rows.
func alike(ts []tensor.Tensor) bool {
	for i := range ts {
		if len(ts[i].Shape) == 0 || ts[i].Shape[0] != ts[0].Shape[0] {
			return false
		}
	}
	return len(ts) > 1
}

// appendRecords appends an array with an object for each row.
func appendRecords(dst []byte, ts []tensor.Tensor) (_ []byte, err error) {
	rows := make([]jsontensor.Rows, len(ts))
	for i := range ts {
		if rows[i], err = jsontensor.NewRows(&ts[i]); err != nil {
			return nil, err
		}
	}
	dst = append(dst, '[')
	for r := range ts[0].Shape[0] {
		if r > 0 {
			dst = append(dst, ',')
		}
		for i := range ts {
			dst = append(dst, "{,"[min(i, 1)])
			dst = append(jsontext.AppendString(dst, ts[i].Name), ':')
			if dst, err = rows[i].AppendNext(dst); err != nil {
				return nil, err
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}
