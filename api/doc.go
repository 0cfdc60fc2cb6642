// Package api is quicpro's blocking face: HTTP/3 with the types of net/http.
//
// A client needs nothing but a request:
//
//	req, _ := http.NewRequest("GET", "https://example.com/", nil)
//	resp, err := api.Do(req)
//
// Client adds a time limit and TLS settings. Transport is an http.RoundTripper, so that http.Client, with its redirects
// and cookies, and everything built on it work over HTTP/3. Server runs any http.Handler. Demo starts both on loopback:
//
//	demo, _ := api.Demo(http.FileServer(http.Dir(".")))
//	defer demo.Close()
//	resp, err := demo.Client.Get(ctx, demo.URL+"/index.html")
//
// # What is the same as in net/http, and what is not
//
//   - Bodies stream in both directions at once, without asking for full duplex.
//   - Client and Transport return redirects as they are. An http.Client around a Transport follows them.
//   - Only https URLs are accepted: HTTP/3 has no plaintext form.
//   - One connection to an origin carries all its requests, up to the server's limit; beyond, requests wait for one another.
//   - Ending a request's context, or closing its response's body early, resets its stream. Handlers see it as the end of
//     Request.Context and as an error of Read and Write.
//   - A response of up to 15 KiB, or of one Write of up to 63 KiB, that ends without a Flush goes out in one piece with its
//     Content-Length.
//   - The deadlines of http.ResponseController work: past one, Read or Write fails with os.ErrDeadlineExceeded. A response
//     whose writing has failed is reset.
//   - Trailers both ways, informational responses, Request.TLS, Response.TLS, http.MaxBytesReader and http.LocalAddrContextKey
//     work; of httptrace GotConn, WroteRequest, GotFirstResponseByte and Got1xxResponse. http.ServerContextKey is not set.
//   - A Server has no time limit for requests or responses, but for a request's head: set deadlines by http.ResponseController.
//   - What a goroutine that the handler has left behind writes to its ResponseWriter is an error, and is in no response.
//   - Hijacking and Upgrade do not exist in HTTP/3: such fields of a request are dropped.
//
// # Errors
//
// Do returns *url.Error around one of these, for errors.Is and errors.As. Errors of Body.Read are these themselves, without
// *url.Error; once the context was cancelled with a cause (context.WithCancelCause), Read returns that cause as it is:
//
//	ErrTimeout, net.Error      no answer in time: dial, handshake, request, or a connection gone silent
//	ErrRefused, ECONNREFUSED   nobody listens on that port
//	*net.DNSError              the host's name does not resolve
//	*CertificateError          the peer's certificate was not accepted; x509's own errors lie beneath
//	*TLSError                  any other failure of the handshake, with its alert
//	*VersionError              no common version of QUIC
//	*StreamError               this request was ended, with a code
//	*HeaderTooLargeError       a *StreamError whose cause is a header or trailers beyond what their receiver accepts
//	*ConnectionError           the connection ended: code, reason, and by whom
//	ErrClosed                  the Client, Transport, Server or Engine was closed on this side
//	context.Canceled, ...      the cause of the request's context
//
// A refused dial, an idle timeout and an engine closed here are *ConnectionErrors too, so that the more special ones are
// asked for first:
//
//	var cert *api.CertificateError
//	var reset *api.StreamError
//	var conn *api.ConnectionError
//	switch {
//	case errors.Is(err, api.ErrTimeout):
//	case errors.Is(err, api.ErrRefused):
//	case errors.As(err, &cert):
//	case errors.As(err, &reset): // reset.Code, reset.Remote
//	case errors.Is(err, api.ErrClosed):
//	case errors.As(err, &conn): // conn.Code, conn.Remote
//	}
package api
