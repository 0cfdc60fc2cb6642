package wire

import "testing"

// measure is a sub-benchmark of one step, which must succeed.
func measure(b *testing.B, name string, step func()) {
	b.Run(name, func(b *testing.B) {
		sinkErr = nil
		b.ReportAllocs()
		for b.Loop() {
			step()
		}
		if sinkErr != nil {
			b.Fatal(sinkErr)
		}
	})
}

func BenchmarkVarint(b *testing.B) {
	buf := make([]byte, 0, 8)
	for name, v := range map[string]uint64{"1": 37, "2": 15_293, "4": 494_878_333, "8": 151_288_809_941_952_652} {
		coded := AppendVarint(nil, v)
		measure(b, "append/"+name, func() { buf = AppendVarint(buf[:0], v) })
		measure(b, "consume/"+name, func() { sinkVarint, _ = ConsumeVarint(coded) })
	}
}

var sinkVarint uint64

// Every kind of frame; those with payload in bulk have benchmarks of their own.
func BenchmarkFrame(b *testing.B) {
	seen := map[FrameType]bool{}
	buf := make([]byte, 0, 64)
	for _, c := range frameCases {
		if seen[c.typ] {
			continue
		}
		seen[c.typ] = true
		coded := unhex(b, c.hex)
		var f Frame
		measure(b, "parse/"+c.typ.String(), func() { _, sinkErr = NextFrame(coded, &f) })
		measure(b, "append/"+c.typ.String(), func() { buf = f.Append(buf[:0]) })
	}
}

func BenchmarkHeader(b *testing.B) {
	v := loadVectors(b)
	buf := make([]byte, 0, 256)
	id, token := cid(b, "0102030405060708"), []byte("token")
	measure(b, "append/long", func() {
		var at int
		buf, at = AppendLongHeader(buf[:0], PacketInitial, id, id, token, 2)
		PatchLength(buf, at, 1200)
	})
	measure(b, "append/short", func() {
		buf = AppendNumber(AppendShortHeader(buf[:0], id, true, false, 2), 1000, NumberLen(1000, 800))
	})
	measure(b, "append/retry", func() { buf = AppendRetryHeader(buf[:0], 0, id, id, token) })
	measure(b, "append/version negotiation", func() {
		buf = AppendVersionNegotiation(buf[:0], 0, token, token, Version1, 0x1a2a3a4a)
	})
	negotiation := AppendVersionNegotiation(nil, 0, token, token, Version1, 0x1a2a3a4a)
	measure(b, "parse/invariant", func() { sinkInvariant, _ = ParseInvariant(v.ClientInitial.Packet) })
	measure(b, "parse/long", func() { sinkLong, sinkErr = ParseLongHeader(v.ClientInitial.Packet) })
	measure(b, "parse/short", func() {
		_, _, sinkErr = ParseShortHeader(v.Short.Packet, 0)
		sinkNumber = DecodeNumber(900, ReadNumber(v.Short.Packet[1:], 3), 3)
	})
	measure(b, "parse/retry", func() { _, sinkErr = ParseRetry(v.Retry.Packet) })
	measure(b, "parse/version negotiation", func() { _, sinkErr = ParseVersionNegotiation(negotiation) })
}

var sinkInvariant Invariant

func BenchmarkTransportParameters(b *testing.B) {
	p := fullParameters(b)
	grease := GreaseParameter{ID: 27, Value: []byte("grease")}
	coded := p.Append(nil, Server, grease)
	buf := make([]byte, 0, 2*len(coded))
	measure(b, "append", func() { buf = p.Append(buf[:0], Server, grease) })
	measure(b, "parse", func() { sinkParams, sinkErr = ParseTransportParameters(coded, Server) })
}
