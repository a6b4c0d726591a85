package system

import (
	"context"
	"os"
	"regexp"
	"testing"
	"time"
)

// Told returns what it told so far, without what its servers wrote.
func (i *Instance) Told(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(i.told())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Await waits until what it told after the text seen matches, and returns that.
func (i *Instance) Await(t *testing.T, seen, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var news string
	Eventually(t, "`millrace up` says "+pattern, func() bool {
		news = i.Told(t)[len(seen):]
		return re.MatchString(news)
	})
	return news
}

// Eventually waits half a minute at most until done holds; what says what is awaited.
func Eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := wait(ctx, func() (bool, error) { return done(), nil }); err != nil {
		t.Fatalf("%s: not within 30 s", what)
	}
}
