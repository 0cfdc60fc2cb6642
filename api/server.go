package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"quicpro/engine"
)

const (
	defaultReadHeaderTimeout = 10 * time.Second
)

// Server serves HTTP/3 to an http.Handler. Fields must not be changed once it serves.
type Server struct {
	// Addr is the UDP address for ListenAndServe and ListenAndServeTLS; empty means ":443". For a free port open one with
	// net.ListenPacket and give it to Serve.
	Addr string

	// Handler answers the requests; nil means http.DefaultServeMux. Each request has a goroutine of its own. If it panics,
	// the client gets a *StreamError with Code 0x102 (H3_INTERNAL_ERROR) and Remote, and the connection lives on;
	// panic(http.ErrAbortHandler) does the same without a line in ErrorLog. A client's reset is seen in Body.Read as a
	// *StreamError with Remote. While the processors are busy, requests of a path whose handlers took more than 0.2 ms of a
	// processor lately begin later than others: by at most as long as they take, or by 10 ms.
	Handler http.Handler

	// TLSConfig holds at least a certificate; TLS 1.3 is spoken whatever MinVersion and MaxVersion say. NextProtos must be
	// empty or contain "h3", which alone is accepted. See LoadServerTLS and ThrowawayCertificate.
	TLSConfig *tls.Config

	// ReadHeaderTimeout is how long the head of a request may take to arrive. 0 means 10 s, negative none.
	ReadHeaderTimeout time.Duration

	// IdleTimeout ends a connection on which nothing happens. A request in progress keeps it alive, however silent; the
	// deadlines of http.ResponseController end those. 0 means 30 s.
	IdleTimeout time.Duration

	// MaxHeaderBytes bounds a request's header section as RFC 9114 s4.2.2 counts. 0 means 64 KiB. Clients that heed it do not
	// send a larger one, ours fail with a *HeaderTooLargeError; others get status 431, and the Handler hears of none. A response
	// whose header the client does not accept becomes a 500: ErrorLog is told, and so is a handler that writes on.
	MaxHeaderBytes int

	// MaxConns bounds the connections of each socket. 0 means 10,000. A client beyond gets a *ConnectionError with Code 0x2
	// (CONNECTION_REFUSED) and Remote; it does not match ErrRefused.
	MaxConns int

	// ErrorLog hears about handlers that panic or break the rules of http.ResponseWriter; nil means the log package's
	// standard logger. A handshake that fails, for want of a client's certificate for instance, is told to Logger only.
	ErrorLog *log.Logger

	// Logger hears about connections, at slog.LevelDebug: each line has role, connection (its ID) and remote (the peer). nil is silence.
	Logger *slog.Logger

	// QlogDir, if not empty, gets one qlog file for each connection: ID_server.sqlog, where ID is the connection's original destination
	// ID, the same at both ends and in Logger's lines. A second one of that ID is ID_server_TIME.sqlog. The directory must exist;
	// otherwise the engine's Logger (engine.Options) is told and the connection goes on.
	QlogDir string

	// ConnContext, if not nil, is called once a request, unlike net/http's, and changes its context. What it returns must be derived
	// from ctx, which ends with the connection.
	ConnContext func(ctx context.Context, remote net.Addr) context.Context

	// Engine runs the connections; nil is the one that the whole program shares. Closing the Server does not close it:
	// whoever made it calls Engine.Close. With engine.Options.ResetKey kept over restarts, clients of a server that crashed
	// notice at once instead of after their idle timeout.
	Engine *engine.Engine

	mu        sync.Mutex
	listeners []*serving
	closed    bool

	pace     pace
	handlers sync.WaitGroup // of those too whose clients have gone: no connection tells of them
}

// serving is one call of Serve.
type serving struct {
	*engine.H3Listener
	done chan struct{} // closed by Shutdown or Close
}

// ListenAndServe serves on Addr until Shutdown or Close, and then returns http.ErrServerClosed.
func (s *Server) ListenAndServe() error {
	if err := checkTLS(s.TLSConfig); err != nil {
		return err
	}
	addr := s.Addr
	if addr == "" {
		addr = ":443"
	}
	serving, err := s.open(nil, addr)
	if err != nil {
		return err
	}
	<-serving.done
	return http.ErrServerClosed
}

