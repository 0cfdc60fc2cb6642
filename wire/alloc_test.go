package wire

import "testing"

// Sinks keep the compiler from dropping what the tests measure.
var (
	sinkFrame  Frame
	sinkLong   LongHeader
	sinkRange  AckRange
	sinkNumber PacketNumber
	sinkParams TransportParameters
	sinkErr    error
)

func noAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s allocates %v times", what, n)
	}
}

func TestFramesAllocateNothing(t *testing.T) {
	buf := make([]byte, 0, 4096)
	for _, c := range frameCases {
		b := unhex(t, c.hex)
		var f Frame
		noAllocs(t, "decoding "+c.hex, func() { _, sinkErr = NextFrame(b, &f) })
		noAllocs(t, "encoding "+c.hex, func() { buf = f.Append(buf[:0]) })
	}
	ranges := []AckRange{{90, 100}, {50, 70}, {3, 4}}
	ecn := ECNCounts{ECT0: 77}
	noAllocs(t, "AppendAck", func() { buf, _ = AppendAck(buf[:0], ranges, 25, &ecn, 1000) })
	f, _, err := ParseAck(buf)
	if err != nil {
		t.Fatal(err)
	}
	noAllocs(t, "Ranges", func() {
		walk := f.Ranges()
		for r, ok := walk.Next(); ok; r, ok = walk.Next() {
			sinkRange = r
		}
	})
}

func TestHeadersAllocateNothing(t *testing.T) {
	v := loadVectors(t)
	buf := make([]byte, 0, 4096)
	id, token := cid(t, "0102030405060708"), []byte("token")
	noAllocs(t, "ParseLongHeader", func() { sinkLong, sinkErr = ParseLongHeader(v.ClientInitial.Packet) })
	noAllocs(t, "refusing a long header", func() { _, sinkErr = ParseLongHeader(v.ClientInitial.Packet[:40]) })
	noAllocs(t, "ParseShortHeader", func() { _, _, sinkErr = ParseShortHeader(v.Short.Packet, 8) })
	noAllocs(t, "ParseRetry", func() { _, sinkErr = ParseRetry(v.Retry.Packet) })
	noAllocs(t, "AppendLongHeader", func() {
		var at int
		buf, at = AppendLongHeader(buf[:0], PacketInitial, id, id, token, 2)
		PatchLength(buf, at, 1200)
	})
	noAllocs(t, "AppendShortHeader", func() {
		buf = AppendNumber(AppendShortHeader(buf[:0], id, true, false, 2), 1000, NumberLen(1000, 800))
		sinkNumber = DecodeNumber(900, ReadNumber(buf[9:], 2), 2)
	})
	noAllocs(t, "Retry encoding", func() {
		buf = AppendRetryHeader(buf[:0], 0, id, id, token)
		buf = AppendRetryPseudo(buf, id, buf)
	})
	noAllocs(t, "Version Negotiation", func() {
		buf = AppendVersionNegotiation(buf[:0], 0, token, token, Version1, 0x1a2a3a4a)
		_, sinkErr = ParseVersionNegotiation(buf)
	})
	p := fullParameters(t)
	noAllocs(t, "transport parameters", func() {
		buf = p.Append(buf[:0], Server, GreaseParameter{ID: 27, Value: token})
		sinkParams, sinkErr = ParseTransportParameters(buf, Server)
	})
}

func BenchmarkStreamAppend(b *testing.B) {
	data, buf := make([]byte, 1400), make([]byte, 0, 2048)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendStreamHeader(buf[:0], 4, 1<<20, len(data), false, false)
		buf = append(buf, data...)
	}
}

func BenchmarkStreamParse(b *testing.B) {
	buf := Stream{ID: 4, Offset: 1 << 20, Data: make([]byte, 1400)}.Append(nil)
	b.SetBytes(1400)
	b.ReportAllocs()
	for b.Loop() {
		_, sinkErr = NextFrame(buf, &sinkFrame)
	}
}

// benchRanges is a receiver's view of a lossy path: 32 ranges.
func benchRanges() (ranges []AckRange) {
	for hi := PacketNumber(100_000); len(ranges) < 32; hi -= 50 {
		ranges = append(ranges, AckRange{hi - 40, hi})
	}
	return ranges
}

func BenchmarkAckAppend(b *testing.B) {
	ranges, buf := benchRanges(), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = AppendAck(buf[:0], ranges, 100, nil, 1200)
	}
}

func BenchmarkAckParse(b *testing.B) {
	buf, _ := AppendAck(nil, benchRanges(), 100, nil, 1200)
	b.ReportAllocs()
	for b.Loop() {
		_, sinkErr = NextFrame(buf, &sinkFrame)
		walk := sinkFrame.Ack.Ranges()
		for r, ok := walk.Next(); ok; r, ok = walk.Next() {
			sinkRange = r
		}
	}
}
