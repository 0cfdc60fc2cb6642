package main

import "slices"

// scalingWorkloads: "procs@W1" and "procs@W4@100" run W1 and W4@100 in
// processes with GOMAXPROCS 1 and 2, one after the other.
func scalingWorkloads(z sizes) []workload {
	var ws []workload
	for _, w := range slices.Concat(bulkWorkloads(z), requestWorkloads(z)) {
		if w.name != "W1" && w.name != "W4@100" {
			continue
		}
		unit := w.figures[0].unit
		ws = append(ws, workload{
			name: "procs@" + w.name, what: w.what + ", GOMAXPROCS 1 to 2",
			figures: []figure{
				{"growth", "x", false, []target{{bound: 1.4}}},
				{name: "GOMAXPROCS=1", unit: unit}, {name: "GOMAXPROCS=2", unit: unit},
			},
			on:  overPackets,
			run: func(s stack) ([]float64, error) { return scaling(w.name, s, z) },
		})
	}
	return ws
}

func scaling(name string, s stack, z sizes) ([]float64, error) {
	one, err := apart(name, s, z, "GOMAXPROCS=1")
	if err != nil {
		return nil, err
	}
	two, err := apart(name, s, z, "GOMAXPROCS=2")
	if err != nil {
		return nil, err
	}
	return []float64{two[0] / one[0], one[0], two[0]}, nil
}

// apart runs a workload once in another process.
func apart(name string, s stack, z sizes, env ...string) ([]float64, error) {
	c, err := newChild(env...)
	if err != nil {
		return nil, err
	}
	defer c.end()
	return c.run(name, s, z)
}
