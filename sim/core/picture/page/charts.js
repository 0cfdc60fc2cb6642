// charts.js: what the ends of each connection knew and did.

const palette = ['#2f74d0', '#e07a1f', '#2b9a66', '#c2417f', '#7d5bd0', '#b08900', '#1f9fb3', '#cf4a3c', '#6b7f3a', '#9a5f3c'];

// rowAt finds the last row of a column of times that is not behind t.
function rowAt(times, t) {
  let lo = 0, hi = times.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (times[mid] <= t) lo = mid + 1; else hi = mid;
  }
  return lo - 1;
}

// most is the largest value in view.
function most(times, values, floor) {
  let m = floor;
  for (let i = Math.max(0, rowAt(times, view.from)); i < times.length && times[i] <= view.to; i++) m = Math.max(m, values[i]);
  return m;
}

// chart draws a frame, and gives back a function from values to pixels.
function chart(canvas, height, title, max, unit, withTime) {
  const { g, width } = surface(canvas, height);
  const bottom = height - (withTime ? 22 : 8), top = 26;
  timeGrid(g, width, bottom, withTime ? height - 7 : undefined);
  const y = (v) => bottom - v / max * (bottom - top);
  const step = nice(max, (bottom - top) / 30);
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  for (let v = 0; v <= max; v += step) {
    g.strokeStyle = colours.grid;
    line(g, gutter, Math.round(y(v)) + 0.5, width - margin, Math.round(y(v)) + 0.5);
    g.fillStyle = colours.faint;
    if (y(v) > top + 5) g.fillText(unit(v), gutter - 8, y(v));
  }
  g.textAlign = 'left';
  g.textBaseline = 'middle';
  g.font = '600 12px system-ui, sans-serif';
  g.fillStyle = colours.ink;
  g.fillText(title, 14, 13);
  const after = 14 + g.measureText(title).width + 18;
  g.font = small;
  g.save();
  g.beginPath();
  g.rect(gutter, top - 3, width - gutter, height);
  return { g, width, height, top, bottom, y, after };
}

// key writes coloured names behind the title, with the values under the pointer.
function key(c, entries) {
  let x = c.after;
  c.g.textAlign = 'left';
  c.g.textBaseline = 'middle';
  for (const [colour, text] of entries) {
    const w = c.g.measureText(text).width;
    if (x + w + 20 > c.width) break;
    c.g.fillStyle = colour;
    c.g.fillRect(x, 11.5, 12, 3);
    c.g.fillStyle = colours.soft;
    c.g.fillText(text, x + 17, 13);
    x += w + 33;
  }
}

// steps draws a curve that keeps its value until the next one, thinned to a few points a pixel.
function steps(c, times, values, colour, wide = 1.5, fill = false) {
  const { g } = c;
  let i = Math.max(0, rowAt(times, view.from)), last = -1e9, y = 0, before = 0;
  if (!times.length) return;
  g.beginPath();
  for (; i < times.length; i++) {
    const x = Math.max(xOf(times[i], c.width), gutter);
    y = c.y(values[i]);
    if (last === -1e9) g.moveTo(x, fill ? c.bottom : y);
    else if (x - last > 0.4) g.lineTo(x, before);
    g.lineTo(x, y);
    before = y;
    last = x;
    if (times[i] > view.to) break;
  }
  if (i >= times.length) g.lineTo(last = Math.min(xOf(Math.min(whole.to, run.elapsed), c.width), c.width - margin), y);
  if (fill) {
    g.lineTo(last, c.bottom);
    g.globalAlpha = 0.22;
    g.fillStyle = colour;
    g.fill();
    g.globalAlpha = 1;
    return;
  }
  g.strokeStyle = colour;
  g.lineWidth = wide;
  g.stroke();
  g.lineWidth = 1;
}

// reading is a column's value under the pointer, as text behind a name.
function reading(name, times, values, unit) {
  const i = view.hover === null ? -1 : rowAt(times, view.hover);
  return i < 0 ? name : name + ' ' + unit(values[i]);
}

function drawWindow(canvas, side) {
  const m = side.metrics;
  const max = 1.12 * Math.max(most(m.At, m.Window, 1), most(m.At, m.InFlight, 1));
  const c = chart(canvas, 150, 'Congestion window', max, bytes, false), { g } = c;
  key(c, [[colours.window, reading('window', m.At, m.Window, bytes)], [colours.flight, reading('bytes in flight', m.At, m.InFlight, bytes)],
    [colours.loss, 'declared lost (' + side.lost.length + ')']]);
  g.clip();
  steps(c, m.At, m.InFlight, colours.flight, 1, true);
  steps(c, m.At, m.InFlight, colours.flight, 1);
  steps(c, m.At, m.Window, colours.window, 2);
  g.fillStyle = colours.loss;
  for (const at of side.lost) g.fillRect(xOf(at, c.width) - 0.75, c.bottom, 1.5, 7);
  events(c, side);
  crosshair(g, c.width, c.height);
  g.restore();
}

// events draws the steps of a connection's life.
function events(c, side) {
  let end = -1e9, row = 0;
  c.g.textAlign = 'left';
  c.g.textBaseline = 'middle';
  for (const e of side.events) {
    if (e.at < view.from || e.at > view.to) continue;
    const x = Math.round(xOf(e.at, c.width)) + 0.5;
    c.g.strokeStyle = colours.faint;
    c.g.setLineDash([2, 3]);
    line(c.g, x, c.top, x, c.bottom);
    c.g.setLineDash([]);
    row = x < end ? row + 1 : 0;
    if (row > 5) continue;
    const text = e.what.length > 44 ? e.what.slice(0, 43) + '…' : e.what, w = c.g.measureText(text).width;
    const left = x + 4 + w > c.width - 4;
    halo(c.g, text, left ? x - 4 - w : x + 4, c.top + 8 + row * 13, colours.soft);
    end = Math.max(end, x + w + 10);
  }
}

