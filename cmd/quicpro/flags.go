package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// getFlags is a parsed command line of get.
type getFlags struct {
	urls []string

	insecure          bool
	cacert, cert, key string
	resolve           []string
	connectTo         []string

	headers    []string
	agent      *string // -A
	user       string
	method     string
	data       []dataPart
	uploadFile string

	outputs  []outputName
	include  bool
	head     bool
	location bool
	silent   bool
	showErr  bool
	fail     bool
	parallel bool
	maxTime  time.Duration // 0 = none
	writeOut string
	qlogDir  string

	verbosity int  // how many -v
	verbose   bool // at least one
}

// dataPart is one -d or --data-binary.
type dataPart struct {
	text   string
	binary bool // a file's line ends are kept
}

// outputName is one -o or -O; the n-th belongs to the n-th URL.
type outputName struct {
	path   string
	remote bool // named after the URL
}

// newGetFlags ties get's options to f.
func newGetFlags(f *getFlags) *pflag.FlagSet {
	fs := newFlagSet("get")
	fs.BoolVarP(&f.insecure, "insecure", "k", false, "do not check the server's certificate")
	fs.StringVar(&f.cacert, "cacert", "", "trust the CAs in this PEM `file`, and no others")
	fs.StringVar(&f.cert, "cert", "", "client certificate chain, PEM `file` (may hold the key too)")
	fs.StringVar(&f.key, "key", "", "client private key, PEM `file`")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "request header `'Name: value'`; 'Name:' removes a default one, 'Name;' sends it empty, @file or @- has one a line")
	fs.FuncP("user-agent", "A", "`name` to send as User-Agent; '' sends none", func(s string) error { f.agent = &s; return nil })
	fs.StringVarP(&f.user, "user", "u", "", "basic authentication, `name:password`")
	fs.StringVarP(&f.method, "request", "X", "", "request `method` instead of the one that fits the other options")
	fs.FuncP("data", "d", "POST this `text`; @file or @- (standard input) without line ends; several are joined with &", func(s string) error {
		f.data = append(f.data, dataPart{text: s})
		return nil
	})
	fs.Func("data-binary", "like -d, `@file` as it is", func(s string) error {
		f.data = append(f.data, dataPart{text: s, binary: true})
		return nil
	})
	fs.StringVarP(&f.uploadFile, "upload-file", "T", "", "PUT this `file`; - is standard input")
	fs.FuncP("output", "o", "write the body to this `file`; - is standard output", func(s string) error {
		f.outputs = append(f.outputs, outputName{path: s})
		return nil
	})
	fs.BoolFuncP("remote-name", "O", "write the body to a file named as in the URL", func(string) error {
		f.outputs = append(f.outputs, outputName{remote: true})
		return nil
	})
	fs.BoolVarP(&f.include, "include", "i", false, "write the response headers before the body")
	fs.BoolVarP(&f.head, "head", "I", false, "ask for the headers only (HEAD)")
	fs.BoolVarP(&f.location, "location", "L", false, "follow redirects, at most 50")
	fs.CountVarP(&f.verbosity, "verbose", "v", "show the connection and the headers both ways on standard error; -vv every packet too")
	fs.BoolVarP(&f.silent, "silent", "s", false, "no progress bar, no error messages")
	fs.BoolVarP(&f.showErr, "show-error", "S", false, "error messages in spite of -s")
	fs.BoolVarP(&f.fail, "fail", "f", false, "a status of 400 or more is an error (exit 22), its body is not written")
	fs.FuncP("max-time", "m", "give up a transfer after so many `seconds`; 0 is never", f.setMaxTime)
	fs.StringVarP(&f.writeOut, "write-out", "w", "", "write this `format` afterwards: %{http_code} %{time_total} ...")
	fs.StringArrayVar(&f.resolve, "resolve", nil, "use this address for a host: `HOST:PORT:ADDRESS`, * for any host")
	fs.StringArrayVar(&f.connectTo, "connect-to", nil, "connect elsewhere: `HOST1:PORT1:HOST2:PORT2`; an empty HOST1 or PORT1 matches any")
	fs.BoolVarP(&f.parallel, "parallel", "Z", false, "fetch all URLs at once, on one connection a server")
	fs.StringVar(&f.qlogDir, "qlog", "", "write a qlog file a connection into this `directory`")
	return fs
}

func (f *getFlags) setMaxTime(s string) error {
	seconds, err := strconv.ParseFloat(s, 64)
	if err != nil || !(seconds >= 0) || seconds > math.MaxInt32 {
		return errors.New("want a number of seconds, such as 2.5; 0 is no limit")
	}
	f.maxTime = time.Duration(seconds * float64(time.Second))
	return nil
}

// parseGet parses and checks what can be checked without files and network. pflag.ErrHelp asks for the help text.
func parseGet(args []string) (*getFlags, *pflag.FlagSet, error) {
	f := &getFlags{}
	fs := newGetFlags(f)
	if err := parse(fs, args); err != nil {
		return nil, fs, err
	}
	f.urls, f.verbose = fs.Args(), f.verbosity > 0
	given := 0
	for _, on := range []bool{len(f.data) > 0, f.uploadFile != "", f.head} {
		if on {
			given++
		}
	}
	switch {
	case len(f.urls) == 0:
		return nil, fs, usage("get", "no URL given")
	case given > 1:
		return nil, fs, usage("get", "-d, -T and -I each choose a request method: give only one of them")
	case f.uploadFile != "" && len(f.urls) > 1:
		return nil, fs, usage("get", "-T sends one file to one URL, not to %d", len(f.urls))
	case f.key != "" && f.cert == "":
		return nil, fs, usage("get", "--key needs --cert")
	case len(f.outputs) > len(f.urls):
		return nil, fs, usage("get", "more -o and -O options (%d) than URLs (%d)", len(f.outputs), len(f.urls))
	case fs.Changed("user") && !strings.Contains(f.user, ":"):
		return nil, fs, usage("get", "-u wants name:password")
	case fs.Changed("request") && !isToken(f.method):
		return nil, fs, usage("get", "-X %q is not a method name", f.method)
	}
	return f, fs, nil
}

// newFlagSet makes a silent flag set: its caller prints.
func newFlagSet(command string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(command, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs
}

// parse parses args; -qlog, as Go programs spell it, is the same as --qlog.
func parse(fs *pflag.FlagSet, args []string) error {
	spelled := make([]string, len(args))
	copy(spelled, args)
	for i, arg := range spelled {
		if arg == "--" {
			break
		}
		if arg == "-qlog" || strings.HasPrefix(arg, "-qlog=") {
			spelled[i] = "-" + arg
		}
	}
	err := fs.Parse(spelled)
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return usage(fs.Name(), "%s", err)
}

func usage(command, format string, args ...any) *failure {
	return failf(exitUsage, "%s\nquicpro: try 'quicpro %s --help'", fmt.Sprintf(format, args...), command)
}

// refuse ends a command whose flags did not parse, or whose help was asked for.
func (a *app) refuse(fs *pflag.FlagSet, synopsis string, err error) int {
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(a.stdout, "usage: quicpro %s\n\n%s", synopsis, strings.ReplaceAll(fs.FlagUsagesWrapped(110), "[=true|false]", strings.Repeat(" ", 13)))
		return exitOK
	}
	var f *failure
	if !errors.As(err, &f) {
		f = usage(fs.Name(), "%s", err)
	}
	return a.fail(f)
}
