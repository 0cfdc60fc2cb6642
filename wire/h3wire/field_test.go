package h3wire

import (
	"strings"
	"testing"
)

func TestFieldNamesAreLowerCaseTokens(t *testing.T) {
	for name, want := range map[string]bool{
		"accept": true, "x-1_2.3~4": true, "!#$%&'*+-.^_`|~": true, "0": true,
		"": false, "Accept": false, "acCept": false, ":path": false, "a b": false, "a\x00": false,
		"a(b": false, "é": false, "a\x7f": false, "a:": false, "a\n": false,
	} {
		if ValidFieldName(name) != want || ValidFieldName([]byte(name)) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
	if !ValidToken("GET") || ValidToken("G T") || ValidToken("") || ValidToken("G\tT") {
		t.Error("a method is a token")
	}
}

func TestFieldValuesAreFieldContent(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "a": true, "a b\tc": true, "\x80\xff obs-text": true, "text/html; q=\"0.1\"": true,
		" a": false, "a ": false, "\ta": false, "a\t": false, " ": false,
		"a\rb": false, "a\nb": false, "a\x00b": false, "a\x01": false, "a\x7fb": false, "a\x1bb": false,
	} {
		if ValidFieldValue(value) != want || ValidFieldValue([]byte(value)) != want {
			t.Errorf("%q: %v, want %v", value, !want, want)
		}
	}
}

// The classes are compared with the ABNF, spelled out anew.
func TestEveryByteHasTheClassOfTheGrammar(t *testing.T) {
	for c := range 256 {
		s := string([]byte{'a', byte(c), 'a'})
		mark := strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		alphaLow, alphaUp, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
		if got, want := ValidToken(s), mark || alphaLow || alphaUp || digit; got != want {
			t.Errorf("token with %#x: %v", c, got)
		}
		if got, want := ValidFieldName(s), mark || alphaLow || digit; got != want {
			t.Errorf("name with %#x: %v", c, got)
		}
		if got, want := ValidFieldValue(s), c >= 0x21 && c <= 0x7e || c >= 0x80 || c == ' ' || c == '\t'; got != want {
			t.Errorf("value with %#x: %v", c, got)
		}
	}
}

func TestConnectionSpecificFieldsAreForbidden(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"connection", "close", true}, {"keep-alive", "1", true}, {"proxy-connection", "", true},
		{"transfer-encoding", "chunked", true}, {"upgrade", "h2c", true},
		{"te", "trailers", false}, {"te", "Trailers", false}, {"te", "gzip", true}, {"te", "", true},
		{"te", "trailers, gzip", true}, {"te", "trailerz", true},
		{"ta", "gzip", false}, {"accept", "x", false}, {"user-agent", "x", false}, {"upgrades", "", false},
		{"connectiom", "", false}, {"proxy-connectiom", "", false}, {"transfer-encodinh", "", false}, {"upgradf", "", false},
	} {
		if ForbiddenField(c.name, c.value) != c.want || ForbiddenField([]byte(c.name), []byte(c.value)) != c.want {
			t.Errorf("%s: %s is %v, want %v", c.name, c.value, !c.want, c.want)
		}
	}
}

func TestCheckingFieldsAllocatesNothing(t *testing.T) {
	name, value := []byte("transfer-encoding"), []byte(strings.Repeat("v", 100))
	if n := testing.AllocsPerRun(100, func() {
		if !ValidFieldName(name) || !ValidFieldValue(value) || !ForbiddenField(name, value) {
			t.Error("misjudged")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
