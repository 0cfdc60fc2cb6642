package hostile

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// batch writes datagrams of such sizes, each a run's segment where the rule allows it; the first has two packets.
func batch(t *testing.T, sizes ...int) *port.TxBatch {
	t.Helper()
	b := &port.TxBatch{B: make([]byte, 0, port.BigBatch)}
	to := port.Path{Remote: netip.MustParseAddrPort("10.0.0.2:443")}
	var all []*datagram
	for i, size := range sizes {
		d := &datagram{path: to}
		if i == 0 {
			d.packets = append(d.packets, long(t, wire.PacketInitial, wire.LevelInitial, 7, 300), long(t, wire.PacketHandshake, wire.LevelHandshake, 1, size-300))
		} else {
			d.packets = append(d.packets, short(t, wire.PacketNumber(1000+i), size))
		}
		all = append(all, d)
	}
	seal(b, all)
	return b
}

var dest, _ = wire.MakeConnectionID([]byte("8 bytes!"))

func long(t *testing.T, kind wire.PacketType, level wire.Level, pn wire.PacketNumber, size int) *packet {
	t.Helper()
	header, _ := wire.AppendLongHeader(nil, kind, dest, dest, nil, 2)
	return sized(t, &packet{level: level, number: pn, header: header, width: 2}, size)
}

func short(t *testing.T, pn wire.PacketNumber, size int) *packet {
	t.Helper()
	return sized(t, &packet{level: wire.LevelApp, number: pn, header: wire.AppendShortHeader(nil, dest, false, false, 2), width: 2}, size)
}

func sized(t *testing.T, p *packet, size int) *packet {
	t.Helper()
	p.frames = bytes.Repeat([]byte{byte(wire.TypePing)}, size-p.len()+p.padding())
	if p.len() != size {
		t.Fatalf("%d bytes, not %d", p.len(), size)
	}
	return p
}

func TestABatchThatNobodyChangesStaysTheSame(t *testing.T) {
	b := batch(t, 1200, 1200, 1200, 900, 1400, 50)
	if len(b.Runs) != 2 || b.Runs[0].Len != 3*1200+900 || b.Runs[1].Len != 1450 {
		t.Fatalf("runs %+v", b.Runs)
	}
	before, packets := bytes.Clone(b.B), append([]port.TxPacket(nil), b.Packets...)
	seal(b, open(b))
	if !bytes.Equal(before, b.B) {
		t.Error("other bytes")
	}
	for i := range packets {
		if packets[i] != b.Packets[i] {
			t.Errorf("packet %d was %+v and is %+v", i, packets[i], b.Packets[i])
		}
	}
}

// Whatever becomes of packets, the tables of a batch are true: runs lie back to back, each packet is inside one datagram, and
// the Length of a long header is what there is.
func TestTheTablesOfAChangedBatchAreTrue(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var sizes []int
		for range 1 + rng.IntN(12) {
			sizes = append(sizes, 700+100*rng.IntN(8))
		}
		b := batch(t, sizes...)
		all := open(b)
		for _, d := range all {
			for _, k := range d.packets {
				switch rng.IntN(4) {
				case 0:
					k.frames = nil
				case 1:
					k.fill(wire.Ping{}.Append)
				case 2:
					k.add(make([]byte, rng.IntN(500)))
				}
			}
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		seal(b, all[:rng.IntN(len(all)+1)])
		checkBatch(t, seed, b)
	}
}

func checkBatch(t *testing.T, seed uint64, b *port.TxBatch) {
	t.Helper()
	at, next := 0, 0
	for _, r := range b.Runs {
		if r.Off != at || r.Len <= 0 || r.Len > maxRun || r.Len > maxSegments*r.SegmentSize {
			t.Fatalf("seed %d: run %+v after %d bytes", seed, r, at)
		}
		for ; at < r.Off+r.Len; at = min(at+r.SegmentSize, r.Off+r.Len) {
			end := min(at+r.SegmentSize, r.Off+r.Len)
			for p := at; p < end; next++ {
				q := b.Packets[next]
				if q.Off != p || q.Off+q.Len > end || q.NumberOff+int(q.NumberLen)+samples-int(q.NumberLen)+tagLen > q.Len {
					t.Fatalf("seed %d: packet %+v in the datagram from %d to %d", seed, q, at, end)
				}
				if h, err := wire.ParseLongHeader(b.B[q.Off:end]); q.Level != wire.LevelApp && (err != nil || h.PacketLen != q.Len || h.NumberAt != q.NumberOff) {
					t.Fatalf("seed %d: header %+v, %v of packet %+v", seed, h, err, q)
				}
				p += q.Len
			}
		}
	}
	if at != len(b.B) || next != len(b.Packets) {
		t.Fatalf("seed %d: %d of %d bytes in runs, %d of %d packets", seed, at, len(b.B), next, len(b.Packets))
	}
}

func TestEveryAttackHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range All() {
		if seen[a.Name] || (a.Packet == nil) == (a.Datagram == nil) {
			t.Errorf("attack %q: twice, or it does not say what it does", a.Name)
		}
		if !a.Early && a.Level != wire.LevelApp {
			t.Errorf("attack %q on %v packets: early %v", a.Name, a.Level, a.Early)
		}
		seen[a.Name] = true
	}
	if len(seen) < 150 || Find("no such attack") != nil {
		t.Errorf("%d attacks", len(seen))
	}
}
