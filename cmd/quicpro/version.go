package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// userAgent is what get sends unless -A or -H says otherwise.
const userAgent = "quicpro/0"

// version prints what was built, from which source and with which Go.
func (a *app) version() int {
	release, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			release = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Fprintf(a.stdout, "quicpro %s%s (%s, %s/%s)\nprotocols: HTTP/3 (RFC 9114) over QUIC version 1 (RFC 9000)\n",
		release, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
