package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"quicpro/api"
	"quicpro/interop/site"
)

// Whoever of us sends bulk begins key updates (RFC 9001 s6), and quic-go says that it has followed. It begins one itself after 100 packets,
// and would begin the next after 100,000.
func TestKeysAreUpdatedUnderWay(t *testing.T) {
	const size = 90_000_000 // 63,000 datagrams of 1,452 bytes: one update of ours, or more
	t.Run("quic-go downloads", func(t *testing.T) {
		var theirs keyUpdates
		ours := t.TempDir()
		p := pair{client: quicgo, server: quicpro}
		p.server.server = func(h http.Handler, conf *tls.Config) httpServer {
			return &api.Server{Handler: h, TLSConfig: conf, QlogDir: ours}
		}
		p.client.client = func(conf *tls.Config) httpClient {
			return &http3.Transport{TLSClientConfig: conf, QUICConfig: &quic.Config{Tracer: theirs.tracer}}
		}
		t.Run("transfer", func(t *testing.T) { // its end closes both, and the logs with them
			client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, site.Blob(size)) })
			wantBlob(t, do(t, client, request(t, http.MethodGet, url, nil)).Body, size)
		})
		theirs.want(t, ours)
	})
	t.Run("quic-go is uploaded to", func(t *testing.T) {
		var theirs keyUpdates
		ours := t.TempDir()
		p := pair{client: quicpro, server: quicgo}
		p.client.client = func(conf *tls.Config) httpClient {
			return &api.Transport{TLSClientConfig: conf, QlogDir: ours}
		}
		p.server.server = func(h http.Handler, conf *tls.Config) httpServer {
			return &http3.Server{Handler: h, TLSConfig: conf, QUICConfig: &quic.Config{Tracer: theirs.tracer}}
		}
		t.Run("transfer", func(t *testing.T) {
			client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) { wantBlob(t, r.Body, size) })
			if resp := do(t, client, request(t, http.MethodPost, url, site.Blob(size))); resp.StatusCode != http.StatusOK {
				t.Errorf("status %s", resp.Status)
			}
		})
		theirs.want(t, ours)
	})
}

// keyUpdates counts the key updates that quic-go tells, by who began them. It is its Trace and its Recorder.
type keyUpdates struct {
	mu            sync.Mutex
	remote, local int
}

func (k *keyUpdates) tracer(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return k }
func (k *keyUpdates) AddProducer() qlogwriter.Recorder                                 { return k }
func (k *keyUpdates) Close() error                                                     { return nil }

func (k *keyUpdates) RecordEvent(e qlogwriter.Event) {
	u, ok := e.(qlog.KeyUpdated)
	if !ok || u.KeyType != qlog.KeyTypeServer1RTT {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch u.Trigger {
	case qlog.KeyUpdateRemote:
		k.remote++
	case qlog.KeyUpdateLocal:
		k.local++
	}
}

var updated = regexp.MustCompile(`"name":"quic:key_updated","data":{"key_type":"(client|server)_1rtt_secret","key_phase":[0-9]+,"trigger":"(local|remote)_update"`)

// want wants that quic-go has followed updates, and that the one qlog of ours tells of the same updates in both directions.
func (k *keyUpdates) want(t *testing.T, dir string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("qlogs %q, %v", files, err)
	}
	log, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]int{}
	for _, m := range updated.FindAllSubmatch(log, -1) {
		ours[string(m[1])+" "+string(m[2])]++
	}
	t.Logf("quic-go followed %d key updates and began %d; our log of %d MB says %v", k.remote, k.local, len(log)/1_000_000, ours)
	if k.remote == 0 || k.local == 0 {
		t.Errorf("quic-go followed %d key updates and began %d, want at least one of each", k.remote, k.local)
	}
	if bytes.Contains(log, []byte("events_missing")) {
		t.Log("the disk was too slow for our log, which is not compared")
		return
	}
	if want := map[string]int{"client local": k.remote, "server local": k.remote, "client remote": k.local, "server remote": k.local}; !maps.Equal(ours, want) {
		t.Errorf("our log says that keys were updated %v, want %v", ours, want)
	}
}
