package mlflow

import (
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// appendSplit appends {"dataframe_split": …} with a column for each tensor.
func appendSplit(dst []byte, columns []tensor.Tensor) ([]byte, error) {
	rows := make([]jsontensor.Rows, len(columns))
	n := int64(-1)
	dst = append(dst, `{"dataframe_split":{"columns":[`...)
	for i := range columns {
		t := columns[i]
		size := int64(1)
		for axis, d := range t.Shape {
			if axis == 0 {
				size = d
			} else if d != 1 {
				f := message.Invalid(jsontensor.CodeNoForm, "tensor %q: a column of a dataframe has one value a row, found shape %v", t.Name, t.Shape)
				f.Remedy = "declare the input's shape in the model's contract, and the model gets tensors"
				return nil, f
			}
		}
		if n >= 0 && size != n {
			return nil, message.Invalid(jsontensor.CodeNoForm, "tensor %q: expected %d rows as in %q, found %d", t.Name, n, columns[0].Name, size)
		}
		n = size
		t.Shape = []int64{size}
		var err error
		if rows[i], err = jsontensor.NewRows(&t); err != nil {
			return nil, err
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(dst, t.Name)
	}
	dst = append(dst, `],"data":[`...)
	for r := range n {
		if r > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for i := range rows {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = rows[i].AppendNext(dst); err != nil {
				return nil, err
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, `]}}`...), nil
}
