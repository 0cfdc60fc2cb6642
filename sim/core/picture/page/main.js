// main.js: the head of the page, the legend, pointer and keys.

const el = (id) => document.getElementById(id);

function head() {
  document.title = `${run.failed ? 'failed' : 'passed'}: ${run.test}, seed ${run.seed}`;
  el('result').textContent = run.failed ? 'failed' : 'passed';
  el('result').className = 'badge ' + (run.failed ? 'failed' : 'passed');
  el('test').textContent = run.test;
  el('fault').textContent = run.fault;
  el('fault').hidden = !run.fault;
  el('command').textContent = run.command;
  const facts = [['seed', run.seed], ['virtual time', duration(run.elapsed)], ['datagrams', thousands(count + run.omitted)], ['lost', thousands(run.losses)],
    ['connections', (run.conns || []).length], ['steps', thousands(run.steps)], ['hash', run.hash]];
  el('facts').innerHTML = facts.map(([k, v]) => `<div><dt>${k}</dt><dd>${safe(v)}</dd></div>`).join('');
  el('omitted').hidden = !run.omitted;
  el('omitted').textContent = `The run is longer than a page can show: ${thousands(run.omitted)} later datagrams are not drawn. Losses are.`;
  el('copy').onclick = () => navigator.clipboard && navigator.clipboard.writeText(run.command);
}

function legend() {
  const box = el('legend');
  for (const c of classes) {
    if (!c.count) continue;
    const b = document.createElement('button');
    b.innerHTML = `<i style="background:var(--${c.key})"></i>${c.name} <small>${thousands(c.count)}</small>`;
    b.setAttribute('aria-pressed', 'true');
    b.onclick = () => {
      c.hidden = !c.hidden;
      b.setAttribute('aria-pressed', String(!c.hidden));
      repaint();
    };
    box.append(b);
  }
  const seen = new Map([['loss', losses.length]]);
  for (let m = 0; m < M.At.length; m++) {
    const what = run.words[M.What[m]];
    if (!M.Loss[m]) seen.set(what, (seen.get(what) || 0) + 1);
  }
  const names = { loss: 'lost', corrupt: 'corrupted', twice: 'duplicated', late: 'held back', marked: 'marked CE' };
  for (const [what, n] of seen) {
    const s = document.createElement('span');
    s.innerHTML = `<b style="color:var(--${what in unreadMarks ? 'unread' : what})">${what === 'loss' ? '✕' : glyphs[what]}</b>${names[what] || what} <small>${thousands(n)}</small>`;
    box.append(s);
  }
}

// pointing: hover, drag, wheel.
function pointing() {
  let drag = null, queued = false;
  const local = (e) => {
    const r = packetsCanvas.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top, r.width];
  };
  packetsCanvas.onpointerdown = (e) => {
    const [x, , width] = local(e);
    packetsCanvas.setPointerCapture(e.pointerId);
    drag = { x, width, from: view.from, to: view.to, moved: false, box: e.shiftKey ? timeOf(x, width) : null };
  };
  packetsCanvas.onpointermove = (e) => {
    const [x, y, width] = local(e);
    view.hover = x >= gutter ? timeOf(x, width) : null;
    if (drag) {
      if (Math.abs(x - drag.x) > 3) drag.moved = true;
      if (drag.moved && drag.box === null) {
        packetsCanvas.classList.add('dragging');
        const by = (drag.x - x) / (width - gutter - margin) * (drag.to - drag.from);
        show(drag.from + by, drag.to + by);
      }
    } else if (!queued) {
      queued = true;
      requestAnimationFrame(() => {
        queued = false;
        const d = nearest(x, y, width);
        showTip(d, e.clientX, e.clientY);
        if (!chosen.pinned && d !== chosen.datagram) choose(d, false);
      });
    }
    repaint();
  };
  packetsCanvas.onpointerup = (e) => {
    const [x, y, width] = local(e);
    if (drag && drag.box !== null && drag.moved) show(Math.min(drag.box, timeOf(x, width)), Math.max(drag.box, timeOf(x, width)));
    else if (drag && !drag.moved) { const d = nearest(x, y, width); choose(d, d >= 0); }
    drag = null;
    packetsCanvas.classList.remove('dragging');
  };
  packetsCanvas.onpointerleave = () => { view.hover = null; tip.hidden = true; repaint(); };
  packetsCanvas.addEventListener('wheel', (e) => {
    const [x, , width] = local(e);
    e.preventDefault();
    tip.hidden = true;
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) move(e.deltaX / width * span());
    else zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.004), timeOf(Math.max(x, gutter), width));
  }, { passive: false });
  charts();
  const jump = (e) => {
    const r = overviewCanvas.getBoundingClientRect(), t = whole.from + (e.clientX - r.left - gutter) / (r.width - gutter - margin) * (whole.to - whole.from);
    const s = span() > 0.99 * (whole.to - whole.from) ? (whole.to - whole.from) / 10 : span();
    show(t - s / 2, t + s / 2);
  };
  overviewCanvas.onpointerdown = (e) => { overviewCanvas.setPointerCapture(e.pointerId); jump(e); };
  overviewCanvas.onpointermove = (e) => { if (e.buttons) jump(e); };
}

