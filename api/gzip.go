package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// undoGzip makes a compressed response, that the Transport asked for by itself, look as if it had never been.
func undoGzip(resp *http.Response) {
	if resp.Body == http.NoBody || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
	resp.Body = &gunzipBody{body: resp.Body}
}

// gunzipBody decompresses as it is read; the gzip header is not waited for before the first Read.
type gunzipBody struct {
	body io.ReadCloser
	zip  *gzip.Reader
	err  error
}

// Read returns decompressed bytes.
func (b *gunzipBody) Read(p []byte) (int, error) {
	if b.zip == nil && b.err == nil {
		b.zip, b.err = gzip.NewReader(b.body)
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.zip.Read(p)
	b.err = err
	return n, err
}

// Close closes the body beneath.
func (b *gunzipBody) Close() error {
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return b.body.Close()
}
