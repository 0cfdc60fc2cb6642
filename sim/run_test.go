package sim

import (
	"io"
	"net/http"
	"testing"
	"time"

	"quicpro/api"
)

func TestADownloadOverALossyLinkIsTheSameEveryTime(t *testing.T) {
	body := make([]byte, 200_000)
	for i := range body {
		body[i] = byte(i * 7)
	}
	hash := func() Outcome {
		var o Outcome
		Run(t, 7, func(w *World) {
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { _, _ = rw.Write(body) })})
			c := w.Client("cli", Link{Delay: 25 * time.Millisecond, Rate: 20 * Mbit, Loss: 0.01})
			resp, err := c.Get(w.Context("cli"), srv.URL("/file"))
			if err != nil {
				w.T().Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || len(got) != len(body) {
				w.T().Fatalf("%d bytes, %v", len(got), err)
			}
		}, Result(&o))
		return o
	}
	first := hash()
	t.Logf("%+v", first)
	for range 5 {
		if o := hash(); o.Hash != first.Hash {
			t.Fatalf("hash %x and %x", o.Hash, first.Hash)
		}
	}
}
