package script

import "testing"

func BenchmarkRun(b *testing.B) {
	for _, name := range []string{"smoke", "clean", "lossy"} {
		b.Run(name, func(b *testing.B) {
			p, _ := ProfileNamed(name)
			steps, messages := uint64(0), uint64(0)
			for i := range b.N {
				o := Run{Seed: uint64(i % 50), Profile: p}.Do()
				if o.Fault != nil {
					b.Fatal(o.Fault)
				}
				steps += o.Steps
				messages += o.Datagrams
			}
			b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
			b.ReportMetric(float64(messages)/float64(b.N), "datagrams/op")
		})
	}
}
