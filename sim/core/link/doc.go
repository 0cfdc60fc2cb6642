// Package link is the emulated network of the simulator, as values: links with queues and faults, and the paths of them.
//
// Owns:      Link       one direction of one link: rate, queue, its faults, and what it holds back to be overtaken
// Owns:      Network    hosts, NATs, shared bottlenecks, and the datagrams that are on their way between them
// Receives:  Send       a datagram and the virtual time; the bytes are copied once, on entry to the network
// Receives:  Advance    the virtual time: what has arrived by then is handed out
// Sends:     Delivery   what a host receives, with bytes that the host gives back by Release
// Sends:     Event      every datagram as it enters and leaves a link, with its verdict, to a tap
//
// Nothing here starts a goroutine or reads a clock, and all chance is draw's: whether something happens to a datagram is
// asked by the link's name, the number of the datagram on that link, and the fault. A fault that is taken away, or imposed
// by a replay, hence leaves the others as they were. What happens to a datagram on the wire is decided behind the queue:
// also a lost one has taken its time on the link, so that its neighbours' times are the same with and without the loss.
//
// A datagram meets, in this order: an outage, the MTU, the policer, the queue and its AQM; then as it leaves the queue an
// outage again, targets, independent loss and bursts; and if it survives corruption, duplication, CE marks, the rewriting
// of the ECN field, delay, jitter and reordering.
//
// The decisions, with the place and the number of each:
//
//	link #DATAGRAM    lost, burst, corrupt, twice, late, marked
//	link #ENTRY       outage, mtu, change, target: the entry of the list in Config, from 0, as a datagram first meets it
//	link #0           jitter, bleach, remark: for the whole run
//	host nat #REBIND  rebind
//
// Tail drops, AQMs, policers and a constant MTU are no decisions: they follow from what is sent.
//
// All sizes are those of UDP payloads, the numbers that QUIC calls datagram sizes; headers of UDP and IP weigh nothing.
package link
