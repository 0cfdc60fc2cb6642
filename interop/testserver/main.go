// Command testserver is quicpro's HTTP/3 server with the site that the page
// and the foreign clients of this module want: /blob?n=N, POST /echo,
// /report?TEXT and the files of a directory.
//
//	go run ./testserver -addr 127.0.0.1:4433 -cert leaf.pem -key key.pem -dir www
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"quicpro/api"
	"quicpro/engine"
	"quicpro/interop/site"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:4433", "UDP address to listen on")
	cert := flag.String("cert", "leaf.pem", "certificate chain, PEM")
	key := flag.String("key", "key.pem", "private key, PEM")
	dir := flag.String("dir", "www", "directory whose files are served")
	keys := flag.Int("keys", 0, "packets with the same 1-RTT keys; 0: as many as usual")
	qlogs := flag.String("qlog", "", "directory for qlog files")
	flag.Parse()

	srv := &api.Server{Addr: *addr, Handler: site.Handler(*dir), QlogDir: *qlogs}
	if *keys > 0 {
		srv.Engine = engine.New(engine.Options{Tune: func(l *engine.Limits) { l.KeyPhasePackets = *keys }})
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := srv.Shutdown(grace); err != nil {
			_ = srv.Close()
		}
	}()
	log.Printf("testserver (quicpro) on https://%s/", *addr)
	if err := srv.ListenAndServeTLS(*cert, *key); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Fatalf("testserver: %v", err)
	}
	<-ended
	if srv.Engine != nil {
		_ = srv.Engine.Close() // the server has said what there was to say
	}
}
