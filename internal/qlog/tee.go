package qlog

import (
	"errors"
	"io"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Tee returns a trace that tells a, then b. Either may be nil; then it is the other one. What it returns for two has a
// Close that closes those of them that have one.
func Tee(a, b port.Trace) port.Trace {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return tee{a, b}
}

type tee [2]port.Trace

func (t tee) Packet(now mono.Time, p port.PacketEvent) {
	for _, each := range t {
		each.Packet(now, p)
	}
}

func (t tee) Dropped(now mono.Time, size int, reason string) {
	for _, each := range t {
		each.Dropped(now, size, reason)
	}
}

func (t tee) Lost(now mono.Time, level wire.Level, number wire.PacketNumber, reason string) {
	for _, each := range t {
		each.Lost(now, level, number, reason)
	}
}

func (t tee) Metrics(now mono.Time, m port.Metrics) {
	for _, each := range t {
		each.Metrics(now, m)
	}
}

func (t tee) Parameters(now mono.Time, ours bool, p *wire.TransportParameters) {
	for _, each := range t {
		each.Parameters(now, ours, p)
	}
}

func (t tee) State(now mono.Time, state string) {
	for _, each := range t {
		each.State(now, state)
	}
}

func (t tee) Keys(now mono.Time, level wire.Level, what string) {
	for _, each := range t {
		each.Keys(now, level, what)
	}
}

func (t tee) Closed(now mono.Time, c *port.Cause) {
	for _, each := range t {
		each.Closed(now, c)
	}
}

func (t tee) H3Frame(now mono.Time, sent bool, stream wire.StreamID, frameType uint64, length uint64, fields []port.Field) {
	for _, each := range t {
		each.H3Frame(now, sent, stream, frameType, length, fields)
	}
}

// Close implements io.Closer.
func (t tee) Close() error {
	var failed error
	for _, each := range t {
		if c, ok := each.(io.Closer); ok {
			failed = errors.Join(failed, c.Close())
		}
	}
	return failed
}
