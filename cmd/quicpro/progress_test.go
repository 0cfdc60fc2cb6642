package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMeterKeepsSilentInTheFirstSecond(t *testing.T) {
	var out bytes.Buffer
	m := makeMeter(&out, time.Now().Add(time.Hour))
	m.expect(1000)
	m.add(1000)
	m.end()
	if out.Len() > 0 {
		t.Errorf("it wrote %q", out.String())
	}
}

func TestMeterShowsRateAndEnds(t *testing.T) {
	var out bytes.Buffer
	m := makeMeter(&out, time.Now().Add(-time.Second))
	m.expect(4000)
	m.expect(6000) // a second transfer beside the first
	m.add(10000)
	m.end()
	if got := out.String(); !strings.Contains(got, "100%") || !strings.HasSuffix(got, "\n") {
		t.Errorf("it wrote %q", got)
	}
}

func TestMeterOfUnknownLength(t *testing.T) {
	var out bytes.Buffer
	m := makeMeter(&out, time.Now().Add(-time.Second))
	m.expect(-1)
	m.add(5000)
	m.interrupt()
	m.end()
	if got := out.String(); !strings.Contains(got, "kB") || strings.Count(got, "\n") != 1 {
		t.Errorf("it wrote %q", got)
	}
}

func TestNilMeter(t *testing.T) {
	var m *meter
	m.expect(1)
	m.add(1)
	m.interrupt()
	m.end()
}
