package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"quicpro/engine"
)

// DefaultClient is the client of Do and Get: the system's certificate authorities, no time limit but the dial's. A
// program may replace it, or set its fields, before others use it.
var DefaultClient = &Client{}

// Do sends a request over HTTP/3 with DefaultClient and returns the response, whatever its status. No redirect is
// followed. The response's body must be closed.
func Do(req *http.Request) (*http.Response, error) { return DefaultClient.Do(req) }

// Get is a GET with DefaultClient; see Client.Get.
func Get(ctx context.Context, rawURL string, query ...url.Values) (*http.Response, error) {
	return DefaultClient.Get(ctx, rawURL, query...)
}

// Client makes requests. Its zero value is ready; any number of goroutines may share it. Fields must not be changed
// after the first request. It keeps one connection to each origin of its own, also where several Clients share an Engine.
// For redirects and cookies use an http.Client with a Transport.
type Client struct {
	// TLS is the client side of every handshake, which is TLS 1.3 whatever MinVersion and MaxVersion say; see
	// LoadClientTLS. The server's name is taken from the URL unless set. NextProtos must be empty or contain "h3".
	TLS *tls.Config

	// Timeout bounds a request from the call to the last byte of the response's body. 0 means no bound.
	Timeout time.Duration

	// ConnectTo, "host:port", is dialed whatever the URL says. Either part may be empty (":4434"): the URL's is used.
	ConnectTo string

	// DialTimeout bounds name resolution and handshake together. 0 means 10 s.
	DialTimeout time.Duration

	// IdleTimeout ends a connection on which nothing happens; see Transport.IdleTimeout. 0 means 30 s.
	IdleTimeout time.Duration

	// DisableCompression switches off the transparent "Accept-Encoding: gzip".
	DisableCompression bool

	// Logger hears about connections, at slog.LevelDebug: each line has role, connection (its ID) and remote (the peer). nil is silence.
	Logger *slog.Logger

	// QlogDir, if not empty, gets one qlog file for each connection: ID_client.sqlog, where ID is the connection's original destination
	// ID, the same at both ends and in Logger's lines. A second one of that ID is ID_client_TIME.sqlog. The directory must exist;
	// otherwise the engine's Logger (engine.Options) is told and the connection goes on.
	QlogDir string

	// Engine runs the connections; nil is the one that the whole program shares. Closing the Client does not close it:
	// whoever made it calls Engine.Close.
	Engine *engine.Engine

	once      sync.Once
	transport *Transport
}

// Do sends a request and returns the response, whatever its status: redirects are not followed. The response's body
// must be closed. Errors are *url.Error around those of this package; those of the body's Read come without it.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if req.URL == nil {
		closeBody(req.Body)
		return nil, errors.New("api: the request has no URL: make requests with http.NewRequest")
	}
	t := c.shared()
	if u := req.URL.User; u != nil && req.Header.Get("Authorization") == "" {
		password, _ := u.Password()
		req = req.Clone(req.Context())
		if req.Header == nil {
			req.Header = make(http.Header)
		}
		req.SetBasicAuth(u.Username(), password)
	}
	var resp *http.Response
	var err error
	if c.Timeout > 0 {
		what := &timeoutError{what: fmt.Sprintf("not finished within Client.Timeout (%v)", c.Timeout), err: context.DeadlineExceeded}
		ctx, cancel := context.WithTimeoutCause(req.Context(), c.Timeout, what)
		if resp, err = t.roundTrip(req.WithContext(ctx), cancel); err != nil {
			cancel()
		}
	} else {
		resp, err = t.roundTrip(req, nil)
	}
	if err != nil {
		return nil, &url.Error{Op: operation(req.Method), URL: req.URL.Redacted(), Err: err}
	}
	return resp, nil
}

// Get sends a GET. Query parameters are added to those of the URL.
func (c *Client) Get(ctx context.Context, rawURL string, query ...url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	for _, q := range query {
		encoded := q.Encode() // sorted by key
		if req.URL.RawQuery != "" && encoded != "" {
			encoded = "&" + encoded
		}
		req.URL.RawQuery += encoded
	}
	return c.Do(req)
}

// Post sends a POST with a body of the given media type.
func (c *Client) Post(ctx context.Context, rawURL, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	return c.Do(req)
}

// CloseIdleConnections closes the connections without a request.
func (c *Client) CloseIdleConnections() { c.shared().CloseIdleConnections() }

// Close ends every connection at once; running requests fail with an error that matches ErrClosed. A closed Client stays closed.
func (c *Client) Close() error { return c.shared().Close() }

// RoundTripper returns the client's transport, for use in an http.Client that shares its connections.
func (c *Client) RoundTripper() *Transport { return c.shared() }

func (c *Client) shared() *Transport {
	c.once.Do(func() {
		c.transport = &Transport{
			TLSClientConfig: c.TLS, ConnectTo: c.ConnectTo, DialTimeout: c.DialTimeout, IdleTimeout: c.IdleTimeout,
			DisableCompression: c.DisableCompression, Logger: c.Logger, QlogDir: c.QlogDir, Engine: c.Engine,
		}
	})
	return c.transport
}

// operation is how url.Error writes a method.
func operation(method string) string {
	if method == "" {
		return "Get"
	}
	return method[:1] + strings.ToLower(method[1:])
}
