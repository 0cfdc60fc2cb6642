// paint.js: canvases that follow the screen's pixels and the page's colours.

let colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = new Proxy({}, { get: (cache, name) => cache[name] ||= style.getPropertyValue('--' + name).trim() });
}

const small = '11px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
const bold = '600 13px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';

// surface sizes a canvas and clears it.
function surface(canvas, height) {
  const width = canvas.clientWidth, scale = window.devicePixelRatio || 1;
  canvas.style.height = height + 'px';
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const g = canvas.getContext('2d');
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = small;
  g.lineWidth = 1;
  g.globalAlpha = 1;
  g.setLineDash([]);
  return { g, width, height };
}

// nice is a step of 1, 2 or 5 that leaves room for labels.
function nice(range, most) {
  const raw = range / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(raw));
  for (const m of [1, 2, 5, 10]) if (m * power >= raw) return m * power;
}

// timeGrid draws vertical lines, with times at y if it is given.
function timeGrid(g, width, height, y) {
  const step = nice(span(), (width - gutter) / 95);
  g.textAlign = 'center';
  g.textBaseline = 'alphabetic';
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    if (t < 0) continue;
    const x = Math.round(xOf(t, width)) + 0.5;
    if (x < gutter - 1) continue;
    g.strokeStyle = colours.grid;
    line(g, x, 0, x, height);
    if (y === undefined || x > width - 28) continue;
    const ms = t / 1000, digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
    const fine = step >= 1e6 ? 0 : step >= 1e5 ? 1 : step >= 1e4 ? 2 : 3;
    g.fillStyle = colours.faint;
    g.fillText(whole.to > 2e6 && step >= 1000 ? (t / 1e6).toFixed(fine) + ' s' : ms.toFixed(digits) + ' ms', x, y);
  }
}

function line(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}

// halo writes text that can be read on anything.
function halo(g, text, x, y, colour) {
  g.lineJoin = 'round';
  g.lineWidth = 3;
  g.strokeStyle = colours.card;
  g.strokeText(text, x, y);
  g.lineWidth = 1;
  g.fillStyle = colour;
  g.fillText(text, x, y);
}

// hatch fills a box with slanting lines.
function hatch(g, x, y, w, h, colour, alpha = 1) {
  g.save();
  g.beginPath();
  g.rect(x, y, w, h);
  g.clip();
  g.globalAlpha = 0.16 * alpha;
  g.fillStyle = g.strokeStyle = colour;
  g.fillRect(x, y, w, h);
  g.globalAlpha = 0.45 * alpha;
  g.beginPath();
  for (let s = x - h - (x - h) % 7; s < x + w; s += 7) {
    g.moveTo(s, y + h);
    g.lineTo(s + h, y);
  }
  g.stroke();
  g.restore();
}

// crosshair shows the time under the pointer on every canvas.
function crosshair(g, width, height) {
  if (view.hover === null || view.hover < view.from || view.hover > view.to) return;
  g.save();
  g.strokeStyle = colours.faint;
  g.setLineDash([3, 3]);
  const x = Math.round(xOf(view.hover, width)) + 0.5;
  line(g, x, 0, x, height);
  g.restore();
}
