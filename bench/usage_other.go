//go:build !linux

package main

import "errors"

var errMemory = errors.New("memory is measured on Linux alone")

func rss() (now, peak int64, err error) { return 0, 0, errMemory }

func forgetPeak() error { return errMemory }
