// packets.js: the hosts' lanes, the datagrams between them, and the overview of the whole run.

const packetsCanvas = document.getElementById('packets');
const overviewCanvas = document.getElementById('overview');
const top0 = 44, bottom0 = 52;
const laneGap = Math.max(96, Math.min(230, 760 / Math.max(run.hosts.length - 1, 1)));
const packetsHeight = top0 + bottom0 + laneGap * Math.max(run.hosts.length - 1, 0);

// The host that most others talk to has the lane in the middle, so that fewer lines cross lanes.
const lanes = (() => {
  const peers = run.hosts.map(() => new Set());
  for (let d = 0; d < count; d++) if (D.To[d] >= 0) peers[D.From[d]].add(D.To[d]);
  const order = run.hosts.map((_, h) => h), hub = order.reduce((a, b) => (peers[b].size > peers[a].size ? b : a), 0);
  if (order.length > 2 && peers[hub].size > 1) {
    order.splice(order.indexOf(hub), 1);
    order.splice(Math.floor((order.length + 1) / 2), 0, hub);
  }
  return order.map((_, h) => order.indexOf(h));
})();
const laneY = (host) => (host < 0 ? packetsHeight - 14 : top0 + lanes[host] * laneGap);

const chosen = { datagram: -1, pinned: false };

const delays = new Map(Object.entries(run.links || {}));
const onTheWire = new Set(['lost', 'burst', 'target', 'down']);

// spot is where and when a mark is drawn: how far the datagram had come, of its whole way, and the time. What is lost on a
// wire is lost half way along it; what does not enter a link is lost in front of it.
function spot(m) {
  const d = M.Datagram[m], place = run.words[M.Place[m]], from = run.hosts[D.From[d]], to = run.hosts[D.To[d]];
  if (place === from) return [0.06, M.At[m]];
  if (place === to) return [1, M.At[m]];
  const up = delays.get(from + '>net') || 0, down = delays.get('net>' + to) || 0, own = delays.get(place) || 0;
  const wire = M.At[m] > 0 && onTheWire.has(run.words[M.What[m]]) || !M.Loss[m] ? own / 2 : 0;
  const between = place === from + '>net' || place === 'net>' + to ? 0 : own;
  const before = place === from + '>net' ? 0 : place === 'net>' + to ? up : up;
  const all = up + between + down;
  if (!all || place.endsWith(' nat') || place === 'net') return [place === from + '>net' ? 0.3 : place === 'net>' + to ? 0.7 : place.endsWith(' nat') ? 0.9 : 0.5, M.At[m]];
  return [Math.min(0.94, Math.max(0.08, (before + wire) / all)), M.At[m] + wire];
}
const spots = Array.from({ length: M.At.length }, (_, m) => spot(m));

// wayOf is the line of a datagram: it ends at its arrival, or at its loss.
function wayOf(d) {
  const y0 = laneY(D.From[d]), y1 = D.To[d] === D.From[d] ? y0 + 22 : laneY(D.To[d]);
  const way = { t0: D.Sent[d], y0, t1: D.Arrived[d], y1 };
  if (D.Arrived[d] >= 0) return way;
  way.t1 = D.Sent[d];
  way.y1 = y0;
  for (const m of marksOf.get(d) || []) {
    if (M.Loss[m] && spots[m][1] >= way.t1) {
      way.t1 = spots[m][1];
      way.y1 = y0 + (y1 - y0) * spots[m][0];
    }
  }
  if (way.t1 === way.t0 && way.y1 === y0) way.y1 = y0 + (y1 - y0) * 0.1; // it was under way when the run ended
  return way;
}
const ways = Array.from({ length: count }, (_, d) => wayOf(d));

// position is where a mark is drawn: on the datagram's line.
function position(m, width) {
  const d = M.Datagram[m], w = ways[d];
  if (M.Loss[m]) {
    const y1 = D.To[d] === D.From[d] ? w.y0 + 22 : laneY(D.To[d]);
    return [xOf(spots[m][1], width), w.y0 + (y1 - w.y0) * spots[m][0]];
  }
  const f = run.words[M.What[m]] in unreadMarks ? 1 : spots[m][0];
  return [xOf(w.t0 + (w.t1 - w.t0) * f, width), w.y0 + (w.y1 - w.y0) * f];
}
const unreadMarks = { 'nobody listens': 1, 'not its peer': 1 };

