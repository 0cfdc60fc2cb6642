package qpackwire

// StaticTableSize is the number of entries in the static table.
const StaticTableSize = 99

// StaticEntry returns an entry of the static table (RFC 9204 Appendix A). ok is
// false if there is none at index.
func StaticEntry(index uint64) (name, value string, ok bool) {
	if index >= StaticTableSize {
		return "", "", false
	}
	e := &staticTable[index]
	return e.name, e.value, true
}

// StaticMatch says how much of a field line the static table holds.
type StaticMatch uint8

// The degrees of a match.
const (
	NoMatch   StaticMatch = iota
	NameMatch             // the name, with another value
	FullMatch             // name and value
)

// StaticIndex looks a field line up in the static table. For NameMatch the
// index is the lowest with that name, which has the shortest encoding.
func StaticIndex(name, value string) (index uint64, match StaticMatch) {
	if len(name) < minStaticName {
		return 0, NoMatch
	}
	g := &staticGroups[staticHash(name)]
	if g.name != name {
		return 0, NoMatch
	}
	for _, i := range g.entries {
		if staticTable[i].value == value {
			return uint64(i), FullMatch
		}
	}
	return uint64(g.entries[0]), NameMatch
}

type staticEntry struct{ name, value string }

// staticGroup is the entries that share a name.
type staticGroup struct {
	name    string
	entries []uint8
}

// minStaticName is the length of the shortest name in the table, "age".
const minStaticName = 3

// staticHash is perfect for the 52 names of the table: each has a group of its
// own. The multipliers were found by search.
func staticHash(name string) uint {
	n := len(name)
	return (uint(n)*71 + uint(name[0])*39 + uint(name[n-1])*86 + uint(name[n-3])*60) & 127
}

var staticGroups = func() (groups [128]staticGroup) {
	for i := range staticTable {
		g := &groups[staticHash(staticTable[i].name)]
		if g.name != "" && g.name != staticTable[i].name {
			panic("qpackwire: the static table's hash is not perfect")
		}
		g.name = staticTable[i].name
		g.entries = append(g.entries, uint8(i))
	}
	return groups
}()

// staticTable is RFC 9204 Appendix A.
var staticTable = [StaticTableSize]staticEntry{
	{":authority", ""}, // 0
	{":path", "/"},
	{"age", "0"},
	{"content-disposition", ""},
	{"content-length", "0"},
	{"cookie", ""},
	{"date", ""},
	{"etag", ""},
	{"if-modified-since", ""},
	{"if-none-match", ""},
	{"last-modified", ""}, // 10
	{"link", ""},
	{"location", ""},
	{"referer", ""},
	{"set-cookie", ""},
	{":method", "CONNECT"},
	{":method", "DELETE"},
	{":method", "GET"},
	{":method", "HEAD"},
	{":method", "OPTIONS"},
	{":method", "POST"}, // 20
	{":method", "PUT"},
	{":scheme", "http"},
	{":scheme", "https"},
	{":status", "103"},
	{":status", "200"},
	{":status", "304"},
	{":status", "404"},
	{":status", "503"},
	{"accept", "*/*"},
	{"accept", "application/dns-message"}, // 30
	{"accept-encoding", "gzip, deflate, br"},
	{"accept-ranges", "bytes"},
	{"access-control-allow-headers", "cache-control"},
	{"access-control-allow-headers", "content-type"},
	{"access-control-allow-origin", "*"},
	{"cache-control", "max-age=0"},
	{"cache-control", "max-age=2592000"},
	{"cache-control", "max-age=604800"},
	{"cache-control", "no-cache"},
	{"cache-control", "no-store"}, // 40
	{"cache-control", "public, max-age=31536000"},
	{"content-encoding", "br"},
	{"content-encoding", "gzip"},
	{"content-type", "application/dns-message"},
	{"content-type", "application/javascript"},
	{"content-type", "application/json"},
	{"content-type", "application/x-www-form-urlencoded"},
	{"content-type", "image/gif"},
	{"content-type", "image/jpeg"},
	{"content-type", "image/png"}, // 50
	{"content-type", "text/css"},
	{"content-type", "text/html; charset=utf-8"},
	{"content-type", "text/plain"},
	{"content-type", "text/plain;charset=utf-8"},
	{"range", "bytes=0-"},
	{"strict-transport-security", "max-age=31536000"},
	{"strict-transport-security", "max-age=31536000; includesubdomains"},
	{"strict-transport-security", "max-age=31536000; includesubdomains; preload"},
	{"vary", "accept-encoding"},
	{"vary", "origin"}, // 60
	{"x-content-type-options", "nosniff"},
	{"x-xss-protection", "1; mode=block"},
	{":status", "100"},
	{":status", "204"},
	{":status", "206"},
	{":status", "302"},
	{":status", "400"},
	{":status", "403"},
	{":status", "421"},
	{":status", "425"}, // 70
	{":status", "500"},
	{"accept-language", ""},
	{"access-control-allow-credentials", "FALSE"},
	{"access-control-allow-credentials", "TRUE"},
	{"access-control-allow-headers", "*"},
	{"access-control-allow-methods", "get"},
	{"access-control-allow-methods", "get, post, options"},
	{"access-control-allow-methods", "options"},
	{"access-control-expose-headers", "content-length"},
	{"access-control-request-headers", "content-type"}, // 80
	{"access-control-request-method", "get"},
	{"access-control-request-method", "post"},
	{"alt-svc", "clear"},
	{"authorization", ""},
	{"content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"},
	{"early-data", "1"},
	{"expect-ct", ""},
	{"forwarded", ""},
	{"if-range", ""},
	{"origin", ""}, // 90
	{"purpose", "prefetch"},
	{"server", ""},
	{"timing-allow-origin", "*"},
	{"upgrade-insecure-requests", "1"},
	{"user-agent", ""},
	{"x-forwarded-for", ""},
	{"x-frame-options", "deny"},
	{"x-frame-options", "sameorigin"},
}
