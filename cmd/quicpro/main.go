// Command quicpro speaks HTTP/3 from the command line, with curl's habits.
//
//	quicpro demo                        a server and several requests to it, nothing to configure
//	quicpro get https://example.org/    fetch, upload, look at headers
//	quicpro serve DIR                   a file server
//	quicpro version
//
// Exit codes are curl's; "quicpro help" lists them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end. From then on the default action holds again, so that a second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// app is what every command works with.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// run executes one command line, without the program's name, and returns the exit code. The end of ctx is Ctrl-C.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: &lockedWriter{w: stdout}, stderr: &lockedWriter{w: stderr}}
	if len(args) == 0 {
		fmt.Fprint(a.stderr, overview)
		return exitUsage
	}
	switch args[0] {
	case "demo":
		return a.demo(ctx, args[1:])
	case "get":
		return a.get(ctx, args[1:])
	case "serve":
		return a.serve(ctx, args[1:])
	case "sim":
		return a.sim(ctx, args[1:])
	case "version", "--version", "-V":
		return a.version()
	case "help", "--help", "-h":
		if len(args) > 1 {
			return run(ctx, []string{args[1], "--help"}, stdin, stdout, stderr)
		}
		fmt.Fprint(a.stdout, overview, exitCodeTable)
		return exitOK
	}
	return a.fail(failf(exitUsage, "there is no command %q; the commands are demo, get, serve, sim, version and help", args[0]))
}

const overview = `quicpro speaks HTTP/3.

  quicpro demo                 start a server, send it several requests, show them
  quicpro get [options] URL... fetch URLs (curl's options)
  quicpro serve [options] DIR  serve the files of a directory
  quicpro sim [options]        run the engine on simulated networks, from seeds
  quicpro version              show the version
  quicpro help [COMMAND]       show this, or a command's options

`
