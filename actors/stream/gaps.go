package stream

// countGaps notes how many gaps there are in what this stream has received, and reports false if there are too many in that of all.
// A gap costs memory that no flow control pays for, and a peer may open many streams: so their sum has a bound too.
func (r *receiving) countGaps(n int) bool {
	if n == r.gaps || r.common.Gaps == nil {
		return true
	}
	sum := r.common.Gaps.Add(int64(n - r.gaps))
	more := n > r.gaps
	r.gaps = n
	most := int64(r.common.Limits.ConnGaps) // 0: no bound
	return !more || most == 0 || sum <= most
}
