package api_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"quicpro/api"
)

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello, %s over %s", r.URL.Query().Get("name"), r.Proto)
}

// Demo runs a server on loopback and a client that trusts exactly it.
func ExampleDemo() {
	demo, err := api.Demo(http.HandlerFunc(hello))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer demo.Close()
	resp, err := demo.Client.Get(context.Background(), demo.URL+"/?name=world")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(text))
	// Output: 200 OK hello, world over HTTP/3.0
}

// Do is all a client needs for servers with public certificates.
func ExampleDo() {
	req, err := http.NewRequest("GET", "https://no-such-server.invalid/", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := api.Do(req)
	if err != nil {
		fmt.Println("no answer")
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Proto, resp.Status)
	// Output: no answer
}

// A Transport makes http.Client speak HTTP/3.
func ExampleTransport() {
	demo, err := api.Demo(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		fmt.Fprint(w, r.URL.Path)
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer demo.Close()
	transport := &api.Transport{TLSClientConfig: demo.Client.TLS}
	defer transport.Close()
	client := &http.Client{Transport: transport}
	resp, err := client.Get(demo.URL + "/old")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Println(string(text))
	// Output: /new
}

// A Server runs an http.Handler; here on a socket that the program made itself.
func ExampleServer() {
	cert, err := api.ThrowawayCertificate("127.0.0.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &api.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(pc) }()

	client := &api.Client{TLS: &tls.Config{InsecureSkipVerify: true}} // for a throwaway certificate only
	resp, err := client.Post(context.Background(), "https://"+pc.LocalAddr().String(), "text/plain", strings.NewReader("echo"))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	fmt.Println(string(text))

	_ = client.Close()
	_ = server.Shutdown(context.Background())
	fmt.Println(<-ended)
	// Output:
	// echo
	// http: Server closed
}
