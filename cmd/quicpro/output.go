package main

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"sync"

	"golang.org/x/term"
)

// sink is where one transfer's body, and its headers with -i, go. A file is opened before the request is made, so that an
// unwritable one fails early, but it is cut off only when the first byte comes: a failed request harms no old file.
type sink struct {
	path    string // "" = standard output
	w       io.Writer
	file    *os.File
	created bool // the file was not there before
	started bool
	guarded bool // a terminal that wants no binary output
}

// openSink opens the output of one URL. chosen says that -o or -O named it.
func openSink(name outputName, u *url.URL, stdout io.Writer, chosen bool) (*sink, *failure) {
	if !name.remote && name.path == "-" {
		return &sink{w: stdout, guarded: !chosen && isTerminal(stdout)}, nil
	}
	s := &sink{path: name.path}
	if name.remote {
		var fail *failure
		if s.path, fail = remoteName(u); fail != nil {
			return nil, fail
		}
	}
	var err error
	if s.file, err = os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
		s.created = true
	} else {
		s.file, err = os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE, 0o644)
	}
	if err != nil {
		return nil, wrapf(exitWrite, err, "Failed to open the file %s: %s; make its directory, or choose another -o", s.path, fileReason(err))
	}
	s.w = s.file
	return s, nil
}

// Write writes body or header bytes. Its errors are failures of code 23.
func (s *sink) Write(p []byte) (int, error) {
	if s.guarded && bytes.IndexByte(p, 0) >= 0 {
		return 0, failf(exitWrite, "Binary output can mess up your terminal; use -o FILE to save it, or -o - to show it anyway")
	}
	if fail := s.start(); fail != nil {
		return 0, fail
	}
	n, err := s.w.Write(p)
	if err != nil {
		return n, s.wrap(err)
	}
	return n, nil
}

// close ends the output. After a failure what came is kept, and a file that nothing came for is removed if it is new.
func (s *sink) close(ok bool) *failure {
	if s.file == nil {
		return nil
	}
	if !ok && !s.started {
		s.abandon()
		return nil
	}
	if fail := s.start(); fail != nil {
		_ = s.file.Close()
		return fail
	}
	if err := s.file.Close(); err != nil {
		return s.wrap(err)
	}
	return nil
}

// abandon leaves the file system as it was.
func (s *sink) abandon() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	if s.created {
		_ = os.Remove(s.path)
	}
}

func (s *sink) start() *failure {
	if s.started {
		return nil
	}
	s.started = true
	if s.file == nil || s.created {
		return nil
	}
	// A device such as /dev/null has no length to cut.
	if info, err := s.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if err := s.file.Truncate(0); err != nil {
		return s.wrap(err)
	}
	return nil
}

func (s *sink) wrap(err error) *failure {
	name := s.path
	if name == "" {
		name = "standard output"
	}
	return wrapf(exitWrite, err, "Failed writing to %s: %s; check the space there, or choose another -o", name, fileReason(err))
}

// lockedWriter lets parallel transfers share a stream; each Write stays in one piece.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func isTerminal(w io.Writer) bool {
	if l, ok := w.(*lockedWriter); ok {
		w = l.w
	}
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
