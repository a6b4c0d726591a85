package message

import "testing"

func TestNamesInPathsAreEscapedButForUnreservedCharacters(t *testing.T) {
	for name, want := range map[string]string{"m-1.2_~A": "m-1.2_~A", "a/b c:d%": "a%2Fb%20c%3Ad%25", ".": "%2E", "..": "%2E%2E", "ü": "%C3%BC", "": ""} {
		if got := string(AppendSegment([]byte("/"), name)); got != "/"+want {
			t.Errorf("%q: %q, want %q", name, got, "/"+want)
		}
	}
}