function drawRTT(canvas, side) {
  const m = side.metrics, c = chart(canvas, 110, 'Round trip', 1.15 * most(m.At, m.RTT, 1000), duration, false), { g } = c;
  key(c, [[colours.rtt, reading('smoothed', m.At, m.RTT, duration)], [colours.faint, reading('least', m.At, m.MinRTT, duration)],
    [colours.corrupt, reading('probe timeouts in a row', m.At, m.PTO, String)]]);
  g.clip();
  steps(c, m.At, m.MinRTT, colours.faint, 1);
  steps(c, m.At, m.RTT, colours.rtt, 2);
  g.fillStyle = colours.corrupt;
  for (let i = 0; i < m.At.length; i++) {
    if (m.PTO[i] > 0 && m.At[i] >= view.from && m.At[i] <= view.to) g.fillRect(xOf(m.At[i], c.width) - 1, c.bottom - 8, 2, 8);
  }
  crosshair(g, c.width, c.height);
  g.restore();
}

function drawStreams(canvas, side) {
  const all = side.streams.filter((s) => s.sent.At.length);
  let max = 100;
  for (const s of all) max = most(s.sent.At, s.sent.Offset, max);
  const c = chart(canvas, 200, 'Streams', 1.08 * max, bytes, true), { g } = c;
  const big = [...all].sort((a, b) => b.sent.Offset.at(-1) - a.sent.Offset.at(-1));
  const colourOf = new Map(big.map((s, i) => [s, palette[i % palette.length]]));
  key(c, [[colours.faint, 'thin: sent, thick: received without a gap, dots: sent again'],
    ...big.slice(0, 8).map((s) => [colourOf.get(s), reading(s.id + ' ' + (s.label || ''), s.received.At, s.received.Offset, bytes)])]);
  g.clip();
  for (const s of big.reverse()) {
    const colour = colourOf.get(s);
    g.globalAlpha = 0.6;
    steps(c, s.sent.At, s.sent.Offset, colour, 1);
    g.globalAlpha = 1;
    steps(c, s.received.At, s.received.Offset, colour, 2.2);
    g.fillStyle = colours.loss;
    for (let i = 0; i < s.again.At.length; i++) {
      if (s.again.At[i] < view.from || s.again.At[i] > view.to) continue;
      g.beginPath();
      g.arc(xOf(s.again.At[i], c.width), c.y(s.again.Offset[i]), 2.2, 0, 7);
      g.fill();
    }
    const end = s.received.Offset.at(-1);
    if (s.fin >= view.from && s.fin <= view.to && end !== undefined) {
      g.beginPath();
      g.arc(xOf(s.received.At.at(-1), c.width), c.y(end), 3.5, 0, 7);
      g.fillStyle = colour;
      g.fill();
    }
  }
  crosshair(g, c.width, c.height);
  g.restore();
}

// A connection is a section with a tab for each side; it is drawn while it is open.
const sections = (run.conns || []).map((c, n) => {
  const el = document.createElement('details');
  el.className = 'conn';
  el.open = n < 2;
  const name = (s) => run.hosts[s.host];
  const ends = c.sides.map(name);
  const summary = document.createElement('summary');
  summary.innerHTML = '<strong></strong><code></code><span class="grow"></span><span class="tabs" role="group"></span>';
  summary.children[0].textContent = 'Connection ' + (n + 1) + ': ' + ends.join(' and ');
  summary.children[1].textContent = c.id;
  const only = document.createElement('button');
  only.type = 'button';
  only.className = 'only';
  only.textContent = 'only its packets';
  only.title = 'Hide the packets of other connections; losses stay';
  only.setAttribute('aria-pressed', 'false');
  only.onclick = (e) => {
    e.preventDefault();
    view.only = view.only === n ? -1 : n;
    for (const b of document.querySelectorAll('.only')) b.setAttribute('aria-pressed', String(b === only && view.only === n));
    repaint();
  };
  if (run.conns.length > 1) summary.insertBefore(only, summary.lastElementChild);
  el.append(summary);
  const sum = (s) => s.streams.reduce((n, f) => n + (f.sent.Offset.at(-1) || 0), 0);
  const state = { el, side: c.sides.reduce((a, b) => (sum(b) > sum(a) ? b : a)) };
  const tabs = c.sides.map((s) => {
    const b = document.createElement('button');
    b.type = 'button';
    b.textContent = name(s) + ' sends';
    b.onclick = (e) => { e.preventDefault(); state.side = s; el.open = true; mark(); repaint(); };
    summary.lastElementChild.append(b);
    return b;
  });
  const note = document.createElement('div');
  note.className = 'dropped';
  const mark = () => {
    tabs.forEach((b, i) => b.setAttribute('aria-pressed', c.sides[i] === state.side));
    const dropped = state.side.dropped || [];
    note.textContent = dropped.length ? name(state.side) + ' dropped ' + dropped.join(', ') : '';
  };
  mark();
  state.canvases = ['Congestion window and bytes in flight', 'Smoothed round-trip time', 'Stream progress'].map((label) => {
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', label);
    el.append(canvas);
    return canvas;
  });
  el.insertBefore(note, el.children[1]);
  el.ontoggle = repaint;
  document.getElementById('conns').append(el);
  return state;
});

view.changed.push(() => {
  for (const s of sections) {
    if (!s.el.open) continue;
    drawWindow(s.canvases[0], s.side);
    drawRTT(s.canvases[1], s.side);
    drawStreams(s.canvases[2], s.side);
  }
});
