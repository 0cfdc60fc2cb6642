package picture

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"quicpro/wire"
)

// The page and its parts. They are put together into one file that needs nothing else.
var (
	//go:embed page/timeline.html
	pageHTML string
	//go:embed page/style.css
	pageStyle string
	//go:embed page/run.js
	pageRun string
	//go:embed page/view.js
	pageView string
	//go:embed page/paint.js
	pagePaint string
	//go:embed page/packets.js
	pagePackets string
	//go:embed page/charts.js
	pageCharts string
	//go:embed page/details.js
	pageDetails string
	//go:embed page/main.js
	pageMain string
)

// page writes timeline.html.
func (r *Recorder) page(w *bufio.Writer, s *Summary) {
	data, err := json.Marshal(r.data(s))
	if err != nil {
		r.failed(err)
		return
	}
	scripts := strings.Join([]string{pageRun, pageView, pagePaint, pagePackets, pageCharts, pageDetails, pageMain}, "\n")
	rest := pageHTML
	for _, part := range [...]struct{ mark, text string }{
		{"/*style*/", pageStyle}, {"/*data*/", string(data)}, {"/*script*/", scripts},
	} {
		before, after, _ := strings.Cut(rest, part.mark)
		_, _ = w.WriteString(before)
		_, _ = w.WriteString(part.text)
		rest = after
	}
	_, _ = w.WriteString(rest)
}

// column is numbers of one kind, one a row, each as the difference from the one above: short, and quickly read.
type column []int64

func columnOf[T any](rows []T, value func(*T) int64) column {
	c := make(column, len(rows))
	last := int64(0)
	for i := range rows {
		v := value(&rows[i])
		c[i], last = v-last, v
	}
	return c
}

// us is a time on the page; -1 stays what it is.
func us(t time.Duration) int64 {
	if t < 0 {
		return -1
	}
	return t.Microseconds()
}

// pageData is the run as run.js reads it. Columns hold differences, lists hold values.
type pageData struct {
	Test      string           `json:"test"`
	Seed      string           `json:"seed"`
	Failed    bool             `json:"failed"`
	Fault     string           `json:"fault"`
	Hash      string           `json:"hash"`
	Steps     uint64           `json:"steps"`
	Elapsed   int64            `json:"elapsed"`
	Command   string           `json:"command"`
	Decisions []string         `json:"decisions"`
	Omitted   int              `json:"omitted"`
	Losses    int              `json:"losses"`
	Hosts     []string         `json:"hosts"`
	Words     []string         `json:"words"`
	Links     map[string]int64 `json:"links"` // their delays

	Datagrams struct {
		Sent, Arrived, Size, Queued column
		From, To, Conn              column
		Class, ECN, Count           column
	} `json:"datagrams"`
	Packets struct {
		Level, Number, Size column
		Text                []string
	} `json:"packets"`
	Declared [][3]int64 `json:"declared"` // packet, when, why: declared lost
	Marks    struct {
		Datagram, At, Place, N, What, Loss column
	} `json:"marks"`
	Copies [][2]int64  `json:"copies"` // datagram, when it arrived
	Bands  []pageBand  `json:"bands"`
	Conns  []*pageConn `json:"conns"`
}

type pageBand struct {
	Place string `json:"place"`
	From  int64  `json:"from"`
	Until int64  `json:"until"`
	What  string `json:"what"`
}

type pageConn struct {
	ID    string      `json:"id"`
	Sides []*pageSide `json:"sides"`
}

type pageSide struct {
	Role    string `json:"role"`
	Host    int    `json:"host"`
	Metrics struct {
		At, Window, InFlight, RTT, MinRTT, PTO column
	} `json:"metrics"`
	Streams []*pageStream `json:"streams"` // that it sends
	Events  []pageEvent   `json:"events"`
	Dropped []string      `json:"dropped"`
}

type pageEvent struct {
	At   int64  `json:"at"`
	What string `json:"what"`
}

type pageStream struct {
	ID       uint64 `json:"id"`
	Label    string `json:"label"`
	Sent     curve  `json:"sent"`
	Received curve  `json:"received"`
	Again    struct {
		At, Offset, Size column
	} `json:"again"`
	Fin int64 `json:"fin"` // when the receiver knew the end; -1: never
}

type curve struct {
	At     column
	Offset column
}

