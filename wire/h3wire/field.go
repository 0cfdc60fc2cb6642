package h3wire

// Text is a name or value, held as either kind of bytes. The checks below read
// both without conversion.
type Text interface{ string | []byte }

// ValidFieldName reports whether name is a field name HTTP/3 allows: a token
// without upper-case letters (RFC 9114 s4.2, RFC 9110 s5.1). A message with any
// other is malformed. Pseudo-header names are not field names.
func ValidFieldName[T Text](name T) bool { return all(name, classFieldName) }

// ValidToken reports whether s is a token (RFC 9110 s5.6.2), as :method and
// :protocol must be.
func ValidToken[T Text](s T) bool { return all(s, classToken) }

// ValidFieldValue reports whether value matches the field-content rule of
// RFC 9110 s5.5: visible characters, obs-text, and space or tab between but
// not around them. The empty value is valid. RFC 9114 s4.2, s10.3: a message
// with any other value is malformed.
func ValidFieldValue[T Text](value T) bool {
	if len(value) == 0 {
		return true
	}
	if isBlank(value[0]) || isBlank(value[len(value)-1]) {
		return false
	}
	return all(value, classFieldValue)
}

// ForbiddenField reports whether a field is connection-specific, which makes its
// message malformed (RFC 9114 s4.2, RFC 9110 s7.6.1). name is in lower case. TE
// is allowed with the value "trailers", in requests only: the caller knows which
// message it holds.
func ForbiddenField[T Text](name, value T) bool {
	switch len(name) {
	case len("te"):
		return string(name) == "te" && !isTrailers(value)
	case len("upgrade"):
		return string(name) == "upgrade"
	case len("connection"): // and of keep-alive
		return string(name) == "connection" || string(name) == "keep-alive"
	case len("proxy-connection"):
		return string(name) == "proxy-connection"
	case len("transfer-encoding"):
		return string(name) == "transfer-encoding"
	}
	return false
}

// RFC 9110 s10.1.4: "trailers" is a keyword, so its case does not matter.
func isTrailers[T Text](value T) bool {
	const want = "trailers"
	if len(value) != len(want) {
		return false
	}
	for i := range len(want) {
		if value[i]|0x20 != want[i] {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

const (
	classToken = 1 << iota
	classFieldName
	classFieldValue
)

func all[T Text](s T, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return len(s) > 0
}

// classes holds for every byte the grammars it may appear in.
var classes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 'A' && c <= 'Z':
			t[c] = classToken
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			t[c] = classToken | classFieldName
		}
		// RFC 9110 s5.5: VCHAR, obs-text, SP and HTAB.
		if c >= 0x20 && c != 0x7f || c == '\t' {
			t[c] |= classFieldValue
		}
	}
	// RFC 9110 s5.6.2: the marks a token may contain.
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] |= classToken | classFieldName
	}
	return t
}()
