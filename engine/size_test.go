package engine

import (
	"testing"
	"unsafe"
)

// A connection's rooms are one object, which shall be a page of the allocator's: a few bytes more would cost another 1,280, and
// pages that it shares with others stay when those have gone. An object with pointers has eight bytes in front.
func TestAConnectionFitsAPage(t *testing.T) {
	const page = 8 << 10
	if n := unsafe.Sizeof(connection{}) + 8; n > page {
		t.Errorf("a connection is %d bytes, %d too many", n, n-page)
	}
}
