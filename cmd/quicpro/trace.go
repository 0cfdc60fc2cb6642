package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// dialFacts is what a transfer learns about connecting, for -v and -w. A dial belongs to the request that started it, and
// may outlive it: it is told from other goroutines.
type dialFacts struct {
	mu       sync.Mutex
	resolved time.Duration // since the transfer's start; 0 = not yet, or not needed
	done     time.Duration // handshake complete
	dials    int
	remote   net.Addr
}

// traced makes ctx report connecting, and informational responses (1xx).
func (t *transfer) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			t.dial.mu.Lock()
			t.dial.resolved = t.since()
			t.dial.mu.Unlock()
			for _, addr := range info.Addrs {
				t.note("Resolved to %s", addr.String())
			}
		},
		ConnectStart: func(_, addr string) { t.note("Trying %s", addr) },
		ConnectDone: func(_, addr string, err error) {
			if err != nil {
				t.note("%s failed: %s", addr, plain(err))
				return
			}
			t.dial.mu.Lock()
			t.dial.done = t.since()
			t.dial.dials++
			t.dial.mu.Unlock()
			t.note("Handshake with %s done after %v", addr, t.since().Round(100*time.Microsecond))
		},
		GotConn: func(info httptrace.GotConnInfo) {
			t.dial.mu.Lock()
			t.dial.remote = info.Conn.RemoteAddr()
			t.dial.mu.Unlock()
			t.facts = info.Reused // -v has shown them, or is still to show them
			if info.Reused {
				t.note("On the connection to %s that is there already", info.Conn.RemoteAddr())
			}
		},
		Got1xxResponse: func(status int, header textproto.MIMEHeader) error {
			t.showHead(status, http.Header(header))
			return nil
		},
	})
}

// note writes one fact for -v.
func (t *transfer) note(format string, args ...any) {
	if t.s.flags.verbose {
		fmt.Fprintf(t.s.stderr, "* "+format+"\n", args...)
	}
}

// variable is the value of a %{name} about connecting.
func (d *dialFacts) variable(name string) (value string, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch name {
	case "time_namelookup":
		return seconds(d.resolved), true
	case "time_connect", "time_appconnect": // the same moment in QUIC
		return seconds(d.done), true
	case "num_connects":
		return fmt.Sprint(d.dials), true
	case "remote_ip", "remote_port":
		if d.remote == nil {
			return "", true
		}
		host, port, _ := net.SplitHostPort(d.remote.String())
		if name == "remote_ip" {
			return host, true
		}
		return port, true
	}
	return "", false
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
