// Command cclab is the laboratory of the congestion controllers: it runs each in whole connections, through the engine and
// HTTP/3, over a published set of simulated networks, and shows what became of it.
//
//	go run ./sim/cclab                          all scenarios, all controllers: a table
//	go run ./sim/cclab -out plots               and an SVG file for each scenario
//	go run ./sim/cclab -scenario bulk,policer -controller cubic -runs 5
//	go run ./sim/cclab -list                    what the scenarios are
//
// Owns:      Scenarios   the networks and the flows over them
// Receives:  each sender's port.Trace, and every datagram at the bottleneck
// Sends:     a table and plots
// Dies:      with the last scenario
//
// A run takes virtual time, and is the same each time: only the seed, which -runs counts up from 1, changes what is lost.
// Numbers are the medians of the runs. The model peer judges every run; one that breaks a rule ends the program.
//
// Sizes and rates are those of UDP payloads on links, and of bodies as goodput.
package main
