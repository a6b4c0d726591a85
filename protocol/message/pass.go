package message

// Again returns the bytes of w, its content type and its status for another receiver, with a reference of the caller's own to the body. It
// is for replies of dialects whose JSON is the whole body.
func (w *Wire) Again() *Wire {
	return &Wire{Dialect: w.Dialect, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1, Status: w.Status}
}

// Own returns what a server itself said of the failure, as [Wire.Again] does, where it said something in dialect d; nil where not. To a
// client of that dialect it passes as it came.
func (f *Failure) Own(d Dialect) *Wire {
	if f.Kind != FailedUpstream || f.Reply == nil {
		return nil
	}
	w := f.Reply.Wire()
	if w == nil || w.Dialect != d || w.Body.Len() == 0 {
		return nil
	}
	return w.Again()
}
