package oracle

import "quicpro/wire"

// sentPacket is what is kept of a packet that was sent.
type sentPacket struct {
	number    wire.PacketNumber
	hash      uint64 // of its payload
	kinds     uint32 // a bit for each frame type in it
	size      uint16
	fate      fate
	flight    bool // counts as in flight (RFC 9002 s2)
	eliciting bool
	used      bool // the slot holds a packet
}

type fate uint8

const (
	outstanding fate = iota
	acked
	lost
)

const (
	firstSlots = 16
	// keptSlots is how many packets are kept though they are settled, for what arrives late.
	keptSlots = 1024
	// mostSlots bounds the packets of a space. The engine has at most 65,536.
	mostSlots = 1 << 17
	// farJump is a leap in packet numbers that no sender makes; what was sent before it is forgotten.
	farJump = 1 << 16
)

// sentSpace is what a side has sent in a packet number space: a ring indexed by packet number.
type sentSpace struct {
	slots     []sentPacket      // length zero or a power of two; a slot is a number's if it says so
	low       wire.PacketNumber // nothing below is in flight
	next      wire.PacketNumber // the lowest number that may follow
	gaps      spans             // numbers below next that were never sent
	inFlight  int               // bytes
	eliciting int               // packets in flight that ask for an ACK
	blind     bool              // a packet in flight was forgotten: the sums are not known

	acks acksSent
}

func (s *sentSpace) slot(pn wire.PacketNumber) *sentPacket { return &s.slots[int(pn)&(len(s.slots)-1)] }

// find returns the record of a packet. known says that the answer is certain: nil means that it was never sent.
func (s *sentSpace) find(pn wire.PacketNumber) (p *sentPacket, known bool) {
	if pn >= s.next {
		return nil, true
	}
	if len(s.slots) > 0 {
		if p := s.slot(pn); p.used && p.number == pn {
			return p, true
		}
	}
	_, never := s.gaps.overlaps(pn, pn)
	return nil, never
}

// push records a packet whose number is next or above.
func (s *sentSpace) push(p sentPacket) {
	if p.number > s.next {
		s.gaps.add(s.next, p.number-1)
		if p.number-s.next > farJump {
			s.blind = s.blind || s.inFlight > 0
			s.settleAll()
			s.low = p.number
		}
	}
	s.makeRoom(p.number)
	old := s.slot(p.number)
	if old.used && old.flight && old.fate == outstanding && old.number >= s.low {
		s.blind = true
		s.settle(old)
	}
	*old = p
	s.next = p.number + 1
	if p.flight {
		s.inFlight += int(p.size)
		if p.eliciting {
			s.eliciting++
		}
	}
}

// makeRoom grows the ring while the slot of pn holds what is still wanted.
func (s *sentSpace) makeRoom(pn wire.PacketNumber) {
	if len(s.slots) == 0 {
		s.slots = make([]sentPacket, firstSlots)
	}
	for len(s.slots) < mostSlots {
		old := s.slot(pn)
		wanted := len(s.slots) < keptSlots || old.flight && old.fate == outstanding && old.number >= s.low
		if !old.used || !wanted {
			return
		}
		from := s.slots
		s.slots = make([]sentPacket, 2*len(from))
		for i := range from {
			if from[i].used {
				*s.slot(from[i].number) = from[i]
			}
		}
	}
}

// settle takes a packet in flight out of the sums.
func (s *sentSpace) settle(p *sentPacket) {
	if !p.flight {
		return
	}
	s.inFlight -= int(p.size)
	if p.eliciting {
		s.eliciting--
	}
}

// settleAll takes all packets out of the sums.
func (s *sentSpace) settleAll() {
	s.low, s.inFlight, s.eliciting = s.next, 0, 0
}

// advance moves low over what is settled.
func (s *sentSpace) advance() {
	for ; s.low < s.next; s.low++ {
		if p := s.slot(s.low); p.used && p.number == s.low && p.flight && p.fate == outstanding {
			return
		}
	}
}

// ack settles the outstanding packets from lo to hi, and returns how many of those in flight were.
func (s *sentSpace) ack(lo, hi wire.PacketNumber) (fresh int) {
	lo, hi = max(lo, s.low), min(hi, s.next-1)
	for pn := hi; pn >= lo; pn-- {
		p := s.slot(pn)
		if !p.used || p.number != pn || p.fate != outstanding {
			continue
		}
		p.fate = acked
		if p.flight {
			fresh++
			s.settle(p)
		}
	}
	return fresh
}
