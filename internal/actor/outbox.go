package actor

// Outbox gathers what one room has for another, or for those of a crowd, and hands it over when the room has handled its
// mail and when it has flushed: a hundred messages for the price of one. It is the sending room's alone, which must Collect it;
// ports send by way of it after Via.
type Outbox[M any] struct {
	room    *Room[M] // where all of it goes, or
	crowd   *Crowd[M]
	mail    []M
	letters []letter[M]
	edges   []Port[M] // stepping: by which port each goes
	small   uint32    // see shrunk
}

// NewOutbox makes an outbox of what goes to r.
func NewOutbox[M any](r *Room[M]) *Outbox[M] { return &Outbox[M]{room: r} }

// NewCrowdOutbox makes an outbox of what goes to the rooms of c.
func NewCrowdOutbox[M any](c *Crowd[M]) *Outbox[M] { return &Outbox[M]{crowd: c} }

// deliverer is an Outbox of any kind of mail.
type deliverer interface{ deliver() }

// Via makes a port send by way of an outbox.
func (p Port[M]) Via(o *Outbox[M]) Port[M] {
	p.out = o
	return p
}

func (o *Outbox[M]) add(p Port[M], m M) {
	switch {
	case p.edge != nil:
		p.room.pending.Add(1)
		o.edges = append(o.edges, p)
		o.mail = append(o.mail, m)
	case o.crowd != nil:
		p.room.pending.Add(1)
		o.letters = append(o.letters, letter[M]{p.room, m})
	default:
		o.mail = append(o.mail, m)
	}
}

// deliver hands everything over. What finds no place is our bug: it is said once, and not again.
func (o *Outbox[M]) deliver() {
	edges, letters, mail := o.edges, o.letters, o.mail
	o.edges, o.letters, o.mail = nil, nil, nil
	switch {
	case len(edges) > 0:
		edges[0].room.handed(edges[0].edge.name)
		for i, p := range edges {
			p.room.pending.Add(-1)
			p.room.put(p.edge, mail[i])
		}
	case len(letters) > 0:
		o.crowd.add(letters...)
	case len(mail) > 0:
		o.room.add(mail...)
	}
	clear(edges)
	o.edges = edges[:0]
	o.letters, o.mail = emptied(letters, &o.small), emptied(mail, &o.small) // one of them is in use
}

// emptied is a list's memory for the next messages.
func emptied[T any](list []T, small *uint32) []T {
	clear(list)
	return shrunk(list, small)
}

// Collect makes the room hand over what is gathered in an outbox of its own.
func (r *Room[M]) Collect(o deliverer) {
	if r.company == nil {
		r.company = new(company[M])
	}
	r.company.outs = append(r.company.outs, o)
}

func (r *Room[M]) deliver() {
	if r.company == nil {
		return
	}
	for _, o := range r.company.outs {
		o.deliver()
	}
}

// HandOvers is a stepping System that wants to know how often mail is handed over: what an outbox gathered counts once.
type HandOvers interface{ HandedOver(edge string) }

func (r *Room[M]) handed(edge string) {
	if h, ok := r.sys.(HandOvers); ok {
		h.HandedOver(edge)
	}
}
