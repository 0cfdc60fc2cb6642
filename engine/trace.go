package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"quicpro/actors/port"
	"quicpro/internal/qlog"
	"quicpro/wire"
)

// tracer makes the trace of one connection; nil if nobody wants one.
type tracer func(role wire.Role, odcid wire.ConnectionID) port.Trace

// tracer returns what makes the traces of connections: a qlog file each in qlogDir, lines in log, the engine's own, or nil.
func (e *Engine) tracer(log *slog.Logger, qlogDir string) tracer {
	if log == nil && qlogDir == "" {
		if e.trace == nil {
			return nil
		}
		return e.ownTrace
	}
	return func(role wire.Role, odcid wire.ConnectionID) port.Trace {
		var file, lines port.Trace
		if qlogDir != "" {
			if l := e.qlog(qlogDir, role, odcid); l != nil {
				file = l
			}
		}
		if log != nil {
			lines = qlog.NewLines(log, role, odcid)
		}
		if e.trace != nil {
			return qlog.Tee(e.ownTrace(role, odcid), qlog.Tee(file, lines))
		}
		return qlog.Tee(file, lines)
	}
}

// ownTrace makes the engine's own trace of a connection. It is called when the connection is half made, and a panic there would
// leave a socket that nobody reads, or a server that counts it as half open for ever. A connection goes on without.
func (e *Engine) ownTrace(role wire.Role, odcid wire.ConnectionID) (t port.Trace) {
	defer func() {
		if v := recover(); v != nil {
			e.log.Error("Options.Trace panicked", "panic", v, "stack", string(debug.Stack()))
			t = nil
		}
	}()
	return e.trace(role, odcid)
}

// qlog opens a connection's qlog file. A connection goes on without one that cannot be made.
func (e *Engine) qlog(dir string, role wire.Role, odcid wire.ConnectionID) *qlog.Log {
	name := filepath.Join(dir, odcid.String()+"_"+role.String()+".sqlog")
	f, err := os.Create(name)
	if err != nil {
		e.log.Error("no qlog file", "error", err)
		return nil
	}
	return qlog.New(f, role, odcid, e.world.Wall(), e.world.Now())
}
