package inference

import (
	"strings"
	"testing"
)

func TestOneQuestionReachesModelsOfDifferentProtocols(t *testing.T) {
	p := start(t, twoModels, twoServers())
	for _, c := range []struct{ path, body, want string }{
		{"/ask/shout", `{"text": "I love it"}`, `{"shout": "I LOVE IT"}`},
		{"/ask/shout+letters", `{"text": "I love it"}`, `{"shout": "I LOVE IT", "letters": 9}`},
		{"/ask/shout%2Bletters", `{"text": ["a", "bcd"]}`, `{"shout": ["A","BCD"], "letters": [1,3]}`},
		{"/ask/shout+letters?full=1", `{"text": "I love it"}`, `{"shout": {"loud": "I LOVE IT"}, "letters": {"letters": 9}}`},
		{"/ask/loud=shout+letters", `{"text": "x"}`, `{"loud": "X", "letters": 1}`},
	} {
		status, got := p.post(c.path, c.body)
		if status != 200 || got != c.want+"\n" {
			t.Errorf("%s %s: %d %s, want %s", c.path, c.body, status, got, c.want)
		}
	}
}

func TestABadQuestionIsRefusedWithTheWayOut(t *testing.T) {
	p := start(t, twoModels, twoServers())
	for _, c := range []struct {
		path, body string
		status     int
		want       []string
	}{
		{"/ask/shuot", `{"text": "x"}`, 404, []string{"MR404", `no model \"shuot\"`, `did you mean \"shout\"?`}},
		{"/ask/shout+lettres", `{"text": "x"}`, 404, []string{"MR404", `lettres`, `letters`}},
		{"/ask/shout", `{"txt": "x"}`, 400, []string{"MR420", "txt", `text`}},
		{"/ask/shout", `{"text": `, 400, []string{"MR402"}},
		{"/ask/shout++letters", `{"text": "x"}`, 400, []string{"MR406", "character 7", "^"}},
		{"/ask/shout", strings.Repeat("x", 1<<20+1), 413, []string{"MR413", "1048576"}},
	} {
		status, got := p.post(c.path, c.body)
		if status != c.status {
			t.Errorf("%s: %d %s, want %d", c.path, status, got, c.status)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %s does not say %s", c.path, got, w)
			}
		}
	}
}
