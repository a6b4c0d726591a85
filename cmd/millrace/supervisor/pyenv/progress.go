package pyenv

import (
	"fmt"
	"time"
)

// every is how often a running installation says that it is still running.
const every = 5 * time.Second

func (s *Store) say(format string, args ...any) {
	fmt.Fprintf(s.progress, format+"\n", args...)
}

// watch says that what is being installed, and goes on saying so until the function that it returns is called
// with the outcome. That function waits for the goroutine that it ends.
func (s *Store) watch(what string) func(error) {
	start := time.Now()
	stop, stopped := make(chan struct{}), make(chan struct{})
	s.say("%s: installing", what)
	go func() {
		defer close(stopped)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.say("%s: installing, %d s", what, int(time.Since(start).Seconds()))
			case <-stop:
				return
			}
		}
	}()
	return func(err error) {
		close(stop)
		<-stopped
		if err != nil {
			s.say("%s: failed after %.1f s", what, time.Since(start).Seconds())
			return
		}
		s.say("%s: installed in %.1f s", what, time.Since(start).Seconds())
	}
}