// charts follow the pointer, and zoom with ctrl and the wheel: without, the page scrolls.
function charts() {
  for (const s of sections) for (const canvas of s.canvases) {
    canvas.onpointermove = (e) => {
      const r = canvas.getBoundingClientRect(), x = e.clientX - r.left;
      view.hover = x >= gutter ? timeOf(x, r.width) : null;
      repaint();
    };
    canvas.onpointerleave = () => { view.hover = null; repaint(); };
    canvas.addEventListener('wheel', (e) => {
      if (!e.ctrlKey) return;
      e.preventDefault();
      const r = canvas.getBoundingClientRect();
      zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.004), timeOf(e.clientX - r.left, r.width));
    }, { passive: false });
  }
}

const orders = {
  out: () => zoom(1.6), in: () => zoom(1 / 1.6), fit, busy, before: () => stepLoss(-1), after: () => stepLoss(1),
  next: () => stepDatagram(1), previous: () => stepDatagram(-1), left: () => move(-span() / 8), right: () => move(span() / 8),
  free: () => { tip.hidden = true; choose(-1, false); }, help: () => el('help').showModal(), theme: () => theme(!dark),
};
const keys = {
  '-': 'out', '+': 'in', '=': 'in', 0: 'fit', b: 'busy', p: 'before', n: 'after', '.': 'next', ',': 'previous', ArrowLeft: 'left', ArrowRight: 'right',
  Escape: 'free', '?': 'help', t: 'theme',
};

let dark = matchMedia('(prefers-color-scheme: dark)').matches;
function theme(on) {
  dark = on;
  document.documentElement.classList.toggle('dark', dark);
  readColours();
  repaint();
}

function start() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  theme(wanted.has('theme') ? wanted.get('theme') === 'dark' : dark);
  head();
  legend();
  lists();
  pointing();
  for (const b of document.querySelectorAll('#bar [data-do]')) b.onclick = () => orders[b.dataset.do]();
  el('theme').onclick = orders.theme;
  el('help-open').onclick = orders.help;
  addEventListener('keydown', (e) => {
    const order = keys[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (!order || e.ctrlKey || e.metaKey || e.altKey || el('help').open) return;
    e.preventDefault();
    orders[order]();
  });
  addEventListener('resize', repaint);
  view.changed.push(() => { el('range').textContent = `${seconds(Math.max(view.from, 0), span())} to ${seconds(view.to, span())}`; });
  // #from=US&to=US shows a time, and #loss=N the N-th loss: for links to a moment of a run.
  const loss = losses[+(wanted.get('loss') || -1)];
  if (loss !== undefined) toLoss(loss);
  if (wanted.has('from')) show(+wanted.get('from'), +wanted.get('to'));
  document.body.dataset.losses = losses.length;
  for (const f of view.changed) f();
  window.timeline = { show, fit, draw: () => view.changed.forEach((f) => f()) }; // for scripts
  document.body.dataset.ready = 'yes';
}
start();
