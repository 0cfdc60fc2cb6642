package actor_test

import (
	"sync"
	"testing"

	"quicpro/internal/actor"
)

func TestChunkClasses(t *testing.T) {
	var pool actor.Chunks
	for _, c := range []struct{ want, space int }{
		{0, actor.ChunkScant},
		{actor.ChunkScant, actor.ChunkScant},
		{actor.ChunkScant + 1, actor.ChunkLittle},
		{actor.ChunkLittle, actor.ChunkLittle},
		{actor.ChunkLittle + 1, actor.ChunkSmall},
		{actor.ChunkSmall, actor.ChunkSmall},
		{actor.ChunkSmall + 1, actor.ChunkMedium},
		{actor.ChunkMedium, actor.ChunkMedium},
		{actor.ChunkMedium + 1, actor.ChunkLarge},
		{actor.ChunkLarge, actor.ChunkLarge},
		{actor.ChunkLarge + 1, actor.ChunkHuge},
		{actor.ChunkHuge, actor.ChunkHuge},
		{actor.ChunkHuge + 1, actor.ChunkHuge},
		{10 << 20, actor.ChunkHuge},
	} {
		for range 3 { // fresh and used ones
			k := pool.Get(c.want)
			if len(k.Space()) != c.space || len(k.B) != 0 || cap(k.B) != c.space {
				t.Errorf("Get(%d): space %d, B %d of %d; want %d, 0 of %d", c.want, len(k.Space()), len(k.B), cap(k.B), c.space, c.space)
			}
			k.B = k.Space()[:1]
			k.Release()
		}
	}
	if pool.Out() != 0 {
		t.Errorf("%d chunks are out, want none", pool.Out())
	}
}

func TestChunkGoesHomeWithItsLastHolder(t *testing.T) {
	var pool actor.Chunks
	c := pool.Get(100)
	c.B = append(c.B, "payload"...)
	c.Retain()
	c.Retain()
	for holders := 3; holders > 0; holders-- {
		if pool.Out() != 1 || string(c.B) != "payload" {
			t.Fatalf("with %d holders: %d chunks out, holding %q", holders, pool.Out(), c.B)
		}
		c.Release()
	}
	if pool.Out() != 0 || c.B != nil {
		t.Fatalf("after the last release: %d chunks out, holding %q", pool.Out(), c.B)
	}
	wantPanic(t, c.Release, "more often")
}

func TestChunkRetainedAfterItsLastReleasePanics(t *testing.T) {
	var pool actor.Chunks
	c := pool.Get(1)
	c.Release()
	wantPanic(t, c.Retain, "after its last release")
}

func TestChunksAreNeverSharedByAccident(t *testing.T) {
	var pool actor.Chunks
	var all sync.WaitGroup
	for g := range byte(4) {
		all.Go(func() {
			for i := range 500 {
				c := pool.Get(1 + i%actor.ChunkMedium)
				for range 40 {
					c.B = append(c.B, g)
				}
				c.Retain()
				c.Release()
				for _, b := range c.B {
					if b != g {
						t.Error("two holders got the same chunk")
						return
					}
				}
				c.Release()
			}
		})
	}
	all.Wait()
	if pool.Out() != 0 {
		t.Errorf("%d chunks are out, want none", pool.Out())
	}
}

func TestRefsReportTheLastHolderOnce(t *testing.T) {
	var r actor.Refs
	r.Set(1)
	r.Add(7)
	var last actor.Count
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if r.Done() {
				last.Add(1)
			}
		})
	}
	all.Wait()
	if last.Load() != 1 {
		t.Errorf("%d holders were the last one", last.Load())
	}
	wantPanic(t, func() { r.Done() }, "more often")
}
