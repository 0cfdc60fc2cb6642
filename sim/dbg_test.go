package sim

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	"quicpro/engine"
)

func TestDbg(t *testing.T) {
	Run(t, 558, func(w *World) {
		dbg = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
		swarm(w)
	})
}

var dbg *slog.Logger
var _ = fmt.Sprint
var _ engine.Limits
