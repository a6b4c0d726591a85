package tensorproto

import "github.com/millrace/millrace/protocol/tensor"

// zeros is the element that stands for none: a number, or the length of an empty string.
var zeros [8]byte

// Missing returns how many elements t, which has the values that were sent, lacks of n, negative where it has more, and the bytes of the
// element that stands for each: the last one, or zero where none was sent. They are a view, not to be written.
func Missing(t *tensor.Tensor, n int) (missing int, element []byte) {
	size := t.Datatype.Size()
	if size > 0 {
		if len(t.Data) < size {
			return n, zeros[:size]
		}
		return n - len(t.Data)/size, t.Data[len(t.Data)-size:]
	}
	sent, from := 0, len(t.Data)
	for walk := t.Strings(); ; sent++ {
		text, ok := walk.Next()
		if !ok {
			break
		}
		from = len(t.Data) - 4 - len(text) // where the last one starts, once there is no other behind it
	}
	if sent == 0 {
		return n, zeros[:4]
	}
	return n - sent, t.Data[from:]
}

// Fill gives t the element that Missing returned as many times. Its data is new memory; what it was may be a view.
func Fill(t *tensor.Tensor, missing int, element []byte) {
	data := append(make([]byte, 0, len(t.Data)+missing*len(element)), t.Data...)
	for range missing {
		data = append(data, element...)
	}
	t.Data = data
}
