package main

import (
	"net/url"
	"testing"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"site.test":                    "https://site.test/",
		"site.test:4433/a?b=c":         "https://site.test:4433/a?b=c",
		"HTTPS://Site.test":            "https://Site.test/",
		"https://[::1]:4433":           "https://[::1]:4433/",
		"https://me:pw@site.test:/x":   "https://me:pw@site.test/x",
		"https://site.test/%2f/%20?a=": "https://site.test/%2f/%20?a=",
	} {
		u, fail := parseURL(raw)
		if fail != nil {
			t.Errorf("%s: %v", raw, fail)
		} else if u.String() != want {
			t.Errorf("%s: got %s, want %s", raw, u, want)
		}
	}
}

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		name               string
		connectTo, resolve []string
		url, want          string
		routed             bool
	}{
		{"none", nil, nil, "https://site.test/", "site.test:443", false},
		{"any origin", []string{"::127.0.0.1:4433"}, nil, "https://site.test/", "127.0.0.1:4433", true},
		{"host only", []string{"site.test:443:other.test:"}, nil, "https://site.test/", "other.test:443", true},
		{"port only", []string{"site.test::" + ":8443"}, nil, "https://site.test:1/", "site.test:8443", true},
		{"other host", []string{"other.test:443:127.0.0.1:1"}, nil, "https://site.test/", "site.test:443", false},
		{"other port", []string{"site.test:444:127.0.0.1:1"}, nil, "https://site.test/", "site.test:443", false},
		{"first match", []string{"site.test:443:a:1", "::b:2"}, nil, "https://site.test/", "a:1", true},
		{"IPv6 both sides", []string{"[::1]:443:[::2]:4433"}, nil, "https://[::1]/", "[::2]:4433", true},
		{"letter case", []string{"SITE.test:443:a:1"}, nil, "https://Site.TEST/", "a:1", true},
		{"resolve", nil, []string{"site.test:443:127.0.0.1"}, "https://site.test/", "127.0.0.1:443", true},
		{"resolve IPv6", nil, []string{"site.test:443:::1"}, "https://site.test/", "[::1]:443", true},
		{"resolve IPv6 in brackets", nil, []string{"site.test:443:[::1]"}, "https://site.test/", "[::1]:443", true},
		{"resolve list", nil, []string{"site.test:443:127.0.0.1,127.0.0.2"}, "https://site.test/", "127.0.0.1:443", true},
		{"resolve any host", nil, []string{"*:443:127.0.0.1"}, "https://site.test/", "127.0.0.1:443", true},
		{"resolve other port", nil, []string{"site.test:444:127.0.0.1"}, "https://site.test/", "site.test:443", false},
		{"resolve after connect-to", []string{"::other.test:1"}, []string{"other.test:1:127.0.0.9"}, "https://site.test/", "127.0.0.9:1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, fail := parseRoutes(c.connectTo, c.resolve)
			if fail != nil {
				t.Fatal(fail)
			}
			u, err := url.Parse(c.url)
			if err != nil {
				t.Fatal(err)
			}
			if got, routed := r.apply(u); got != c.want || routed != c.routed {
				t.Errorf("got %s %v, want %s %v", got, routed, c.want, c.routed)
			}
		})
	}
}

func TestRemoteName(t *testing.T) {
	for raw, want := range map[string]string{
		"https://site.test/a/file.bin?x=y": "file.bin",
		"https://site.test/..%2f..%2fetc":  "..%2f..%2fetc",
		"https://site.test/a%20b":          "a%20b",
		"https://site.test/dir/":           "",
		"https://site.test/c:x":            "",
		`https://site.test/a\b`:            "a%5Cb",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := remoteName(u); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}
