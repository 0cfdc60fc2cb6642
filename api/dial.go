package api

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"strconv"
	"time"

	"quicpro/engine"
)

// stagger is how long a dial to one address of a host stays alone before the next address is tried beside it
// (RFC 8305 s5).
const stagger = 250 * time.Millisecond

// dialOrigin resolves where an origin is reached and returns the first connection that any of its addresses gives.
func (t *Transport) dialOrigin(ctx context.Context, o origin) (exchanger, error) {
	target := o
	if err := checkProtocols(t.TLSClientConfig); err != nil {
		return nil, err
	}
	if t.ConnectTo != "" {
		host, port, err := net.SplitHostPort(t.ConnectTo)
		if err != nil {
			return nil, fmt.Errorf("api: ConnectTo is %q, want host:port", t.ConnectTo)
		}
		if host != "" {
			target.host = host
		}
		if port != "" {
			target.port = port
		}
	}
	wait := t.DialTimeout
	if wait <= 0 {
		wait = defaultDialTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, &timeoutError{
		what: fmt.Sprintf("no connection within %v: is a QUIC server there, and does UDP reach it", wait), err: context.DeadlineExceeded})
	defer cancel()
	addrs, err := resolve(ctx, t.engine(), target)
	if err != nil {
		return nil, err
	}
	conn, err := race(ctx, addrs, func(ctx context.Context, addr netip.AddrPort) (exchanger, error) {
		return t.dialAddr(ctx, addr, o)
	})
	if err != nil {
		if target != o {
			return nil, &stepError{fmt.Sprintf("dialing %s for %s", target, o), err}
		}
		return nil, &stepError{"dialing " + o.String(), err}
	}
	return conn, nil
}

// dialAddr makes one attempt.
func (t *Transport) dialAddr(ctx context.Context, addr netip.AddrPort, o origin) (exchanger, error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart("udp", addr.String())
	}
	conn, err := t.connect(ctx, addr, o.host)
	if err != nil {
		if ctx.Err() != nil {
			err = contextError(ctx, "during the handshake")
		} else {
			err = publicError(err)
		}
	}
	if trace != nil && trace.ConnectDone != nil {
		trace.ConnectDone("udp", addr.String(), err)
	}
	return conn, err
}

// resolve returns the addresses of a host in the order in which they are tried: as the resolver sorted them, but with
// the families taking turns (RFC 8305 s4).
func resolve(ctx context.Context, e *engine.Engine, o origin) ([]netip.AddrPort, error) {
	port, err := strconv.ParseUint(o.port, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("api: invalid port %q in the URL: 1 to 65535", o.port)
	}
	if addr, err := netip.ParseAddr(o.host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), uint16(port))}, nil
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.DNSStart != nil {
		trace.DNSStart(httptrace.DNSStartInfo{Host: o.host})
	}
	// The context of a trace would make the resolver call DNSStart and DNSDone once more.
	ips, err := e.Resolve(withoutTrace{ctx}, o.host)
	if trace != nil && trace.DNSDone != nil {
		trace.DNSDone(httptrace.DNSDoneInfo{Addrs: ipAddrs(ips), Err: err})
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, contextError(ctx, "resolving "+o.host)
		}
		return nil, &stepError{"resolving " + o.host, err}
	}
	return turns(ips, uint16(port)), nil
}

func ipAddrs(ips []netip.Addr) []net.IPAddr {
	addrs := make([]net.IPAddr, len(ips))
	for i, ip := range ips {
		addrs[i] = net.IPAddr{IP: ip.AsSlice(), Zone: ip.Zone()}
	}
	return addrs
}

// withoutTrace is a context without values.
type withoutTrace struct{ context.Context }

func (withoutTrace) Value(any) any { return nil }

// turns lets the families take turns, the first address's family first.
func turns(ips []netip.Addr, port uint16) []netip.AddrPort {
	var families [2][]netip.AddrPort
	for _, ip := range ips {
		ip = ip.Unmap()
		family := 0
		if ip.Is4() != ips[0].Unmap().Is4() {
			family = 1
		}
		families[family] = append(families[family], netip.AddrPortFrom(ip, port))
	}
	addrs := make([]netip.AddrPort, 0, len(ips))
	for i := 0; len(addrs) < len(ips); i++ {
		for _, f := range families {
			if i < len(f) {
				addrs = append(addrs, f[i])
			}
		}
	}
	return addrs
}

// attempt is what one dial of a race came to.
type attempt struct {
	index int
	conn  exchanger
	err   error
}

// race dials addrs one after the other, each when the one before has failed or is stagger old, and returns the first
// connection. The others are given up; if all fail, the first address's error counts.
func race(ctx context.Context, addrs []netip.AddrPort, dial func(context.Context, netip.AddrPort) (exchanger, error)) (exchanger, error) {
	if len(addrs) == 0 {
		return nil, fmt.Errorf("api: the name has no address")
	}
	if len(addrs) == 1 {
		return dial(ctx, addrs[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan attempt, len(addrs))
	timer := time.NewTimer(stagger)
	defer timer.Stop()
	next, running := 0, 0
	start := func() {
		i := next
		next++
		running++
		timer.Reset(stagger)
		go func() {
			conn, err := dial(ctx, addrs[i])
			results <- attempt{i, conn, err}
		}()
	}
	var first attempt
	first.index = len(addrs)
	for start(); running > 0; {
		select {
		case <-timer.C:
			if next < len(addrs) {
				start()
			}
		case r := <-results:
			running--
			if r.err == nil {
				cancel()
				closeLosers(results, running)
				return r.conn, nil
			}
			if r.index < first.index {
				first = r
			}
			if next < len(addrs) {
				start()
			}
		}
	}
	cancel()
	return nil, first.err
}

// closeLosers waits for the attempts that were given up, which end at once, and closes those that won too late.
func closeLosers(results <-chan attempt, running int) {
	for ; running > 0; running-- {
		if r := <-results; r.err == nil {
			r.conn.Close(noError, "")
		}
	}
}
