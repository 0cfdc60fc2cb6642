package api

import (
	"slices"
	"strconv"
	"testing"

	"quicpro/actors/port"
)

// Lines of one name are values of one key, in order, whether the message has few lines or many.
func TestLinesOfOneNameAreOneKey(t *testing.T) {
	for _, others := range []int{0, 1, fewLines, 3 * fewLines} {
		fields := []port.Field{{Name: ":method", Value: "GET"}, {Name: "via", Value: "1"}}
		for i := range others {
			fields = append(fields, port.Field{Name: "x-" + strconv.Itoa(i), Value: "v"})
		}
		fields = append(fields, port.Field{Name: "via", Value: "2"}, port.Field{Name: "accept", Value: "*/*"}, port.Field{Name: "via", Value: "3"})
		h := headerOf(fields)
		if !slices.Equal(h["Via"], []string{"1", "2", "3"}) || len(h) != 2+others || h.Get("Accept") != "*/*" {
			t.Errorf("beside %d others: %q", others, h)
		}
		if h.Set("Via", "own"); h.Get("Accept") != "*/*" || others > 0 && h.Get("X-0") != "v" {
			t.Errorf("beside %d others: a change of one key changes another: %q", others, h)
		}
	}
}

func BenchmarkHeaderOf(b *testing.B) {
	fields := []port.Field{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "example.org"}, {Name: ":path", Value: "/"},
		{Name: "accept", Value: "*/*"}, {Name: "accept-encoding", Value: "gzip"}, {Name: "user-agent", Value: "quicpro"},
	}
	b.ReportAllocs()
	for b.Loop() {
		headerOf(fields)
	}
}