// ListenAndServeTLS is ListenAndServe with the certificate chain and key of two PEM files. Both may be empty if
// TLSConfig has a certificate.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	config := s.TLSConfig
	if (certFile == "") != (keyFile == "") {
		return fmt.Errorf("api: ListenAndServeTLS needs both files, the certificate's (%q) and the key's (%q), or neither", certFile, keyFile)
	}
	if certFile != "" || keyFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return fmt.Errorf("api: loading the certificate: %w", err)
		}
		if config = config.Clone(); config == nil {
			config = &tls.Config{}
		}
		config.Certificates = []tls.Certificate{cert}
	}
	s.mu.Lock()
	s.TLSConfig = config
	s.mu.Unlock()
	return s.ListenAndServe()
}

// Serve serves on pc, which it closes at its end, until Shutdown or Close, and then returns http.ErrServerClosed. A
// *net.UDPConn is served at full speed; any other kind works. A nil pc is an error. Addr is not looked at.
func (s *Server) Serve(pc net.PacketConn) error {
	if pc == nil {
		return errors.New("api: Serve was given no socket (nil): the net.ListenPacket before it failed? ListenAndServe listens on Addr")
	}
	serving, err := s.open(pc, "")
	if err != nil {
		_ = pc.Close()
		return err
	}
	<-serving.done
	return http.ErrServerClosed
}

// open starts to serve on pc, or, without one, on addr.
func (s *Server) open(pc net.PacketConn, addr string) (*serving, error) {
	if err := checkTLS(s.TLSConfig); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, http.ErrServerClosed
	}
	l, err := s.listen(pc, addr, s.TLSConfig)
	if err != nil {
		return nil, err
	}
	serving := &serving{H3Listener: l, done: make(chan struct{})}
	s.listeners = append(s.listeners, serving)
	return serving, nil
}

// checkTLS says how to mend a server that nobody could talk to.
func checkTLS(c *tls.Config) error {
	if c == nil || len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return errors.New("api: the server has no certificate: set Server.TLSConfig (api.LoadServerTLS reads PEM files), " +
			"call ListenAndServeTLS, or use api.ThrowawayCertificate for a test")
	}
	return checkProtocols(c)
}

// Shutdown refuses new connections and requests, waits for the running ones, and closes. It waits for their handlers, those too
// whose clients have gone. If ctx ends before, it returns ctx's error; Close then ends the rest. Serve returns
// http.ErrServerClosed as soon as Shutdown begins: main must wait for Shutdown, not for Serve.
//
// A client that dials meanwhile gets a *ConnectionError with Code 0x2 (CONNECTION_REFUSED) and Remote, which does not match
// ErrRefused. Requests that Close cuts off get one with Code 0x100 (H3_NO_ERROR) and Remote, unless the client may send them again
// (see Transport): those get what becomes of the second attempt, ErrRefused mostly.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.end(func(l *serving) error { return l.Shutdown(ctx) }); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { // until they have, whatever becomes of ctx
		s.handlers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends every connection and request at once. Handlers see their contexts end; Close does not wait for them.
func (s *Server) Close() error {
	return s.end(func(l *serving) error { return l.Close() })
}

// end makes every Serve return and ends the sockets side by side.
func (s *Server) end(how func(*serving) error) error {
	listeners := s.stop()
	failures := make([]error, len(listeners))
	var all sync.WaitGroup
	for i, l := range listeners {
		all.Go(func() {
			if failures[i] = how(l); failures[i] == nil {
				s.forget(l)
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

func (s *Server) stop() []*serving {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		for _, l := range s.listeners {
			close(l.done)
		}
	}
	return slices.Clone(s.listeners)
}

func (s *Server) forget(l *serving) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(o *serving) bool { return o == l })
}

// logf writes to ErrorLog.
func (s *Server) logf(format string, args ...any) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}

func (s *Server) readHeaderTimeout() time.Duration {
	switch {
	case s.ReadHeaderTimeout < 0:
		return 0
	case s.ReadHeaderTimeout == 0:
		return defaultReadHeaderTimeout
	}
	return s.ReadHeaderTimeout
}
