package congestion

import "math/bits"

// cubicReach bounds the distance from K, in microseconds (4.5 minutes). There the curve is nine million segments from
// W_max, beyond MaxWindow; within it no product below overflows.
const cubicReach = 1 << 28

// cubicK returns K in microseconds: the cube root of below/C, where below is in bytes and C is 0.4 segments/s^3
// (RFC 9438 s4.2, figure 2). It is exact to 1/16 ms. below is at most MaxWindow, datagram at least MinDatagramSize.
func cubicK(below, datagram int) int64 {
	// K^3 = below / (0.4 * datagram) s^3, in units of (1/16 ms)^3: 2.5 * 10^9 * 16^3.
	hi, lo := bits.Mul64(uint64(below), 2_500_000_000<<12)
	cube, _ := bits.Div64(hi, lo, uint64(datagram))
	return int64(cubeRoot(cube)) * 125 / 2
}

// cubicOffset returns C * d^3 in bytes for a distance d in microseconds.
func cubicOffset(d int64, datagram int) int64 {
	away := uint64(min(max(d, -d), cubicReach))
	hi, lo := bits.Mul64(away*away, away)
	cube, _ := bits.Div64(hi, lo, 1_000_000_000_000) // in 10^-6 s^3
	offset := int64(cube * 4 * uint64(datagram) / 10_000_000)
	if d < 0 {
		return -offset
	}
	return offset
}

// cubeRoot returns the integer cube root, rounded down, digit by digit in base two.
func cubeRoot(x uint64) uint64 {
	var root uint64
	for shift := 63; shift >= 0; shift -= 3 {
		root *= 2
		digit := 3*root*(root+1) + 1
		if x>>shift >= digit {
			x -= digit << shift
			root++
		}
	}
	return root
}
