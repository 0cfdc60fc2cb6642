// Package wire turns bytes into the values of QUIC version 1 and back:
// variable-length integers, packet numbers, packet headers, frames, transport
// parameters and error codes (RFC 8999, RFC 9000, RFC 9221).
//
// It holds no state and knows no time. Encoders append to the caller's slice;
// decoders return values, and where those hold bytes the bytes alias the
// input. Neither allocates, except for the *Error that ends a connection.
package wire
