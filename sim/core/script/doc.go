// Package script runs scripted workloads through engine and HTTP/3 under one seed, outside "go test" and without a
// goroutine: clients and handlers are scripts that the world's executor calls when there is mail for them.
//
// Owns:      World        one run: hosts with engines, the requests between them, the model peer that judges them
// Owns:      Profile      a named range of links, faults and workloads, from which a seed draws a run
// Receives:  a seed, a Profile, and, in a replay, the decisions that are to happen
// Sends:     Outcome      the hash of the run, what was counted, and the first thing that went wrong
// Dies:      with Run; then every engine must be empty
//
// What is checked in every run: each room's own Check after each of its steps; the model peer (package oracle) on every
// packet and frame of both sides; every byte of every body; that each request ends exactly once, and as it should; that
// nothing is left when all is closed; and that no engine logs a trouble.
//
// TLS draws its random numbers from the seed too, on a classic curve and with Ed25519 certificates. Go heeds a tls.Config's
// Rand only under GODEBUG=cryptocustomrand=1: see TLSIsSeeded. Without it a run is the same but for bytes, and its hash
// another each time.
//
// The decisions of a workload, beside those of links, hosts and the schedule:
//
//	workload #REQUEST  asked, cancelled, slow, stalled: of the request with that number
//	crashes #NUMBER    crash, pause: of the server
//	goodbyes #NUMBER   goodbye: a GOAWAY of the server
package script
