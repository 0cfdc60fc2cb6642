package qlog

import (
	"math"
	"strconv"
	"unicode/utf8"
)

const (
	// maxText is how many bytes of a peer's text are written; the rest is left out.
	maxText = 1 << 10
	// maxHex is how many of a peer's opaque bytes are written.
	maxHex = 64

	hexDigits = "0123456789abcdef"

	// maxExact is the largest integer that every JSON reader keeps: I-JSON, RFC 7493 s2.2.
	maxExact = 1<<53 - 1
)

// encoder appends JSON. A comma goes before every member but the first; a value that ended never ends in the bytes
// '{', '[' or ':', since a text ends in its quotation mark, so the last byte tells.
type encoder struct{ b []byte }

func (e *encoder) separate() {
	switch e.b[len(e.b)-1] {
	case '{', '[', ':':
	default:
		e.b = append(e.b, ',')
	}
}

// key begins a member. Keys are ours and need no escapes.
func (e *encoder) key(k string) {
	e.separate()
	e.b = append(e.b, '"')
	e.b = append(e.b, k...)
	e.b = append(e.b, '"', ':')
}

// object begins an object as the value of a member.
func (e *encoder) object(k string) { e.key(k); e.b = append(e.b, '{') }

// array begins an array as the value of a member.
func (e *encoder) array(k string) { e.key(k); e.b = append(e.b, '[') }

// element begins an object in an array.
func (e *encoder) element() { e.separate(); e.b = append(e.b, '{') }

func (e *encoder) endObject() { e.b = append(e.b, '}') }
func (e *encoder) endArray()  { e.b = append(e.b, ']') }

// name writes a text of our own.
func (e *encoder) name(k, v string) {
	e.key(k)
	e.b = append(e.b, '"')
	e.b = append(e.b, v...)
	e.b = append(e.b, '"')
}

func (e *encoder) bool(k string, v bool) {
	e.key(k)
	e.b = strconv.AppendBool(e.b, v)
}

func (e *encoder) uint(k string, v uint64) {
	e.key(k)
	e.number(v)
}

// number writes an integer; one that a reader's float64 could not hold becomes a text, as main-schema allows.
func (e *encoder) number(v uint64) {
	if v <= maxExact {
		e.b = strconv.AppendUint(e.b, v, 10)
		return
	}
	e.b = append(e.b, '"')
	e.b = strconv.AppendUint(e.b, v, 10)
	e.b = append(e.b, '"')
}

// milliseconds writes nanoseconds as milliseconds, to the last digit.
func (e *encoder) milliseconds(k string, ns int64) {
	e.key(k)
	if ns < 0 {
		e.b = append(e.b, '-')
		ns = -max(ns, -math.MaxInt64)
	}
	e.b = strconv.AppendInt(e.b, ns/1e6, 10)
	fraction := ns % 1e6
	if fraction == 0 {
		return
	}
	e.b = append(e.b, '.')
	for unit := int64(1e5); fraction > 0; unit /= 10 {
		e.b = append(e.b, byte('0'+fraction/unit))
		fraction %= unit
	}
}

// text writes a text that may be hostile: it is cut after maxText bytes, and what is not UTF-8 is replaced.
func text[S ~string | ~[]byte](e *encoder, k string, v S) {
	e.key(k)
	e.b = append(e.b, '"')
	s := string(v[:min(len(v), maxText)])
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			e.b = utf8.AppendRune(e.b, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			e.b = append(e.b, '\\', c)
		case c < 0x20 || c == 0x7f:
			e.b = append(e.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		default:
			e.b = append(e.b, c)
		}
	}
	e.b = append(e.b, '"')
}

// hex writes bytes, at most maxHex of them.
func (e *encoder) hex(k string, v []byte) {
	e.key(k)
	e.hexValue(v)
}

func (e *encoder) hexValue(v []byte) {
	e.b = append(e.b, '"')
	for _, c := range v[:min(len(v), maxHex)] {
		e.b = append(e.b, hexDigits[c>>4], hexDigits[c&0xf])
	}
	e.b = append(e.b, '"')
}

// raw writes a RawInfo: the size on the wire, headers included, and that of the payload. A negative one is not known.
func (e *encoder) raw(length, payload int) {
	e.object("raw")
	if length >= 0 {
		e.uint("length", uint64(length))
	}
	if payload >= 0 {
		e.uint("payload_length", uint64(payload))
	}
	e.endObject()
}
