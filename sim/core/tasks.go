package core

import "slices"

// task is an app task that has not ended.
type task struct{ name string }

// start starts an app task and remembers it until it ends.
func (w *World) start(name string, f func()) {
	t := &task{name}
	w.mu.Lock()
	w.tasks = append(w.tasks, t)
	w.mu.Unlock()
	w.pace.Start(func() {
		defer w.ended(t)
		f()
	})
}

func (w *World) ended(t *task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.tasks, t)
	w.tasks = slices.Delete(w.tasks, i, i+1)
}

// Tasks names the app tasks that have not ended: handlers, and what else engines started.
func (w *World) Tasks() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, t := range w.tasks {
		names = append(names, t.name)
	}
	return names
}
