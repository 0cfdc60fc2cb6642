package link

import (
	"fmt"
	"net/netip"

	"quicpro/internal/mono"
	"quicpro/sim/core/draw"
)

// Rebind is the moment from which a NAT gives its host's sockets new public ports, and a new address too if Addr is valid.
// What is sent to the old ones no longer arrives.
type Rebind struct {
	At   mono.Time
	Addr netip.Addr
}

// nat stands between a host and its links. It maps each of the host's sockets to a public port, the same for all remote
// addresses, as a socket first sends, and lets everybody send to that port.
type nat struct {
	at      draw.Place
	public  netip.Addr
	rebinds []Rebind
	passed  int    // of rebinds
	round   uint64 // counts the rebinds that took place

	ports   map[netip.AddrPort]uint16 // public, by the socket
	sockets map[uint16]netip.AddrPort // by the public port
	used    map[uint16]bool           // public ports of earlier rounds: no stranger gets them
}

// The public ports of a NAT.
const (
	firstPort = 20000
	numPorts  = 40000
)

// NAT puts a NAT with a public address in front of a host. Each rebind is one decision, at the place "name nat".
func (n *Network) NAT(name string, public netip.Addr, rebinds ...Rebind) error {
	h := n.host(name)
	switch {
	case h == nil:
		return fmt.Errorf("link: there is no host %s to be behind a NAT: attach it first", name)
	case h.nat != nil:
		return fmt.Errorf("link: the host %s is behind a NAT already: name all its rebinds there", name)
	case !public.IsValid():
		return fmt.Errorf("link: the NAT of %s has no address: say which one others see, 192.0.2.1 for instance", name)
	}
	all := []netip.Addr{public.Unmap()}
	for i, r := range rebinds {
		if i > 0 && r.At <= rebinds[i-1].At {
			return fmt.Errorf("link: rebind %d of %s is not after the one in front: sort them by At", i, name)
		}
		if r.Addr.IsValid() {
			all = append(all, r.Addr.Unmap())
		}
	}
	for _, a := range all {
		if o := n.owners[a]; o != nil {
			return fmt.Errorf("link: the NAT of %s has the address %v, which is %s's: give it one of its own", name, a, o.name)
		}
	}
	for _, a := range all {
		n.owners[a] = h
	}
	h.nat = &nat{
		at: n.source.At(name + " nat"), public: all[0], rebinds: rebinds,
		ports: map[netip.AddrPort]uint16{}, sockets: map[uint16]netip.AddrPort{}, used: map[uint16]bool{},
	}
	return nil
}

// Rebinds are those of a host's NAT; none if it has no NAT.
func (n *Network) Rebinds(name string) []Rebind {
	if h := n.host(name); h != nil && h.nat != nil {
		return h.nat.rebinds
	}
	return nil
}

// outward is the public address of a socket that sends.
func (t *nat) outward(now mono.Time, socket netip.AddrPort) netip.AddrPort {
	t.pass(now)
	port, ok := t.ports[socket]
	if !ok {
		port = t.port(socket.Port())
		t.ports[socket], t.sockets[port], t.used[port] = port, socket, true
	}
	return netip.AddrPortFrom(t.public, port)
}

// inward is the socket that a public address belongs to.
func (t *nat) inward(now mono.Time, public netip.AddrPort) (socket netip.AddrPort, ok bool) {
	t.pass(now)
	socket, ok = t.sockets[public.Port()]
	return socket, ok && public.Addr() == t.public
}

// pass makes the rebinds whose time has come.
func (t *nat) pass(now mono.Time) {
	for t.passed < len(t.rebinds) && now >= t.rebinds[t.passed].At {
		r := t.rebinds[t.passed]
		t.passed++
		if !t.at.Happens(uint64(t.passed-1), "rebind", 1) {
			continue
		}
		t.round++
		clear(t.ports)
		clear(t.sockets)
		if r.Addr.IsValid() {
			t.public = r.Addr.Unmap()
		}
	}
}

// port draws a public port that nobody has had, for a socket with the given one.
func (t *nat) port(local uint16) uint16 {
	port := t.at.IntN(t.round<<16|uint64(local), "port", numPorts)
	for range numPorts {
		if !t.used[firstPort+uint16(port)] {
			return firstPort + uint16(port)
		}
		port = (port + 1) % numPorts
	}
	panic("link: the NAT of " + t.at.Name() + " has no port left")
}
