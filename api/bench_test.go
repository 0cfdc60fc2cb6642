package api

import (
	"context"
	"io"
	"net/http"
	"testing"
)

func benchmarkDemo(b *testing.B, h http.HandlerFunc) *DemoServer {
	d, err := Demo(h)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	return d
}

// One small request at a time, both sides counted.
func BenchmarkSmallRequest(b *testing.B) {
	d := benchmarkDemo(b, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
	req, _ := http.NewRequestWithContext(context.Background(), "GET", d.URL, nil)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := d.Client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// 16 MiB downloads.
func BenchmarkDownload(b *testing.B) {
	const size = 16 << 20
	data := random(1 << 20)
	d := benchmarkDemo(b, func(w http.ResponseWriter, r *http.Request) {
		for n := 0; n < size; n += len(data) {
			_, _ = w.Write(data)
		}
	})
	req, _ := http.NewRequestWithContext(context.Background(), "GET", d.URL, nil)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := d.Client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatal(n, err)
		}
		_ = resp.Body.Close()
	}
}
