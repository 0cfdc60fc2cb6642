package core

import "slices"

// start starts an app task and remembers it until it ends.
func (w *World) start(it *item) {
	w.mu.Lock()
	w.tasks = append(w.tasks, it)
	w.mu.Unlock()
	w.pace.Start(func() {
		defer w.ended(it)
		it.start()
	})
}

func (w *World) ended(it *item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.tasks, it)
	w.tasks = slices.Delete(w.tasks, i, i+1)
}

// Tasks names the app tasks that have not ended: handlers, and what else engines started.
func (w *World) Tasks() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, it := range w.tasks {
		names = append(names, it.host.name+": "+it.task)
	}
	return names
}