const hidden = (d) => classes[D.Class[d]].hidden || (view.only >= 0 && D.Conn[d] !== view.only);
function visible() {
  const list = [];
  for (let d = 0; d < count; d++) {
    if (D.Sent[d] <= view.to && ends[d] >= view.from && !hidden(d)) list.push(d);
  }
  return list;
}

function drawPackets() {
  const { g, width } = surface(packetsCanvas, packetsHeight);
  timeGrid(g, width, packetsHeight - 20, packetsHeight - 7);
  const labels = drawBands(g, width);
  const list = visible();
  g.save();
  g.beginPath();
  g.rect(gutter, 0, width - gutter, packetsHeight);
  g.clip();
  drawLines(g, width, list);
  drawMarks(g, width);
  if (chosen.datagram >= 0) drawChosen(g, width, chosen.datagram);
  crosshair(g, width, packetsHeight - 20);
  g.restore();
  drawLanes(g, width);
  for (const f of labels) f();
}

function drawLanes(g, width) {
  run.hosts.forEach((name, h) => {
    const y = laneY(h);
    g.strokeStyle = colours.soft;
    g.lineWidth = 1.5;
    line(g, gutter, y, width, y);
    g.lineWidth = 1;
    g.font = bold;
    g.textAlign = 'right';
    g.textBaseline = 'middle';
    g.fillStyle = colours.card;
    g.fillRect(0, y - 12, gutter, 24);
    g.fillStyle = colours.ink;
    g.fillText(name.length > 10 ? name.slice(0, 9) + '…' : name, gutter - 10, y);
    g.font = small;
  });
}

// drawBands draws what was the matter with hosts and links.
function drawBands(g, width) {
  const used = new Map(), labels = []; // by height: where the last label ends
  const label = (text, x, y, colour) => {
    if (x < (used.get(y) || 0)) return;
    used.set(y, x + g.measureText(text).width + 8);
    labels.push(() => {
      g.textAlign = 'left';
      g.textBaseline = 'middle';
      halo(g, text, x, y, colour);
    });
  };
  for (const b of bands) {
    const until = b.until < 0 ? whole.to : b.until;
    if (b.from > view.to || until < view.from) continue;
    const x0 = Math.max(xOf(b.from, width), gutter), x1 = Math.min(Math.max(xOf(until, width), x0 + 1), width);
    const own = run.hosts.indexOf(b.place);
    const of = run.hosts.findIndex((h) => b.place === h + '>net' || b.place === 'net>' + h);
    const colour = b.what === 'frozen' ? colours.frozen : b.what === 'rebind' || b.what.startsWith('MTU') ? colours.late : colours.down;
    const y = own >= 0 || of >= 0 ? laneY(own >= 0 ? own : of) : packetsHeight / 2 - 10;
    const text = own >= 0 ? b.what : b.what + ' ' + b.place;
    const up = b.place.startsWith('net>') ? -1 : 1;
    if (b.from === b.until) {
      g.strokeStyle = colour;
      g.setLineDash([4, 3]);
      line(g, x0, y - 24, x0, y + 24);
      g.setLineDash([]);
      label(text, x0 + 4, y - 24, colour);
      continue;
    }
    if (own >= 0) hatch(g, x0, y - 16, x1 - x0, 32, colour);
    else if (of >= 0) hatch(g, x0, up > 0 ? y : y - 14, x1 - x0, 14, colour);
    else hatch(g, x0, top0, x1 - x0, packetsHeight - top0 - bottom0, colour, 0.6);
    label(text, x0 + 4, own >= 0 ? y - 24 : y + up * 22, colour);
  }
  return labels;
}

function drawLines(g, width, list) {
  const crowd = list.length / Math.max(width - gutter, 1);
  g.globalAlpha = Math.max(0.14, Math.min(0.9, 0.75 / Math.max(crowd, 0.6)));
  g.lineWidth = list.length < 60 ? 1.6 : 1;
  // What matters more is drawn later: the order of classes is not that of importance.
  for (const c of [4, 3, 5, 7, 2, 1, 0, 6, 8]) {
    g.strokeStyle = g.fillStyle = colours[classes[c].key];
    if (c === 8) g.globalAlpha = 0.9;
    g.beginPath();
    for (const d of list) {
      if (D.Class[d] !== c) continue;
      const w = ways[d];
      g.moveTo(xOf(w.t0, width), w.y0);
      g.lineTo(xOf(w.t1, width), w.y1);
    }
    g.stroke();
    if (list.length > 700) continue;
    for (const d of list) if (D.Class[d] === c && D.Arrived[d] >= 0) arrowHead(g, width, d);
  }
  g.globalAlpha = 0.9;
  for (const d of list) for (const at of copiesOf.get(d) || []) {
    const w = ways[d];
    g.strokeStyle = colours.twice;
    g.setLineDash([4, 3]);
    line(g, xOf(w.t0, width), w.y0, xOf(at, width), laneY(D.To[d]));
    g.setLineDash([]);
  }
  g.globalAlpha = 1;
  g.lineWidth = 1;
  const placed = [];
  if (list.length <= 150) for (const d of list) caption(g, width, d, placed);
}

