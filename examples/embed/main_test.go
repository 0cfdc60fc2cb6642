package main

func Example() {
	main()
	// Output:
	// stream 0 brought "hello, QUIC"
	// quic: closed by us with application error 0x0: done
}
