package hostile

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/sim/core/draw"
	"quicpro/wire"
)

// Config shapes a Peer.
type Config struct {
	// Role is the attacker's.
	Role wire.Role
	// Place is where its decisions fall: packet N suffers what is called What.
	Place draw.Place
	// Menu is what it does.
	Menu []*Attack
	// Chance is the probability that a packet suffers an attack of the menu that fits it.
	Chance float64
	// After is how many packets it leaves alone at first. Attacks that only fit early ones do not wait.
	After uint64
	// Most is how often it attacks; 0: without a bound.
	Most int
}

// Peer is the attacker of one connection: an engine.Between.
type Peer struct {
	cfg     Config
	view    view
	n       uint64   // packets so far
	struck  []string // names of attacks, once each, in the order of their first use
	times   map[string]int
	total   int
	pieced  []wire.StreamID // streams that consist of pieces
	piece   int
	held    *datagram // it goes behind the next
	retired uint64
}

// New makes an attacker.
func New(c Config) *Peer {
	p := &Peer{cfg: c, times: make(map[string]int)}
	p.view.init(c.Role)
	return p
}

// Struck lists the attacks so far, each once.
func (p *Peer) Struck() []string { return p.struck }

// Times is how often an attack was made.
func (p *Peer) Times(name string) int { return p.times[name] }

// Sending attacks the packets of a batch.
func (p *Peer) Sending(_ mono.Time, t *port.TxBatch) {
	if t.Closing {
		return // the endpoint repeats what is in it
	}
	var out []*datagram
	for _, d := range open(t) {
		out = append(out, p.attack(d)...)
	}
	if p.total > 0 {
		seal(t, out)
	}
}

// Receiving hides what concerns streams that the engine does not know.
func (p *Peer) Receiving(_ mono.Time, b *port.RxBatch) {
	for i := range b.Packets {
		if q := &b.Packets[i]; q.Kind == port.RxOpened {
			p.view.hear(q)
		}
	}
}

// attack returns what becomes of a datagram.
func (p *Peer) attack(d *datagram) []*datagram {
	out := []*datagram{d}
	for _, k := range d.packets {
		n := p.n
		p.n++
		p.view.learn(k)
		k.frames = p.view.strip(k.frames)
		for _, a := range p.cfg.Menu {
			if !p.fits(a, k, n) || !p.cfg.Place.Happens(n, a.Name, p.chance(a)) {
				continue
			}
			fresh := p.view.fresh
			if a.Datagram != nil {
				out = a.Datagram(p, d)
			} else if !a.Packet(p, k) {
				p.view.fresh = fresh // the streams that it made up are for another packet
				continue
			}
			p.note(a)
		}
	}
	return out
}

func (p *Peer) chance(a *Attack) float64 {
	if a.Chance > 0 {
		return a.Chance
	}
	return p.cfg.Chance
}

// fits reports whether an attack can be made with a packet.
func (p *Peer) fits(a *Attack, k *packet, n uint64) bool {
	switch {
	case p.cfg.Most > 0 && p.total >= p.cfg.Most:
	case a.By != anybody && a.By.role() != p.cfg.Role:
	case a.Level != k.level:
	case a.Once && p.times[a.Name] > 0:
	case n < p.cfg.After && !a.Early:
	default:
		return a.Fits == nil || a.Fits(p, k)
	}
	return false
}

func (p *Peer) note(a *Attack) {
	if p.times[a.Name] == 0 {
		p.struck = append(p.struck, a.Name)
	}
	p.times[a.Name]++
	p.total++
}

// draw is a number below n that belongs to the attack being made.
func (p *Peer) draw(what string, n int) int { return p.cfg.Place.IntN(p.n, what, n) }