func (r *Recorder) data(s *Summary) *pageData {
	p := &pageData{
		Test: s.Test, Seed: fmt.Sprint(s.Seed), Failed: s.Failed, Fault: s.Fault, Hash: fmt.Sprintf("%016x", s.Hash), Steps: s.Steps,
		Elapsed: us(s.Elapsed), Command: s.Command, Decisions: s.Decisions, Omitted: r.omitted, Losses: r.losses(), Hosts: r.hosts.list,
		Words: r.words.list, Links: r.delays,
	}
	d := r.datagrams
	p.Datagrams.Sent = columnOf(d, func(d *datagram) int64 { return us(d.sent) })
	p.Datagrams.Arrived = columnOf(d, func(d *datagram) int64 { return us(d.arrived) })
	p.Datagrams.Size = columnOf(d, func(d *datagram) int64 { return int64(d.size) })
	p.Datagrams.Queued = columnOf(d, func(d *datagram) int64 { return us(d.queued) })
	p.Datagrams.From = columnOf(d, func(d *datagram) int64 { return int64(d.from) })
	p.Datagrams.To = columnOf(d, func(d *datagram) int64 { return int64(d.to) })
	p.Datagrams.Conn = columnOf(d, func(d *datagram) int64 { return int64(d.conn) })
	p.Datagrams.Class = columnOf(d, func(d *datagram) int64 { return int64(d.class) })
	p.Datagrams.ECN = columnOf(d, func(d *datagram) int64 { return int64(d.ecn) })
	p.Datagrams.Count = columnOf(d, func(d *datagram) int64 { return int64(d.count) })
	p.Packets.Level = columnOf(r.packets, func(p *packet) int64 { return int64(p.level) })
	p.Packets.Number = columnOf(r.packets, func(p *packet) int64 { return int64(p.number) })
	p.Packets.Size = columnOf(r.packets, func(p *packet) int64 { return int64(p.size) })
	for i := range r.packets {
		each := &r.packets[i]
		p.Packets.Text = append(p.Packets.Text, each.text)
		if each.lostAt > 0 {
			p.Declared = append(p.Declared, [3]int64{int64(i), us(each.lostAt), int64(each.why)})
		}
	}
	m := r.marks
	p.Marks.Datagram = columnOf(m, func(m *mark) int64 { return int64(m.datagram) })
	p.Marks.At = columnOf(m, func(m *mark) int64 { return us(m.at) })
	p.Marks.Place = columnOf(m, func(m *mark) int64 { return int64(m.place) })
	p.Marks.N = columnOf(m, func(m *mark) int64 { return int64(m.n) })
	p.Marks.What = columnOf(m, func(m *mark) int64 { return int64(m.what) })
	p.Marks.Loss = columnOf(m, func(m *mark) int64 { return map[bool]int64{true: 1}[m.loss] })
	for _, c := range r.copies {
		p.Copies = append(p.Copies, [2]int64{int64(c.datagram), us(c.at)})
	}
	for _, b := range r.hostBands() {
		p.Bands = append(p.Bands, pageBand{b.place, us(b.from), us(b.until), b.what})
	}
	for _, c := range r.conns {
		p.Conns = append(p.Conns, c.page())
	}
	return p
}

func (c *connection) page() *pageConn {
	p := &pageConn{ID: c.odcid.String()}
	for _, s := range c.sides {
		each := &pageSide{Role: s.role.String(), Host: s.host}
		g := s.metrics
		each.Metrics.At = columnOf(g, func(g *gauge) int64 { return us(g.at) })
		each.Metrics.Window = columnOf(g, func(g *gauge) int64 { return int64(g.Window) })
		each.Metrics.InFlight = columnOf(g, func(g *gauge) int64 { return int64(g.InFlight) })
		each.Metrics.RTT = columnOf(g, func(g *gauge) int64 { return us(g.SmoothedRTT) })
		each.Metrics.MinRTT = columnOf(g, func(g *gauge) int64 { return us(g.MinRTT) })
		each.Metrics.PTO = columnOf(g, func(g *gauge) int64 { return int64(g.PTOCount) })
		for _, f := range s.sent.list {
			each.Streams = append(each.Streams, c.stream(s, f))
		}
		for _, e := range s.events {
			each.Events = append(each.Events, pageEvent{us(e.at), e.what})
		}
		for _, d := range s.dropped {
			each.Dropped = append(each.Dropped, fmt.Sprintf("%d × %s", d.count, d.why))
		}
		p.Sides = append(p.Sides, each)
	}
	return p
}

// stream is one that a side sends, as both ends see it.
func (c *connection) stream(s *side, f *flow) *pageStream {
	p := &pageStream{ID: uint64(f.stream), Label: c.label(f.stream), Fin: -1}
	p.Sent.At = columnOf(f.points, func(p *point) int64 { return us(p.at) })
	p.Sent.Offset = columnOf(f.points, func(p *point) int64 { return int64(p.offset) })
	p.Again.At = columnOf(f.again, func(s *span) int64 { return us(s.at) })
	p.Again.Offset = columnOf(f.again, func(s *span) int64 { return int64(s.offset) })
	p.Again.Size = columnOf(f.again, func(s *span) int64 { return int64(s.size) })
	for _, o := range c.sides {
		i := slices.IndexFunc(o.received.list, func(g *flow) bool { return g.stream == f.stream })
		if o.role == s.role || i < 0 {
			continue
		}
		g := o.received.list[i]
		p.Received.At = columnOf(g.points, func(p *point) int64 { return us(p.at) })
		p.Received.Offset = columnOf(g.points, func(p *point) int64 { return int64(p.whole) })
		if g.fin > 0 {
			p.Fin = us(g.fin)
		}
	}
	return p
}

// label says what a stream carries.
func (c *connection) label(id wire.StreamID) string {
	for _, l := range c.labels {
		if l.stream == id {
			return strings.TrimSpace(l.request + " " + l.status)
		}
	}
	if id.IsUni() {
		return "control"
	}
	return ""
}
