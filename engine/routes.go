package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
	"sync"

	"quicpro/actors/port"
	"quicpro/wire"
)

// idLen is the length in bytes of the connection IDs that we issue on sockets with many connections. Short headers do not tell
// it, so it is fixed. A client's own socket has none: its address says all, and every packet to it carries 8 bytes more of what
// was asked for.
const idLen = 8

// routes is one socket's table from connection IDs and peers' reset tokens to connections.
type routes struct {
	random port.Random

	macMu sync.Mutex
	mac   hash.Hash // with the engine's static key for reset tokens (RFC 9000 s10.3.2)

	mu      sync.RWMutex
	byID    map[wire.ConnectionID]*connection
	byToken map[wire.ResetToken]*connection
}

func newRoutes(key []byte, random port.Random) *routes {
	return &routes{
		random: random, mac: hmac.New(sha256.New, key),
		byID: make(map[wire.ConnectionID]*connection), byToken: make(map[wire.ResetToken]*connection),
	}
}

// lookup finds the connection of a Destination Connection ID, nil if there is none.
func (r *routes) lookup(dcid []byte) *connection {
	id, ok := wire.MakeConnectionID(dcid)
	if !ok {
		return nil
	}
	r.mu.RLock()
	c := r.byID[id]
	r.mu.RUnlock()
	return c
}

// resets finds the connection that a stateless reset ends: the one that watches the token in the last 16 bytes of the
// datagram.
func (r *routes) resets(datagram []byte) *connection {
	var token wire.ResetToken
	if len(datagram) < minReset {
		return nil
	}
	copy(token[:], datagram[len(datagram)-len(token):])
	r.mu.RLock()
	c := r.byToken[token]
	r.mu.RUnlock()
	return c
}

// token derives the stateless reset token of one of our IDs.
func (r *routes) token(id []byte) (t wire.ResetToken) {
	var sum [sha256.Size]byte
	r.macMu.Lock()
	defer r.macMu.Unlock()
	r.mac.Reset()
	r.mac.Write(id)
	copy(t[:], r.mac.Sum(sum[:0]))
	return t
}

// size is how many entries there are, for tests.
func (r *routes) size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byID) + len(r.byToken)
}

// connRoutes is the table as one connection sees it: port.Routes.
type connRoutes struct {
	table  *routes
	c      *connection
	ids    []wire.ConnectionID // guarded by the table's lock
	tokens []wire.ResetToken
}

// alone is port.Routes for the one connection of a client's socket: everything that arrives is its own.
type alone struct{}

func (alone) Issue() (id wire.ConnectionID, token wire.ResetToken) { return id, token } // conn does not ask: the first has no bytes
func (alone) Retire(wire.ConnectionID)                             {}
func (alone) WatchReset(wire.ResetToken)                           {} // conn looks for it in what it gets
func (alone) UnwatchReset(wire.ResetToken)                         {}

// Issue makes a fresh connection ID that leads to this connection, with its stateless reset token.
func (r *connRoutes) Issue() (wire.ConnectionID, wire.ResetToken) {
	for {
		var b [idLen]byte
		r.table.random.Bytes("connection id", b[:])
		id, _ := wire.MakeConnectionID(b[:])
		if r.add(id) {
			return id, r.table.token(b[:])
		}
	}
}

// add routes an ID to this connection; it reports false if the ID leads somewhere already.
func (r *connRoutes) add(id wire.ConnectionID) bool {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	if _, taken := r.table.byID[id]; taken {
		return false
	}
	r.table.byID[id] = r.c
	r.ids = append(r.ids, id)
	return true
}

// Retire forgets an ID that the peer has retired.
func (r *connRoutes) Retire(id wire.ConnectionID) {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.ids = forget(r.ids, r.table.byID, id)
}

// WatchReset makes token, seen at the end of a datagram, a SawReset for this connection.
func (r *connRoutes) WatchReset(token wire.ResetToken) {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	if _, taken := r.table.byToken[token]; !taken {
		r.table.byToken[token] = r.c
		r.tokens = append(r.tokens, token)
	}
}

// UnwatchReset undoes WatchReset.
func (r *connRoutes) UnwatchReset(token wire.ResetToken) {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.tokens = forget(r.tokens, r.table.byToken, token)
}

// forget takes a key out of a table, if it is one of ours; it returns those that are left.
func forget[K comparable](ours []K, table map[K]*connection, k K) []K {
	i := slices.Index(ours, k)
	if i < 0 {
		return ours
	}
	delete(table, k)
	return slices.Delete(ours, i, i+1)
}

// list returns the connection's IDs.
func (r *connRoutes) list() []wire.ConnectionID {
	if r.table == nil {
		return nil
	}
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	return append([]wire.ConnectionID(nil), r.ids...)
}

// clear forgets everything that leads to the connection.
func (r *connRoutes) clear() {
	if r.table == nil {
		return
	}
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	for _, id := range r.ids {
		delete(r.table.byID, id)
	}
	for _, token := range r.tokens {
		delete(r.table.byToken, token)
	}
	r.ids, r.tokens = nil, nil
}

// originalID makes the Destination Connection ID of a client's first Initial.
func (s *socket) originalID() wire.ConnectionID {
	// RFC 9000 s7.2: unpredictable, at least 8 bytes.
	var b [idLen]byte
	s.random.Bytes("original destination", b[:])
	id, _ := wire.MakeConnectionID(b[:])
	return id
}
