// Package core runs engines under one seed: their rooms in an order that the seed draws, on hosts that the seed pauses and
// crashes, over links that lose what the seed tells them to.
//
// Owns:      the order of everything: one step at a time, of a room, a socket's reader, an app's order or its mail
// Receives:  what engines ask of their engine.Stage, app tasks' orders, datagrams from hosts, decisions from sim/core/draw
// Sends:     messages to rooms, datagrams to hosts, ticks to timers; every step to the hash and the log of the run
// Dies:      with the run; then every host's engine must be empty
//
// Time passes only when nothing can be done. Who makes it pass, and who waits for the app tasks, is the Pace's affair:
// package sim gives one that lives in a testing/synctest bubble, where app tasks are real goroutines; Scripted is one
// without goroutines, for workloads that are behaviours themselves.
package core
