package tensor

import "fmt"

// Columns returns the columns of a matrix, each of shape [rows], in new memory and without names.
func Columns(t *Tensor) ([]Tensor, error) {
	if len(t.Shape) != 2 {
		return nil, fmt.Errorf("shape %v has no columns: expected two axes", t.Shape)
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	rows, n := t.Shape[0], int(t.Shape[1])
	if n > len(t.Data) && rows > 0 {
		return nil, fmt.Errorf("shape %v has more columns than data", t.Shape)
	}
	if rows == 0 {
		n = min(n, 1<<10)
	}
	columns := make([]Tensor, n)
	size := t.Datatype.Size()
	walk := t.Strings()
	for i := range columns {
		columns[i] = Tensor{Datatype: t.Datatype, Shape: []int64{rows}, Data: make([]byte, 0, len(t.Data)/max(n, 1))}
	}
	for i := range int(rows) * n {
		c := &columns[i%n]
		if size > 0 {
			c.Data = append(c.Data, t.Data[i*size:(i+1)*size]...)
		} else if element, ok := walk.Next(); ok {
			c.Data = AppendBytes(c.Data, element)
		}
	}
	return columns, nil
}
