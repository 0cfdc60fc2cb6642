package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/pflag"

	"quicpro/api"
)

// shutdownGrace is how long running requests get after Ctrl-C.
const shutdownGrace = 10 * time.Second

type serveFlags struct {
	addr, cert, key string
	qlogDir         string
	verbose         bool
	dir             string
}

func parseServe(args []string) (*serveFlags, *pflag.FlagSet, error) {
	f := &serveFlags{}
	fs := newFlagSet("serve")
	fs.StringVar(&f.addr, "addr", "127.0.0.1:4433", "UDP `address` to listen on; :4433 is every address of this machine, port 0 any free port")
	fs.StringVar(&f.cert, "cert", "", "certificate chain, PEM `file`; without it a throwaway one is made")
	fs.StringVar(&f.key, "key", "", "private key, PEM `file`")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log every request on standard error")
	fs.StringVar(&f.qlogDir, "qlog", "", "write a qlog file a connection into this `directory`")
	if err := parse(fs, args); err != nil {
		return nil, fs, err
	}
	switch {
	case fs.NArg() != 1:
		return nil, fs, usage("serve", "want one directory to serve, not %d", fs.NArg())
	case (f.cert == "") != (f.key == ""):
		return nil, fs, usage("serve", "--cert and --key belong together")
	}
	if _, port, err := net.SplitHostPort(f.addr); err != nil || (port != "0" && !isPort(port)) || port == "" {
		return nil, fs, usage("serve", "--addr %q: want HOST:PORT or :PORT", f.addr)
	}
	f.dir = fs.Arg(0)
	return f, fs, nil
}

// serve serves the files of a directory until Ctrl-C.
func (a *app) serve(ctx context.Context, args []string) int {
	f, fs, err := parseServe(args)
	if err != nil {
		return a.refuse(fs, "serve [options] DIR", err)
	}
	// Nothing outside the directory can be reached, by .. or by symbolic link.
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return a.fail(wrapf(exitRead, err, "Cannot serve %s: %s; want a readable directory", f.dir, fileReason(err)))
	}
	defer root.Close()
	if fail := makeDir(f.qlogDir); fail != nil {
		return a.fail(fail)
	}
	conf, fail := serverTLS(f)
	if fail != nil {
		return a.fail(fail)
	}
	if keyLog := a.logKeys(conf); keyLog != nil {
		defer keyLog.Close()
	}
	socket, err := net.ListenPacket("udp", f.addr)
	if err != nil {
		return a.fail(wrapf(exitProtocol, err, "Cannot listen on %s: %s; choose another --addr", f.addr, plain(err)))
	}
	var handler http.Handler = http.FileServerFS(root.FS())
	if f.verbose {
		handler = accessLog(handler, a.stderr)
	}
	srv := &api.Server{Addr: f.addr, Handler: handler, TLSConfig: conf, ErrorLog: log.New(a.stderr, "quicpro: ", 0), QlogDir: f.qlogDir}
	fmt.Fprint(a.stdout, announce(f, conf, socket.LocalAddr().(*net.UDPAddr)))
	return a.serveUntil(ctx, srv, socket)
}

// serveUntil runs srv until ctx ends, then lets running requests finish.
func (a *app) serveUntil(ctx context.Context, srv *api.Server, socket net.PacketConn) int {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(socket) }()
	select {
	case err := <-ended:
		_ = srv.Close()
		return a.fail(wrapf(exitQUIC, err, "The server ended: %s", plain(err)))
	case <-ctx.Done():
	}
	fmt.Fprintln(a.stdout, "Finishing running requests; Ctrl-C again ends at once")
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		_ = srv.Close()
	}
	if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return a.fail(wrapf(exitQUIC, err, "The server ended: %s", plain(err)))
	}
	return exitOK
}

func serverTLS(f *serveFlags) (*tls.Config, *failure) {
	var pair tls.Certificate
	if f.cert != "" {
		var fail *failure
		if pair, fail = loadPair(f.cert, f.key); fail != nil {
			return nil, fail
		}
	} else {
		var err error
		if pair, err = api.ThrowawayCertificate(throwawayNames(f.addr)...); err != nil {
			return nil, wrapf(exitTLS, err, "Cannot make a throwaway certificate: %s; give one with --cert and --key", plain(err))
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}, nil
}

// throwawayNames are the names by which a client on this machine or beside it may call the server.
func throwawayNames(addr string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		names = append(names, host)
	}
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host != "" && host != "localhost" && (ip == nil || !ip.IsUnspecified() && !ip.IsLoopback()) {
		names = append(names, host)
	}
	return names
}

// announce says how to reach the server, with the very command.
func announce(f *serveFlags, conf *tls.Config, at *net.UDPAddr) string {
	host := at.IP.String()
	if at.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	addr := net.JoinHostPort(host, fmt.Sprint(at.Port))
	if f.cert == "" {
		return fmt.Sprintf("Serving %s at https://%s/ (HTTP/3 only, UDP %s, throwaway certificate)\nFetch from it:  quicpro get -k https://%s/\n",
			f.dir, addr, at, addr)
	}
	command := "quicpro get https://" + addr + "/"
	if leaf := conf.Certificates[0].Leaf; leaf != nil && leaf.VerifyHostname(host) != nil && len(leaf.DNSNames) > 0 {
		url := fmt.Sprintf("https://%s:%d/", leaf.DNSNames[0], at.Port)
		command = fmt.Sprintf("quicpro get --connect-to ::%s %s", addr, url)
	}
	return fmt.Sprintf("Serving %s at https://%s/ (HTTP/3 only, UDP %s)\nFetch from it:  %s\n(with --cacert FILE if the certificate's CA is your own, or -k)\n",
		f.dir, addr, at, command)
}

// accessLog writes a line a request in the common log format, with the time it took.
func accessLog(next http.Handler, w io.Writer) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		started := time.Now()
		logged := &loggedResponse{ResponseWriter: rw, status: http.StatusOK}
		defer func() {
			fmt.Fprintf(w, "%s - - [%s] %q %d %d %v\n", r.RemoteAddr, started.Format("02/Jan/2006:15:04:05 -0700"),
				r.Method+" "+r.RequestURI+" "+r.Proto, logged.status, logged.bytes, time.Since(started).Round(time.Microsecond))
		}()
		next.ServeHTTP(logged, r)
	})
}

type loggedResponse struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap is for http.ResponseController.
func (l *loggedResponse) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *loggedResponse) WriteHeader(status int) {
	if status >= 200 {
		l.status = status
	}
	l.ResponseWriter.WriteHeader(status)
}

func (l *loggedResponse) Write(p []byte) (int, error) {
	n, err := l.ResponseWriter.Write(p)
	l.bytes += int64(n)
	return n, err
}

// ReadFrom keeps the server's fast way for files.
func (l *loggedResponse) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(l.ResponseWriter, src)
	l.bytes += n
	return n, err
}
