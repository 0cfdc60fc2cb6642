package picture

import (
	"fmt"
	"slices"
	"time"

	"quicpro/sim/core"
	"quicpro/sim/core/link"
)

// band is a time in which something was the matter with a host or a link.
type band struct {
	place string // a host's name, or a link's
	from  time.Duration
	until time.Duration // -1: to the end
	what  string
}

// Calmed notes that the faults of all links are over.
func (r *Recorder) Calmed() { r.calm = r.o.Now() }

// Link notes the delay of a link, and the outages and changes of MTU that its configuration orders, if they took place:
// decisions are those of the run.
func (r *Recorder) Link(name string, c link.Config, decisions []string) {
	r.delays[name] = us(c.Delay)
	took := func(i int, what string) bool {
		return slices.Contains(decisions, fmt.Sprintf("%s #%d %s", name, i, what))
	}
	for i, o := range c.Outages {
		if took(i, "outage") {
			until := time.Duration(o.Until)
			if o.Until == 0 {
				until = -1
			}
			if r.calm > 0 && (until < 0 || until > r.calm) {
				until = r.calm
			}
			r.bands = append(r.bands, band{name, time.Duration(o.From), until, "outage"})
		}
	}
	for i, m := range c.MTUChanges {
		if took(i, "mtu") {
			r.bands = append(r.bands, band{name, time.Duration(m.At), time.Duration(m.At), fmt.Sprintf("MTU %d", m.MTU)})
		}
	}
}

// NAT notes the rebinds of a host that took place.
func (r *Recorder) NAT(host string, all []link.Rebind, decisions []string) {
	for i, b := range all {
		if slices.Contains(decisions, fmt.Sprintf("%s nat #%d rebind", host, i)) {
			r.bands = append(r.bands, band{host, time.Duration(b.At), time.Duration(b.At), "rebind"})
		}
	}
}

// hostBands turns the changes of hosts into bands.
func (r *Recorder) hostBands() (bands []band) {
	open := make(map[[2]int]int) // by host and cause: the band
	for _, c := range r.changes {
		frozen := [2]int{c.host, 0}
		down := [2]int{c.host, 1}
		start := func(key [2]int, what string) {
			if i, ok := open[key]; ok {
				bands[i].what = what
				return
			}
			open[key] = len(bands)
			bands = append(bands, band{r.hosts.list[c.host], c.at, -1, what})
		}
		stop := func(key [2]int, suffix string) {
			if i, ok := open[key]; ok {
				bands[i].until = c.at
				bands[i].what += suffix
				delete(open, key)
			}
		}
		switch c.what {
		case core.Froze:
			start(frozen, "frozen")
		case core.Thawed:
			stop(frozen, "")
		case core.WentDown:
			start(down, "cut off")
		case core.Crashed:
			start(down, "crashed")
		case core.CameBack:
			if i, ok := open[down]; ok && bands[i].what == "cut off" { // what has crashed is not healed by that
				stop(down, "")
			}
		case core.Restarted:
			stop(down, ", restarted")
		}
	}
	return append(bands, r.bands...)
}
