package engine

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"

	"quicpro/actors/port"
	"quicpro/internal/qlog"
	"quicpro/wire"
)

// tracer makes the trace of one connection; nil if nobody wants one.
type tracer func(role wire.Role, odcid wire.ConnectionID, remote netip.AddrPort) port.Trace

// tracer returns what makes the traces of connections: a qlog file each in qlogDir, lines in log, the engine's own, or nil.
func (e *Engine) tracer(log *slog.Logger, qlogDir string) tracer {
	if log == nil && qlogDir == "" {
		if e.trace == nil {
			return nil
		}
		return e.ownTrace
	}
	return func(role wire.Role, odcid wire.ConnectionID, remote netip.AddrPort) port.Trace {
		var file, lines port.Trace
		if qlogDir != "" {
			if l := e.qlog(qlogDir, role, odcid, remote); l != nil {
				file = l
			}
		}
		if log != nil {
			lines = qlog.NewLines(log, role, odcid, remote)
		}
		if e.trace != nil {
			return qlog.Tee(e.ownTrace(role, odcid, remote), qlog.Tee(file, lines))
		}
		return qlog.Tee(file, lines)
	}
}

// ownTrace makes the engine's own trace of a connection. It is called when the connection is half made, and a panic there would
// leave a socket that nobody reads, or a server that counts it as half open for ever. A connection goes on without.
func (e *Engine) ownTrace(role wire.Role, odcid wire.ConnectionID, remote netip.AddrPort) (t port.Trace) {
	defer func() {
		if v := recover(); v != nil {
			e.log.Error("Options.Trace panicked", "connection", connectionName(role, odcid), "remote", remote, "panic", v, "stack", string(debug.Stack()))
			t = nil
		}
	}()
	return e.trace(role, odcid)
}

// connectionName is what the engine's own lines call a connection.
func connectionName(role wire.Role, odcid wire.ConnectionID) string {
	return role.String() + " " + odcid.String()
}

// qlog opens a connection's qlog file. A connection goes on without one that cannot be made.
func (e *Engine) qlog(dir string, role wire.Role, odcid wire.ConnectionID, remote netip.AddrPort) *qlog.Log {
	f, err := e.qlogFile(filepath.Join(dir, odcid.String()+"_"+role.String()))
	if err != nil {
		e.log.Error("no qlog file", "connection", connectionName(role, odcid), "remote", remote, "error", err)
		return nil
	}
	return qlog.New(f, role, odcid, e.world.Wall(), e.world.Now())
}

// qlogFile makes the file of a connection, and never one anew: who chose the ID may choose it again, and would make an end of what
// was written of the first. The second's name has its time too.
func (e *Engine) qlogFile(name string) (*os.File, error) {
	const onlyNew = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(name+".sqlog", onlyNew, 0o666)
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(name+"_"+e.world.Wall().UTC().Format("20060102T150405.000000000")+".sqlog", onlyNew, 0o666)
	}
	return f, err
}