function arrowHead(g, width, d) {
  const w = ways[d], x0 = xOf(w.t0, width), x1 = xOf(w.t1, width);
  const a = Math.atan2(w.y1 - w.y0, x1 - x0), size = 6;
  g.beginPath();
  g.moveTo(x1, w.y1);
  g.lineTo(x1 - size * Math.cos(a - 0.4), w.y1 - size * Math.sin(a - 0.4));
  g.lineTo(x1 - size * Math.cos(a + 0.4), w.y1 - size * Math.sin(a + 0.4));
  g.fill();
}

// caption writes what is in a datagram along its line, if there is room beside those that are placed.
function caption(g, width, d, placed) {
  const w = ways[d], x0 = xOf(w.t0, width), x1 = xOf(w.t1, width), long = Math.hypot(x1 - x0, w.y1 - w.y0);
  const text = gist(d, Math.floor(long / 6.4) - 4);
  const x = (x0 + x1) / 2;
  if (long < 110 || Math.abs(x1 - x0) < 70 || x < gutter || x > width || !text) return;
  const y = (w.y0 + w.y1) / 2, half = g.measureText(text).width / 2, a = Math.atan2(w.y1 - w.y0, x1 - x0);
  for (const [px, py, pa, pHalf] of placed) {
    for (const f of [-1, -0.5, 0, 0.5, 1]) {
      const dx = x + f * half * Math.cos(a) - px, dy = y + f * half * Math.sin(a) - py;
      const along = dx * Math.cos(pa) + dy * Math.sin(pa), off = -dx * Math.sin(pa) + dy * Math.cos(pa);
      if (Math.abs(along) < pHalf + 8 && Math.abs(off) < 16) return;
    }
  }
  placed.push([x, y, a, half]);
  g.save();
  g.translate(x, y);
  g.rotate(a);
  g.textAlign = 'center';
  g.textBaseline = 'bottom';
  halo(g, text, 0, -2, colours[classes[D.Class[d]].key]);
  g.restore();
}

// gist is a datagram in a few words.
function gist(d, room) {
  const parts = [];
  for (let p = firstPacket[d]; p < firstPacket[d + 1]; p++) {
    const frames = P.Text[p].split('\n').filter((f) => !f.startsWith('PADDING')).map((f) => f.replace(/(STREAM|CRYPTO) (.*)/, '$1 $2'));
    parts.push(levels[P.Level[p]] + ' ' + P.Number[p] + '  ' + frames.join(', '));
  }
  const text = parts.join(' | ') || classes[D.Class[d]].name;
  return room < 8 ? '' : text.length > room ? text.slice(0, room - 1) + '…' : text;
}

// drawMarks draws what happened to datagrams; losses last, every one, whatever is hidden.
function drawMarks(g, width) {
  let drawn = 0;
  const room = M.At.length < 400 || span() < (whole.to - whole.from) / 3;
  for (const lost of [0, 1]) {
    for (let m = 0; m < M.At.length; m++) {
      if (M.Loss[m] !== lost) continue;
      const d = M.Datagram[m];
      if (Math.max(ends[d], spots[m][1]) < view.from || D.Sent[d] > view.to || (!lost && hidden(d))) continue;
      const [x, y] = position(m, width);
      if (lost) {
        cross(g, x, y, room ? 4.5 : 3);
        drawn++;
      } else glyph(g, x, y, run.words[M.What[m]]);
    }
  }
  document.body.dataset.lossesDrawn = drawn;
  if (visibleLosses() <= 24) labelLosses(g, width);
}

function visibleLosses() {
  let n = 0;
  for (const m of losses) if (M.At[m] >= view.from && M.At[m] <= view.to) n++;
  return n;
}

