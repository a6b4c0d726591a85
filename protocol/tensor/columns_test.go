package tensor

import "testing"

func TestAMatrixComesApartIntoItsColumns(t *testing.T) {
	m := OfStrings("m", "a", "bb", "c", "dd")
	m.Shape = []int64{2, 2}
	columns, err := Columns(&m)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Tensor{OfStrings("", "a", "c"), OfStrings("", "bb", "dd")} {
		if !Equal(&columns[i], &want) {
			t.Errorf("column %d is %s", i, columns[i].Preview())
		}
	}
	if _, err := Columns(&columns[0]); err == nil {
		t.Error("a vector came apart")
	}
}
