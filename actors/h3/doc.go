// Package h3 maps requests to streams: HTTP/3 for both roles (RFC 9114).
//
// Owns:      requests     a row for each: what came of its message, what the app was told, what is still to be sent
// Owns:      waiting      requests of ours without a stream, in order; at most Limits.Streams
// Owns:      control      our critical streams, the peer's, its SETTINGS
// Owns:      goodbye      GOAWAY either way
// Receives:  Read         bytes, ends and room of a stream; one in flight a stream, merged
// Receives:  StreamWake   a stream freed its slot; one place a stream
// Receives:  Connected    the handshake is complete; once
// Receives:  StreamCredit how many streams of our own may be opened; one
// Receives:  Open         a request of ours; one an exchange
// Receives:  Send         the next part of our message; one an exchange
// Receives:  Taken        the app has used its Delivery up; one an exchange
// Receives:  Cancel       an exchange ends early, or its handler has returned; one an exchange
// Receives:  Goodbye      finish what runs, then close; one
// Receives:  Fired        a deadline may have come; one
// Receives:  Stop         the connection died
// Sends:     Write        to a stream: bytes, ends and credit, and that all is said, or will be with the peer's end; one in flight, merged
// Sends:     Wake         to a stream, whose Read was freed; one place
// Sends:     CreditTaken  to conn: its StreamCredit was read; one
// Sends:     CloseOrder   to conn: a violation of the peer, and the end of a goodbye; one each
// Sends:     Delivery     to the app: the next part of a message; one an exchange, and the last
// Sends:     Sent         to the app: the answer to a Send; one an exchange, and the last
// Dies:      at Stop, when every waiter was answered
// RFC:       9114; 9204 sections 4.2 to 4.4 with a capacity of 0; 9218 section 7.2 (checked, not followed)
//
// The shell (actor.go) and the rows (lane.go, request.go) say who is told what; message.go and fields.go are the pure
// judges of what a peer sent.
//
// Body bytes are not copied: a Delivery lends the app the chunks that the stream room filled. Only crumbs are put
// together, so that small DATA frames do not pin large chunks. Every received byte is reported as taken exactly once:
// bytes of a body when the app has used them up, all others as soon as they are read. What is taken waits for company,
// up to the stream's share of half the connection's window.
package h3
