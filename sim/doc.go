// Package sim runs programs on quicpro against a bad network, from one seed.
//
// A test says which hosts there are, what their links do to datagrams, and what the programs on them do; Run does it, on
// the real api and engine with real TLS, in virtual time. The same seed gives the same run, byte for byte, in every
// process and on any number of processors, so that a failure is found again by its seed:
//
//	func TestDownloadOverALossyLink(t *testing.T) {
//		sim.Run(t, 7, func(w *sim.World) {
//			srv := w.Server("srv", &api.Server{Handler: handler})
//			c := w.Client("cli", sim.Link{Delay: 25 * time.Millisecond, Rate: 20 * sim.Mbit, Loss: 0.01})
//			resp, err := c.Get(w.Context("cli"), srv.URL("/file"))
//			…
//		})
//	}
//
// What the programs must keep to:
//
//  1. Everything runs inside Run's function, or in goroutines that it started. Inside, time is virtual: it passes only
//     when every goroutine waits, and time.Sleep, timers and context deadlines follow it.
//  2. Goroutines that make requests at the same time need identities of their own, from World.Context: the order of calls
//     is a matter of identities and the seed, never of which goroutine came first. A request without an identity has
//     that of its method and URL. Two at once under one identity fail the test.
//  3. Every goroutine that Run's function starts ends, or waits for a context of World.Context, before the function returns.
//  4. The test is not parallel: the random numbers of TLS are the process's.
//  5. A sync.Mutex is not held while a request, a read, a send on a channel or a sleep is waited for: the world would wait
//     for it too, and the test hang until go test's -timeout, whose dump shows a sync.Mutex.Lock.
//  6. Inside, World.T is the test, and contexts come from World.Context: those of the test outside belong to another world. With
//     t.Context() the whole test binary dies of "close of synctest channel from outside bubble".
//  7. Of goroutines that become ready at the same instant, which one is first to use a channel of your own is chance; Verify
//     finds out. What they ask of quicpro is in order by rule 2, and on the channels of package engine if each stream has
//     one goroutine that commands it. Host.Engine, Host.ServerTLS and Host.ClientTLS are for such programs.
//
// Link's fields are those of quicpro/sim/core/link Config (`go doc quicpro/sim/core/link Config`), Clock's those of
// quicpro/sim/core Clock, and a Place asks as quicpro/sim/core/draw Place does.
//
// A test binary that imports sim has flags: -sim.seeds and -sim.workers for Sweep, -sim.shrink for how many of its failed
// seeds are reduced (1), -sim.enough to stop after so many, -sim.hashes to print each seed's hash, -sim.out to draw runs.
//
// A run is drawn, whether it fails or not, by the flag -sim.out or the option Out.
//
// Owns:      the synctest bubble of a run, its certificates and its app tasks
// Receives:  a test's hosts, links, servers and clients
// Sends:     Hosts to package sim/core, which takes every step; faults to the test
// Dies:      with the function given to Run
package sim
