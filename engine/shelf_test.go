package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

// In virtual time: the shelf counts by itself.
func TestAShelfKeepsWhatIsNeededAndLetsTheRestGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shelf[int]{places: 3}
		counted := func() {
			time.Sleep(shelfRest)
			synctest.Wait()
		}
		free := func() (n int, counting bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.free), s.counting
		}
		items := [4]int{}
		for i := range items {
			s.put(&items[i]) // the last finds no place
		}
		counted() // from the first one's return on all were free
		if got, _ := free(); got != 3 {
			t.Fatalf("%d are free, want 3: they had no time to be needed", got)
		}
		a, b := s.get(), s.get()
		if a != &items[2] || b != &items[1] {
			t.Error("not the last one back first")
		}
		s.put(a)
		s.put(b)
		counted()
		if got, _ := free(); got != 2 {
			t.Errorf("%d are free, want the 2 that were needed together", got)
		}
		counted()
		if got, counting := free(); got != 0 || counting {
			t.Errorf("%d are free, counting %v: nobody needed any", got, counting)
		}
		s.places = 0
		s.put(a)
		if got, counting := free(); got != 0 || counting {
			t.Error("a shelf without places keeps something")
		}
	})
}
