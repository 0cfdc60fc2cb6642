package api

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"quicpro/actors/port"
)

// fieldList is a reusable list of field lines on their way to the wire. It is h3's with the message that carries it, which releases it
// when the lines are written.
type fieldList struct {
	fields []port.Field
}

var fieldLists = sync.Pool{New: func() any {
	l := &struct {
		fieldList
		space [firstFields]port.Field
	}{}
	l.fields = l.space[:0]
	return &l.fieldList
}}

const (
	// firstFields is how many lines a list has room for from its first on: as many as small heads have. Lists serve again,
	firstFields = 6
	// unless they have grown beyond maxFields.
	maxFields = 64
)

func newFieldList() *fieldList { return fieldLists.Get().(*fieldList) }

// Release empties the list and gives it back.
func (l *fieldList) Release() {
	clear(l.fields)
	l.fields = l.fields[:0]
	if cap(l.fields) <= maxFields {
		fieldLists.Put(l)
	}
}

// add appends one field line, its name in lower case. Where it is called several times, copies of it would make the stack of
// every waiting caller larger.
//
//go:noinline
func (l *fieldList) add(name, value string) {
	l.fields = append(l.fields, port.Field{Name: name, Value: value, Sensitive: sensitive(name)})
}

// addHeader appends every line of h that may travel, but not those whose lower-case name skip refuses. The order is that
// of the sorted keys: what goes to the wire never depends on the order of a map.
func (l *fieldList) addHeader(h http.Header, skip func(lower string) bool) {
	if len(h) > 1 {
		l.addSorted(h, skip)
		return
	}
	for key, values := range h {
		l.addLines(key, values, skip)
	}
}

func (l *fieldList) addSorted(h http.Header, skip func(lower string) bool) {
	var space [16]string
	for _, key := range sorted(space[:0], h) {
		l.addLines(key, h[key], skip)
	}
}

// addLines appends the lines of one key.
func (l *fieldList) addLines(key string, values []string, skip func(lower string) bool) {
	lower := lowerName(key)
	if connectionSpecific(lower) || !httpguts.ValidHeaderFieldName(key) || skip != nil && skip(lower) {
		return
	}
	for _, v := range values {
		// RFC 9114 s4.2: TE may only say "trailers".
		if !httpguts.ValidHeaderFieldValue(v) || lower == "te" && v != "trailers" {
			continue
		}
		l.add(lower, trimSpace(v))
	}
}

// addTrailers appends the trailer section: the announced names, and the keys with http.TrailerPrefix.
func (l *fieldList) addTrailers(h http.Header, announced []string) {
	var space [16]string
	for _, key := range sorted(space[:0], h) {
		name, prefixed := strings.CutPrefix(key, http.TrailerPrefix)
		if !prefixed && !slices.Contains(announced, key) {
			continue
		}
		lower := lowerName(name)
		if !httpguts.ValidTrailerHeader(http.CanonicalHeaderKey(name)) || !httpguts.ValidHeaderFieldName(name) || connectionSpecific(lower) {
			continue
		}
		for _, v := range h[key] {
			if httpguts.ValidHeaderFieldValue(v) {
				l.add(lower, trimSpace(v))
			}
		}
	}
}

// prefixed reports whether a key of h has http.TrailerPrefix.
func prefixed(h http.Header) bool {
	for key := range h {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// sorted appends the keys of h to keys, in their order on the wire.
func sorted(keys []string, h http.Header) []string {
	for key := range h {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// trimSpace removes the white space around a field value that RFC 9110 s5.5 does not count to it.
func trimSpace(v string) string {
	if v == "" || v[0] > ' ' && v[len(v)-1] > ' ' {
		return v
	}
	return strings.Trim(v, " \t")
}

// headerOf makes an http.Header of received field lines, pseudo-header fields left out. All values share one array.
func headerOf(fields []port.Field) http.Header {
	n := 0
	for i := range fields {
		if !pseudo(fields[i].Name) {
			n++
		}
	}
	h := make(http.Header, n)
	values := make([]string, n)
	for i := range fields {
		f := &fields[i]
		if pseudo(f.Name) {
			continue
		}
		key := headerKey(f.Name)
		if repeated(h, fields[:i], key, f.Name) {
			more(h, key, f.Value)
			continue
		}
		values[0] = f.Value
		h[key], values = values[:1:1], values[1:]
	}
	return h
}

// more adds a value to those of a key.
//
//go:noinline
func more(h http.Header, key, value string) { h[key] = append(h[key], value) }

// fewLines is for how many lines a walk over their names costs less than a look into the map.
const fewLines = 16

// repeated reports whether h has the key, of a name, from one of the lines before.
func repeated(h http.Header, before []port.Field, key, name string) bool {
	if len(before) > fewLines {
		_, ok := h[key]
		return ok
	}
	for i := range before {
		if before[i].Name == name {
			return true
		}
	}
	return false
}

// announcedTrailers makes the Trailer map of a message from its Trailer header: names without values yet. It removes
// the header, as net/http does.
func announcedTrailers(h http.Header) http.Header {
	values := h["Trailer"]
	if values == nil {
		return nil
	}
	delete(h, "Trailer")
	var t http.Header
	eachElement(values, func(name string) {
		name = http.CanonicalHeaderKey(name)
		if !httpguts.ValidTrailerHeader(name) {
			return
		}
		if t == nil {
			t = make(http.Header)
		}
		t[name] = nil
	})
	return t
}

// fillTrailers puts a received trailer section into *t.
func fillTrailers(t *http.Header, fields []port.Field) {
	for i := range fields {
		if *t == nil {
			*t = make(http.Header, len(fields))
		}
		key := headerKey(fields[i].Name)
		(*t)[key] = append((*t)[key], fields[i].Value)
	}
}
