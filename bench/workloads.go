package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A workload measures one stack once. The first of its figures is a rate,
// where more is better; of the others less is better.
type workload struct {
	name  string
	units []string
	run   func(stack) ([]float64, error)
}

func workloads(size int64, span time.Duration) []workload {
	ws := []workload{
		{"W1", bulk(size, "download"), func(s stack) ([]float64, error) { return transfer(s, http.MethodGet, size) }},
		{"W2", bulk(size/2, "upload"), func(s stack) ([]float64, error) { return transfer(s, http.MethodPost, size/2) }},
	}
	for _, n := range []int{1, 16, 100} {
		ws = append(ws, workload{
			"W4@" + strconv.Itoa(n),
			[]string{"req/s", "p50 us", "CPU us/request", "allocations/request", "bytes allocated/request"},
			func(s stack) ([]float64, error) { return requests(s, n, span) },
		})
	}
	return append(ws, workload{
		"W5@8", []string{"connections/s", "CPU us/connection"},
		func(s stack) ([]float64, error) { return connections(s, 8, span) },
	})
}

func bulk(size int64, what string) []string {
	return []string{fmt.Sprintf("%s of %d MiB, MB/s", what, size>>20), "CPU s/GiB"}
}

// patience bounds one repetition.
const patience = 5 * time.Minute

// A bed is a stack's server with a client; its connection is open and warm.
type bed struct {
	url  string
	rt   http.RoundTripper
	stop func()
}

func newBed(s stack) (*bed, error) {
	addr, stopServer, err := s.serve(http.HandlerFunc(answer), identity.server())
	if err != nil {
		return nil, err
	}
	rt, stopClient := s.client(identity.client())
	b := &bed{"https://" + addr, rt, func() { stopClient(); stopServer() }}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := b.ask(ctx, http.MethodGet, "/bytes?n=32", nil, 0, make([]byte, 1024)); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

// ask makes one request and returns the length of the answer.
func (b *bed) ask(ctx context.Context, method, path string, body io.Reader, length int64, buf []byte) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, body)
	if err != nil {
		return 0, err
	}
	req.ContentLength = length
	return roundTrip(b.rt, req, buf)
}

// transfer is W1 and W2: from the request to the last byte of the body.
func transfer(s stack, method string, size int64) ([]float64, error) {
	b, err := newBed(s)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	buf := make([]byte, chunk)
	path, want := "/bytes?n="+strconv.FormatInt(size, 10), size
	var body io.Reader
	var length int64
	if method == http.MethodPost { // the answer says how much arrived
		path, want, body, length = "/upload", int64(len(strconv.FormatInt(size, 10))), &zeros{size}, size
	}
	from, cpu := time.Now(), cpuTime()
	n, err := b.ask(ctx, method, path, body, length, buf)
	took, used := time.Since(from), cpuTime()-cpu
	if err == nil && n != want {
		err = fmt.Errorf("%d bytes came, want %d", n, want)
	}
	return []float64{float64(size) / 1e6 / took.Seconds(), used.Seconds() / (float64(size) / (1 << 30))}, err
}

// requests is W4: n callers in a closed loop on one open connection.
func requests(s stack, n int, span time.Duration) ([]float64, error) {
	b, err := newBed(s)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	latencies := make([][]time.Duration, n)
	for i := range latencies {
		latencies[i] = make([]time.Duration, 0, 1<<20/n)
	}
	caller := func(i int, end time.Time) error {
		buf := make([]byte, 4096)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/bytes?n=1024", nil)
		if err != nil {
			return err
		}
		for from := time.Now(); from.Before(end); {
			got, err := roundTrip(b.rt, req, buf)
			if err != nil {
				return err
			}
			if got != 1024 {
				return fmt.Errorf("%d bytes came, want 1024", got)
			}
			now := time.Now()
			latencies[i] = append(latencies[i], now.Sub(from))
			from = now
		}
		return nil
	}
	if err := crowd(n, func(i int) error { return caller(i, time.Now().Add(50*time.Millisecond)) }); err != nil {
		return nil, err
	}
	for i := range latencies {
		latencies[i] = latencies[i][:0]
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from, cpu := time.Now(), cpuTime()
	err = crowd(n, func(i int) error { return caller(i, from.Add(span)) })
	took, used := time.Since(from), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	count := float64(len(all))
	return []float64{
		count / took.Seconds(),
		micros(all[len(all)/2]),
		micros(used) / count,
		float64(after.Mallocs-before.Mallocs) / count,
		float64(after.TotalAlloc-before.TotalAlloc) / count,
	}, nil
}

// connections is W5: n callers that dial, ask for 32 bytes and close.
func connections(s stack, n int, span time.Duration) ([]float64, error) {
	b, err := newBed(s)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	counts := make([]int, n)
	from, cpu := time.Now(), cpuTime()
	err = crowd(n, func(i int) error {
		buf := make([]byte, 1024)
		for end := from.Add(span); time.Now().Before(end); counts[i]++ {
			rt, stop := s.client(identity.client())
			_, err := (&bed{url: b.url, rt: rt}).ask(ctx, http.MethodGet, "/bytes?n=32", nil, 0, buf)
			stop()
			if err != nil {
				return err
			}
		}
		return nil
	})
	took, used := time.Since(from), cpuTime()-cpu
	sum := 0.0
	for _, c := range counts {
		sum += float64(c)
	}
	return []float64{sum / took.Seconds(), micros(used) / sum}, err
}

// crowd runs f n times at once.
func crowd(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// roundTrip reads the answer to its end through buf.
func roundTrip(rt http.RoundTripper, req *http.Request, buf []byte) (int64, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %s", resp.Status)
	}
	return drain(resp.Body, buf)
}

func drain(r io.Reader, buf []byte) (int64, error) {
	var sum int64
	for {
		n, err := r.Read(buf)
		sum += int64(n)
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

// chunk is the length of the reads and writes of large bodies, in bytes.
const chunk = 64 << 10

var content = make([]byte, chunk)

// answer is the server of every workload: GET /bytes?n=N, POST /upload.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.Method == http.MethodPost {
		n, err := drain(r.Body, make([]byte, chunk))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10)) // the client counts what arrives
		return
	}
	n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for n > 0 {
		m, err := w.Write(content[:min(n, chunk)])
		if err != nil {
			return
		}
		n -= int64(m)
	}
}

// zeros is an upload: its bytes are whatever the reader's buffer holds.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	z.left -= n
	return int(n), nil
}
