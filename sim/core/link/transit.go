package link

import "quicpro/internal/mono"

// transit is what is between two links, or held back on one, by time; what is due at one time by its coming.
type transit struct {
	heap    []due
	flights []flight // by due.flight
	free    []int32  // of flights
	serial  uint64
	flying  int // datagrams among the flights
}

// flight is a datagram that comes out of a link, or the time at which the link's late ones are due.
type flight struct {
	arrival Arrival
	link    *Link // nil: it comes from the host itself
	overdue bool
}

type due struct {
	at     mono.Time
	serial uint64
	flight int32
}

func (d due) before(o due) bool { return d.at < o.at || d.at == o.at && d.serial < o.serial }

func (t *transit) push(at mono.Time, f flight) {
	if !f.overdue {
		t.flying++
	}
	d := due{at: at, serial: t.serial}
	t.serial++
	if n := len(t.free); n > 0 {
		d.flight = t.free[n-1]
		t.free = t.free[:n-1]
		t.flights[d.flight] = f
	} else {
		d.flight = int32(len(t.flights))
		t.flights = append(t.flights, f)
	}
	t.heap = append(t.heap, d)
	for i := len(t.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !t.heap[i].before(t.heap[up]) {
			break
		}
		t.heap[i], t.heap[up] = t.heap[up], t.heap[i]
		i = up
	}
}

func (t *transit) pop() (at mono.Time, f flight) {
	d, last := t.heap[0], len(t.heap)-1
	t.heap[0] = t.heap[last]
	t.heap = t.heap[:last]
	for i := 0; ; {
		least := i
		for down := 2*i + 1; down <= 2*i+2 && down < last; down++ {
			if t.heap[down].before(t.heap[least]) {
				least = down
			}
		}
		if least == i {
			break
		}
		t.heap[i], t.heap[least] = t.heap[least], t.heap[i]
		i = least
	}
	f = t.flights[d.flight]
	t.flights[d.flight] = flight{}
	t.free = append(t.free, d.flight)
	if !f.overdue {
		t.flying--
	}
	return d.at, f
}
