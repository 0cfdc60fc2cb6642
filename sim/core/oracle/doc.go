// Package oracle is a model peer: it judges a QUIC connection by what its port.Trace says alone, and keeps state of its own
// for that. It shares no code with the rooms but the frame parsers of wire.
//
// Owns:      Book         one a run: the sides of its connections, paired by original connection ID, and the violations found
// Owns:      Side         the model of one side: packets sent and received, credit both ways, stream contents, IDs, HTTP/3
// Receives:  port.Trace   every call of the rooms' tap; Side is one
// Receives:  Check        now and then: what has not happened in time, and what both sides must agree on
// Receives:  Finish       at the end of a run
// Sends:     Violation    the rule, the side, when, and what, with numbers; Book.Fault is the first
// Sends:     Stats        which packets and frames were sent, lost and sent again, and why packets were dropped
// Dies:      with the run
//
// The rules are in rules.go. Most look at what a side sends, and take as known what that side has received: so they hold
// against any peer and any network. Those that compare both sides can be switched off with Side.Hostile when somebody
// rewrites packets under valid keys. Nothing that a trace says makes the package panic.
//
// A Book is not safe for several goroutines: a simulated run has one.
package oracle
