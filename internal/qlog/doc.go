// Package qlog turns the events of one connection (port.Trace) into text: a qlog file, or debug lines of log/slog.
//
// A qlog file is a JSON text sequence (RFC 7464): records that begin with an ASCII Record Separator and end with a line
// feed. The first describes the trace, every other one is an event. The schemas are those of draft-ietf-quic-qlog:
// main-schema, quic-events and h3-events.
//
// A log tells what a connection said, stream payload excepted: field values, reset tokens and address tokens are in it.
// Whoever reads it can, while the connection lives, end it. The values of fields that are never indexed and of those
// that carry credentials are left out.
package qlog
