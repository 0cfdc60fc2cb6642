// view.js: which time is shown. All canvases show the same.

const gutter = 84; // pixels in front of the time
const margin = 14; // behind it

const whole = (() => {
  let end = 0;
  for (let i = 0; i < count; i++) end = Math.max(end, ends[i]);
  for (const b of bands) if (b.until <= run.elapsed) end = Math.max(end, b.until);
  end = Math.max(end, 1000);
  return { from: -0.01 * end, to: 1.015 * end };
})();

const view = { from: whole.from, to: whole.to, hover: null, only: -1, changed: [] };
let pending = false;

// repaint has everything drawn again, once a frame.
function repaint() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    for (const f of view.changed) f();
  });
}

function show(from, to) {
  const least = 20, span = Math.min(Math.max(to - from, least), whole.to - whole.from);
  const mid = (from + to) / 2;
  from = Math.min(Math.max(mid - span / 2, whole.from), whole.to - span);
  view.from = from;
  view.to = from + span;
  repaint();
}

const span = () => view.to - view.from;
function zoom(factor, at = (view.from + view.to) / 2) {
  const s = Math.min(span() * factor, whole.to - whole.from);
  const share = (at - view.from) / span();
  show(at - s * share, at + s * (1 - share));
}
const move = (by) => show(view.from + by, view.to + by);
const fit = () => show(whole.from, whole.to);

// busy shows the shortest time in which nine of ten datagrams are sent.
function busy() {
  const n = Math.ceil(count * 0.9);
  if (n < 2) return fit();
  let best = 0;
  for (let i = 0; i + n <= count; i++) if (D.Sent[i + n - 1] - D.Sent[i] < D.Sent[best + n - 1] - D.Sent[best]) best = i;
  const from = D.Sent[best], to = ends[best + n - 1], room = (to - from) * 0.04;
  show(from - room, to + room);
}

// glance brings a time into view, close enough to tell what happens there.
function glance(at) {
  const s = Math.min(span(), Math.max((whole.to - whole.from) / 12, 2000));
  show(at - s / 2, at + s / 2);
}

const xOf = (t, width) => gutter + (t - view.from) / span() * (width - gutter - margin);
const timeOf = (x, width) => view.from + (x - gutter) / (width - gutter - margin) * span();
