// Package timer rings a room at its earliest deadline.
//
// Owns:      deadlines    heap of (when, cell); at most one entry a cell
// Receives:  Posted       the cell of a room whose deadline moved earlier; at most one a cell
// Receives:  Tick         the alarm's time has come; at most one
// Receives:  Stop         the engine ends
// Sends:     Fired        to the room that armed, by its cell; one reserved place
// Dies:      with the engine
// RFC:       9002 section 6.2 (the deadline itself is conn's)
package timer