function labelLosses(g, width) {
  g.textAlign = 'left';
  g.textBaseline = 'middle';
  let end = -1e9;
  for (const m of losses) {
    const [x, y] = position(m, width), text = run.words[M.What[m]];
    if (x < gutter || x > width || x < end) continue;
    halo(g, text, x + 8, y, colours.loss);
    end = x + 14 + g.measureText(text).width;
  }
}

function cross(g, x, y, r) {
  for (const [w, colour] of [[4.5, colours.card], [2, colours.loss]]) {
    g.lineWidth = w;
    g.strokeStyle = colour;
    g.beginPath();
    g.moveTo(x - r, y - r);
    g.lineTo(x + r, y + r);
    g.moveTo(x - r, y + r);
    g.lineTo(x + r, y - r);
    g.stroke();
  }
  g.lineWidth = 1;
}

const glyphs = { corrupt: '◆', twice: '‖', late: '↷', marked: '▲', 'nobody listens': '○', 'not its peer': '○' };
function glyph(g, x, y, what) {
  const key = what in unreadMarks ? 'unread' : what;
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.font = '700 12px system-ui, sans-serif';
  halo(g, glyphs[what] || '•', x, y, colours[key] || colours.ink);
  g.font = small;
}

function drawChosen(g, width, d) {
  const w = ways[d];
  g.strokeStyle = g.fillStyle = colours[classes[D.Class[d]].key];
  g.lineWidth = 3;
  line(g, xOf(w.t0, width), w.y0, xOf(w.t1, width), w.y1);
  if (D.Arrived[d] >= 0) arrowHead(g, width, d);
  for (const m of marksOf.get(d) || []) if (M.Loss[m]) cross(g, ...position(m, width), 6);
  g.lineWidth = 1;
}

// nearest finds the datagram under a point.
function nearest(x, y, width) {
  let best = -1, least = 7;
  for (const d of visible()) {
    const w = ways[d], x0 = xOf(w.t0, width), x1 = xOf(w.t1, width);
    const dx = x1 - x0, dy = w.y1 - w.y0, f = Math.min(1, Math.max(0, ((x - x0) * dx + (y - w.y0) * dy) / (dx * dx + dy * dy || 1)));
    const far = Math.hypot(x - x0 - f * dx, y - w.y0 - f * dy) - (D.Arrived[d] < 0 ? 2 : 0);
    if (far < least) { least = far; best = d; }
  }
  return best;
}

// drawOverview shows how much was sent when, the losses, and what part is shown.
function drawOverview() {
  const { g, width, height } = surface(overviewCanvas, 54);
  const bins = Math.max(1, Math.floor((width - gutter - margin) / 3)), heights = new Float64Array(bins), all = whole.to - whole.from;
  for (let d = 0; d < count; d++) heights[Math.min(bins - 1, Math.floor((D.Sent[d] - whole.from) / all * bins))] += D.Size[d];
  const most = Math.max(...heights, 1), at = (t) => gutter + (t - whole.from) / all * (width - gutter - margin);
  g.fillStyle = colours.data;
  g.globalAlpha = 0.55;
  for (let i = 0; i < bins; i++) {
    const h = Math.sqrt(heights[i] / most) * 32;
    if (h > 0) g.fillRect(gutter + i * 3, 44 - h, 2, h);
  }
  g.globalAlpha = 1;
  for (const b of bands) {
    const until = b.until < 0 ? whole.to : b.until;
    g.fillStyle = b.what === 'frozen' ? colours.frozen : colours.down;
    g.globalAlpha = 0.22;
    g.fillRect(at(b.from), 8, Math.max(at(until) - at(b.from), 1), 36);
  }
  g.globalAlpha = 1;
  g.fillStyle = colours.loss;
  for (const m of losses) g.fillRect(at(M.At[m]) - 0.75, 45, 1.5, 6);
  g.fillStyle = colours.faint;
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  g.fillText('whole run', gutter - 10, 28);
  if (losses.length) {
    g.fillStyle = colours.loss;
    g.fillText('losses', gutter - 10, 47);
  }
  const x0 = at(view.from), x1 = Math.max(at(view.to), x0 + 2);
  if (span() < all * 0.999) {
    g.fillStyle = colours.shade;
    g.fillRect(x0, 2, x1 - x0, height - 4);
    g.strokeStyle = colours.accent;
    g.strokeRect(x0 + 0.5, 2.5, x1 - x0 - 1, height - 5);
  }
}

view.changed.push(drawPackets, drawOverview);
