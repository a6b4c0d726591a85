package golden

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/kinds"
)

// Read shows what becomes of a file: the objects that are good, and what is wrong. It is for Files.
func Read(_ *testing.T, file string, src []byte) string {
	var b strings.Builder
	docs, found := document.Parse(file, src)
	b.WriteString(Found(found, src))
	for _, doc := range docs {
		o := kinds.Read(doc)
		if o.Objects != nil {
			b.WriteString(Objects(o.Objects))
		}
		b.WriteString(Found(o.Found, src))
	}
	return b.String()
}
