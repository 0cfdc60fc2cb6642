package conn

import "quicpro/actors/port"

// spanLists lends long lists of spans. A stream in bulk that is slower than conn needs one for many trains, again and
// again; but if each record kept the longest that it ever had, a peer could make every stream keep one. So a record
// borrows, and conn keeps a few.
type spanLists struct {
	long  [][]port.Span // empty ones
	short [][]port.Span // those that belong to records which have borrowed
}

const (
	// spanLoans is how many lists there are of each kind: one is filled while another is with the stream.
	spanLoans = 2
	// longSpans is what a connection may receive in full datagrams before a stream has seen any of it: a flood of small
	// frames makes longer lists, which nobody keeps.
	longSpans = 2048
)

// add appends to a record's list, or to a longer one that it borrows.
func (l *spanLists) add(to []port.Span, s port.Span) []port.Span {
	if n := len(l.long); len(to) == cap(to) && len(to) > port.KeptSpans/2 && n > 0 {
		lent := append(l.long[n-1][:0], to...)
		l.long = l.long[:n-1]
		l.short = keep(l.short, to)
		to = lent
	}
	return append(to, s)
}

// back takes a list back that is too long to stay with its record, and returns the one that does.
func (l *spanLists) back(list []port.Span) []port.Span {
	if cap(list) <= port.KeptSpans {
		return list
	}
	if cap(list) <= longSpans {
		l.long = keep(l.long, list)
	}
	n := len(l.short)
	if n == 0 {
		return nil
	}
	list, l.short = l.short[n-1], l.short[:n-1]
	return list
}

// keep empties a list and puts it to the others, if they are few.
func keep(lists [][]port.Span, list []port.Span) [][]port.Span {
	if len(lists) == spanLoans {
		return lists
	}
	clear(list)
	return append(lists, list[:0])
}
