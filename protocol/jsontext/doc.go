// Package jsontext reads and writes JSON text without reflection and without allocation: the scanner of all JSON dialects.
//
// A [Scanner] is a cursor over a body. The caller says what it expects next (an object, a key, an array's element, a
// number …) and the scanner checks it against the grammar of RFC 8259, strictly: no trailing commas, no comments, valid
// UTF-8, no lone surrogates, nothing after the value, and at most [MaxDepth] levels. Numbers are handed over as their text,
// so no digit is lost on the way to whatever type they become. Duplicate keys are the caller's to judge.
//
//	s := jsontext.NewScanner(body)
//	if s.Object() {
//		for s.NextKey() {
//			switch string(s.Key()) {
//			case "id":
//				id = s.Text()
//			default:
//				s.Skip()
//			}
//		}
//	}
//	if err := s.End(); err != nil {
//		return err // offset 17: expected ':' after a key, found '}'
//	}
//
// Errors stick: after the first one every step returns its zero value and loops end, so that only End or Err needs looking at.
//
// The package imports the standard library only.
package jsontext
