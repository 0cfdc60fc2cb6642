// Package picture draws a run: a qlog file of both ends of every connection, a capture with its keys, the decisions, and a
// page that shows all of it over time.
//
// Owns:      Recorder   one a run: its datagrams, its packets, what the rooms said, in bounds; the files of a folder
// Receives:  Tap        every datagram at both ends of every link
// Receives:  Arrived, Unsent, Changed   what happens outside the links (core.Watch)
// Receives:  Trace      the rooms' tap, a port.Trace for each side of each connection
// Receives:  KeyLog     TLS secrets
// Sends:     files      ODCID_ROLE.sqlog as events come; run.pcapng, keys.log, decisions.txt and timeline.html at Finish
// Dies:      with Finish
//
// Everything is called on the run's executor, so that nothing is locked, and nothing asks for chance or for a clock: a run
// that is drawn is the run that is not. The files are the same for equal runs, byte for byte.
//
// Which packets a datagram contains is found without keys: a side reports its packets in the order in which they leave, and
// a connection is known by the IDs that its headers and its NEW_CONNECTION_ID frames show.
package picture
