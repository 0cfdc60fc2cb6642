// Package arch holds no code: its tests hold the shape of the project.
//
// They check the import graph, what is forbidden to the rooms and their cores (goroutines, clocks, locks, chance), the
// rooms' cards, the edges in actors/port, and file sizes. Each check is a function over a project's source; it runs on
// the real one, which must be clean, and on a small one with a violation planted, which it must find.
package arch
