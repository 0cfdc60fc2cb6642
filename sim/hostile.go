package sim

import (
	"fmt"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/sim/core/hostile"
	"quicpro/wire"
)

// Attacker makes the connections of a host attacks on those at their other end: the host's engine goes on as ever, and what
// it sends is rewritten under its valid keys. What package hostile lists as attacks falls as decisions of the world. Give
// one to the configuration of a host; its client or server then does not behave.
type Attacker struct {
	Menu   []string // which of Attacks; those that the host's side of a connection cannot make do not happen
	Chance float64  // the probability that a packet suffers one of them
	After  uint64   // how many packets of a connection are left alone at first
	Most   int      // how many attacks a connection makes; 0: no bound

	w     *World
	peers []assault
}

// Attacks names what an attacker can do, as a client or as a server.
func Attacks(r wire.Role) (names []string) {
	for _, a := range hostile.For(r) {
		names = append(names, a.Name)
	}
	return names
}

// assault is one connection of an attacker.
type assault struct {
	id   string // original destination connection ID
	role wire.Role
	peer *hostile.Peer
}

// arm puts the attacker into the host's engine.
func (a *Attacker) arm(h *Host, o *engine.Options) {
	a.w = h.w
	o.OneSocket = true // a client's own socket needs no connection IDs, and some attacks are about them
	trace := o.Trace
	o.Trace = func(role wire.Role, odcid wire.ConnectionID) port.Trace {
		t := trace(role, odcid)
		for _, s := range h.w.book.Sides(odcid.String()) {
			if s.Role() == role {
				s.Hostile()
			}
		}
		return t
	}
	o.Between = func(role wire.Role, odcid wire.ConnectionID) engine.Between {
		c := hostile.Config{
			Role: role, Place: h.w.run.draw.At(fmt.Sprintf("attack of %s %d", h.name, len(a.peers)+1)),
			Chance: a.Chance, After: a.After, Most: a.Most,
		}
		for _, name := range a.Menu {
			attack := hostile.Find(name)
			if attack == nil {
				h.w.core.Fail(fmt.Errorf("there is no attack called %q", name))
				continue
			}
			c.Menu = append(c.Menu, attack)
		}
		p := hostile.New(c)
		a.peers = append(a.peers, assault{odcid.String(), role, p})
		return p
	}
}

// Ending is how a connection ended for the victim of an attack.
type Ending struct {
	Struck []string    // what it suffered, in the order in which it began
	Cause  *port.Cause // nil: it has not ended
}

// Endings lists how the attacked connections ended. It is for a run that is over.
func (a *Attacker) Endings() (all []Ending) {
	for _, x := range a.peers {
		e := Ending{Struck: x.peer.Struck()}
		for _, s := range a.w.book.Sides(x.id) {
			if s.Role() != x.role && s.Cause() != nil {
				e.Cause = s.Cause()
			}
		}
		all = append(all, e)
	}
	return all
}

// judge fails the world where a victim has closed a connection in a way that is no right answer.
func (a *Attacker) judge() {
	for i, e := range a.Endings() {
		for _, name := range e.Struck {
			a.w.Count("attack: " + name)
		}
		if e.Cause == nil {
			continue
		}
		if len(e.Struck) > 0 {
			a.w.Count("victim: " + endingName(e.Cause))
		}
		if !hostile.Allowed(e.Struck, e.Cause) {
			a.w.core.Fail(fmt.Errorf("connection %d of the attacker: after %q the victim ended it so: %v", i+1, e.Struck, e.Cause))
		}
	}
}

func endingName(c *port.Cause) string {
	if c.Why == port.Ours {
		return hostile.Code{App: c.App, Code: c.Code}.String()
	}
	return c.Why.String()
}

// check is what must hold after every step.
func (w *World) check(string) error {
	for _, f := range w.watches {
		if err := f(); err != nil {
			return err
		}
	}
	return w.book.Fault()
}
