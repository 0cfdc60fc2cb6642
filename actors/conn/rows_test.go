package conn

import (
	"testing"
	"unsafe"
)

// Ten thousand streams have as many rows on each side, and the allocator's sizes are few.
func TestARowFitsItsSize(t *testing.T) {
	if n := unsafe.Sizeof(row{}); n > 160 {
		t.Errorf("a row is %d bytes, want at most 160", n)
	}
}
