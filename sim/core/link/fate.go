package link

import "quicpro/internal/mono"

// Fate is what became of a datagram.
type Fate uint8

// The fates on a link; the last two are those at the end of a path.
const (
	Delivered Fate = iota
	Lost           // on its own
	InBurst        // while the Gilbert-Elliott channel was bad, or good but not perfect
	QueueFull
	ByCoDel
	ByRED
	TooBig // for the MTU
	WasDown
	Targeted
	Policed
	NoHost    // nobody has the address that it was sent to
	NoMapping // the NAT in front of the host knows no such address and port, or no longer

	fates = iota
)

// String is the fate's word in logs. It is also the decision's, where the fate is one: "lost", "burst" and "target".
func (f Fate) String() string {
	return [fates]string{"delivered", "lost", "burst", "queue full", "codel", "red", "too big", "down", "target", "policed",
		"no host", "no mapping"}[f]
}

// Fates is all of them, in the order of their numbers.
func Fates() []Fate {
	all := make([]Fate, fates)
	for i := range all {
		all[i] = Fate(i)
	}
	return all
}

// Verdict is what a link did to one datagram.
type Verdict struct {
	N    uint64 // of this link's datagrams, counted from 0: the number of its decisions
	Size int    // in bytes
	Fate Fate

	Late    bool // held back to be overtaken
	Early   bool // overtook
	Twice   bool
	Corrupt bool // one of its copies, if it came twice
	Marked  bool // CE, by RED or by chance

	QueueBytes int       // were in the queue when it came
	Depart     mono.Time // when it had left the queue; 0 if it never did
	Arrive     mono.Time // when it arrives, a late one at the latest; 0 if it does not
}

// Counts says how often what happened.
type Counts struct {
	Sent    uint64        // datagrams that came to the link
	Fates   [fates]uint64 // by Fate; they add up to Sent
	Late    uint64
	Early   uint64
	Twice   uint64
	Corrupt uint64
	Marked  uint64
}

func (c *Counts) add(v Verdict) {
	c.Sent++
	c.Fates[v.Fate]++
	for _, flag := range [...]struct {
		set bool
		of  *uint64
	}{{v.Late, &c.Late}, {v.Early, &c.Early}, {v.Twice, &c.Twice}, {v.Corrupt, &c.Corrupt}, {v.Marked, &c.Marked}} {
		if flag.set {
			*flag.of++
		}
	}
}
