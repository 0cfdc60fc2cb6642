package main

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"
)

// childMark is the environment variable that tells a process that it is
// another one's child: it obeys orders from its standard input, in net/rpc's
// encoding, and exits at its end.
const childMark = "QUICPRO_BENCH_CHILD"

// A child is another process of this program.
type child struct {
	cmd *exec.Cmd
	rpc *rpc.Client
	in  io.Closer
}

// newChild starts one, with more environment variables.
func newChild(env ...string) (*child, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(append(os.Environ(), childMark+"=1"), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &child{cmd, rpc.NewClient(pipes{out, in}), in}, nil
}

// end waits until it has gone.
func (c *child) end() {
	_ = c.in.Close()
	_ = c.rpc.Close()
	_ = c.cmd.Wait() // what it did wrong was an answer's error
}

// call gives an order and waits for the answer.
func call[T any](c *child, name string, args any) (T, error) {
	var reply T
	order := c.rpc.Go("Orders."+name, args, &reply, make(chan *rpc.Call, 1))
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-order.Done:
		return reply, order.Error
	case <-late.C:
		_ = c.cmd.Process.Kill()
		return reply, fmt.Errorf("another process did not answer to %s", name)
	}
}

func (c *child) serve(s stack, set settings) (Served, error) {
	return call[Served](c, "Serve", ServeOrder{s.name, set})
}
func (c *child) dial(s stack, set settings, at Served, n int) error {
	_, err := call[bool](c, "Dial", DialOrder{s.name, set, at, n})
	return err
}
func (c *child) relay(to string, l link) (string, error) {
	return call[string](c, "Relay", RelayOrder{to, l})
}
func (c *child) drops() (Dropped, error) { return call[Dropped](c, "Drops", true) }
func (c *child) usage() (Usage, error)   { return call[Usage](c, "Usage", true) }
func (c *child) memory() (int64, error)  { return call[int64](c, "Memory", true) }
func (c *child) run(w string, s stack, sz sizes) ([]float64, error) {
	return call[[]float64](c, "Run", RunOrder{w, s.name, sz})
}

// net/rpc wants its arguments exported.
type (
	Served struct {
		Addr string
		Cert []byte
	}
	ServeOrder struct {
		Stack string
		Set   settings
	}
	DialOrder struct {
		Stack string
		Set   settings
		At    Served
		N     int
	}
	RelayOrder struct {
		To   string
		Link link
	}
	RunOrder struct {
		Workload, Stack string
		Sizes           sizes
	}
)

// Orders are what a child does. What it starts ends with it.
type Orders struct{ relay atomic.Pointer[relay] }

// obey serves orders until the parent is gone.
func obey() error {
	s := rpc.NewServer()
	if err := s.Register(&Orders{}); err != nil {
		return err
	}
	s.ServeConn(pipes{os.Stdin, os.Stdout})
	return nil
}

// Serve starts a server.
func (*Orders) Serve(o ServeOrder, reply *Served) error {
	s, err := named(o.Stack, stacks, stack.String)
	if err != nil {
		return err
	}
	addr, _, err := s.serve(&answerer{}, serverTLS(), o.Set)
	*reply = Served{addr, identity.Certificate[0]}
	return err
}

// Dial opens connections, each of a client of its own, and has one request
// answered on each.
func (*Orders) Dial(o DialOrder, _ *bool) error {
	s, err := named(o.Stack, stacks, stack.String)
	if err != nil {
		return err
	}
	b := &bed{stack: s, plan: plan{settings: o.Set}, url: "https://" + o.At.Addr, roots: trust(o.At.Cert)}
	return b.connectAtOnce(o.N)
}

// Relay starts a relay.
func (x *Orders) Relay(o RelayOrder, reply *string) error {
	r, err := newRelay(o.To, o.Link)
	if err != nil {
		return err
	}
	x.relay.Store(r)
	*reply = r.addr()
	return nil
}

// Drops says what the relay has dropped so far.
func (x *Orders) Drops(_ bool, reply *Dropped) error {
	r := x.relay.Load()
	if r == nil {
		return errors.New("no relay")
	}
	*reply = r.drops()
	return nil
}

// Usage says what this process has used.
func (*Orders) Usage(_ bool, reply *Usage) error {
	*reply = usageHere()
	return nil
}

// Memory is the memory in use, in bytes, after collecting.
func (*Orders) Memory(_ bool, reply *int64) error {
	collect()
	now, _, err := rss()
	*reply = now
	return err
}

// Run runs a workload once.
func (*Orders) Run(o RunOrder, reply *[]float64) error {
	w, err := named(o.Workload, workloads(o.Sizes), workload.String)
	if err != nil {
		return err
	}
	s, err := named(o.Stack, stacks, stack.String)
	if err != nil {
		return err
	}
	*reply, err = w.run(s)
	return err
}

func named[T any](name string, have []T, of func(T) string) (T, error) {
	for _, h := range have {
		if of(h) == name {
			return h, nil
		}
	}
	var none T
	return none, fmt.Errorf("there is no %s", strconv.Quote(name))
}

// pipes are a child's standard input and output as one connection.
type pipes struct {
	io.ReadCloser
	io.Writer
}
