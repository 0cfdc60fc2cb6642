package engine

import "testing"

func TestAShelfKeepsWhatIsNeededAndLetsTheRestGo(t *testing.T) {
	s := shelf[int]{places: 3}
	items := [4]int{}
	for i := range items {
		s.put(&items[i]) // the last finds no place
	}
	s.count() // from the first one's return on all were free
	if got := len(s.free); got != 3 {
		t.Fatalf("%d are free, want 3: they had no time to be needed", got)
	}
	a, b := s.get(), s.get()
	if a != &items[2] || b != &items[1] {
		t.Error("not the last one back first")
	}
	s.put(a)
	s.put(b)
	s.count()
	if got := len(s.free); got != 2 {
		t.Errorf("%d are free, want the 2 that were needed together", got)
	}
	s.count()
	if len(s.free) != 0 || s.counting {
		t.Errorf("%d are free, counting %v: nobody needed any", len(s.free), s.counting)
	}
	s.places = 0
	s.put(a)
	if len(s.free) != 0 || s.counting {
		t.Error("a shelf without places keeps something")
	}
}
