// details.js: a datagram in words, and the lists of losses and decisions.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const safe = (s) => String(s).replace(/[&<>"]/g, (c) => escapes[c]);
const hostOf = (h) => (h < 0 ? 'nobody' : run.hosts[h]);

// describe is a datagram as HTML.
function describe(d, brief) {
  const c = classes[D.Class[d]], lines = [];
  lines.push(`<h2><i style="background:var(--${c.key})"></i>${safe(hostOf(D.From[d]))} → ${safe(hostOf(D.To[d]))}</h2>`);
  const pairs = [['datagram', `${safe(c.name)}, ${D.Size[d]} bytes`], ['sent', seconds(D.Sent[d])]];
  if (D.Arrived[d] >= 0) pairs.push(['arrived', `${seconds(D.Arrived[d])}, after ${duration(D.Arrived[d] - D.Sent[d])}`]);
  for (const at of copiesOf.get(d) || []) pairs.push(['again', `${seconds(at)}, after ${duration(at - D.Sent[d])}`]);
  if (D.Queued[d] > 0) pairs.push(['queues', `${duration(D.Queued[d])} in them`]);
  if (!brief) {
    pairs.push(['ECN', ecnNames[D.ECN[d]]]);
    if (D.Conn[d] >= 0) pairs.push(['connection', `<code>${safe(run.conns[D.Conn[d]].id)}</code>`]);
  }
  lines.push(`<dl class="pairs">${pairs.map(([k, v]) => `<dt>${k}</dt><dd>${v}</dd>`).join('')}</dl>`);
  const notes = (marksOf.get(d) || []).map((m) => {
    const what = run.words[M.What[m]], place = run.words[M.Place[m]];
    if (M.Loss[m]) return `<li class="bad">lost: ${safe(lossNames[what] || what)}, ${safe(place)} #${M.N[m]}, at ${seconds(M.At[m])}</li>`;
    return `<li>${safe(marksNames[what] || what)}: ${safe(place)}${what in unreadMarks ? '' : ' #' + M.N[m]}</li>`;
  });
  if (notes.length) lines.push(`<ul class="notes">${notes.join('')}</ul>`);
  for (let p = firstPacket[d]; p < firstPacket[d + 1]; p++) {
    const frames = P.Text[p].split('\n'), most = brief ? 8 : 60, gone = declared.get(p);
    lines.push(`<div class="packet"><strong>${levels[P.Level[p]]} ${P.Number[p]}</strong> <span class="quiet">${P.Size[p]} bytes</span>` +
      (gone ? `<div class="bad">declared lost at ${seconds(gone.at)}: ${safe(gone.why)}</div>` : '') +
      `<ul>${frames.slice(0, most).map((f) => `<li>${safe(f)}</li>`).join('')}${frames.length > most ? `<li>and ${frames.length - most} more</li>` : ''}</ul></div>`);
  }
  return lines.join('');
}

const detailsEl = document.getElementById('details'), quiet = detailsEl.innerHTML;

// choose shows a datagram; a pinned one stays.
function choose(d, pinned) {
  chosen.datagram = d;
  chosen.pinned = pinned && d >= 0;
  detailsEl.innerHTML = d >= 0 ? describe(d, false) : quiet;
  for (const b of document.querySelectorAll('#losses button')) {
    const is = d >= 0 && b.dataset.mark !== undefined && M.Datagram[b.dataset.mark] === d;
    b.setAttribute('aria-current', String(is));
    if (is && pinned) b.scrollIntoView({ block: 'nearest' });
  }
  repaint();
}

const tip = document.getElementById('tip');
function showTip(d, x, y) {
  tip.hidden = d < 0;
  if (d < 0) return;
  tip.innerHTML = describe(d, true);
  const w = tip.offsetWidth, h = tip.offsetHeight;
  tip.style.left = Math.max(6, x + 18 + w > innerWidth ? x - w - 14 : x + 18) + 'px';
  tip.style.top = Math.max(6, Math.min(y + 16, innerHeight - h - 8)) + 'px';
}

// toLoss goes to a mark of a loss.
function toLoss(m) {
  glance(M.At[m]);
  choose(M.Datagram[m], true);
}

function stepLoss(by) {
  if (!losses.length) return;
  const at = chosen.datagram >= 0 ? losses.findIndex((m) => M.Datagram[m] === chosen.datagram) : -1;
  const mid = (view.from + view.to) / 2;
  let i = at >= 0 ? at + by : by > 0 ? losses.findIndex((m) => M.At[m] >= mid) : losses.findLastIndex((m) => M.At[m] < mid);
  if (i < 0 && at < 0 && span() > 0.99 * (whole.to - whole.from)) i = by > 0 ? 0 : losses.length - 1;
  if (losses[i] !== undefined) toLoss(losses[i]);
}

function stepDatagram(by) {
  let d = chosen.datagram;
  do d += by; while (d >= 0 && d < count && hidden(d));
  if (chosen.datagram < 0) d = Array.from(D.Sent).findIndex((t) => t >= view.from);
  if (d < 0 || d >= count) return;
  if (D.Sent[d] < view.from || D.Sent[d] > view.to) show(D.Sent[d] - span() / 2, D.Sent[d] + span() / 2);
  choose(d, true);
}

const maxRows = 2000;
function lists() {
  const list = document.getElementById('losses');
  const faults = bands.map((b) => `<li><button data-from="${b.from}"><time>${seconds(b.from)}</time><span>${safe(b.place)}</span><span class="why">${safe(b.what)}</span></button></li>`);
  const rows = losses.slice(0, maxRows).map((m) => `<li><button data-mark="${m}"><time>${seconds(M.At[m])}</time><span>${safe(run.words[M.Place[m]])} #${M.N[m]}</span><span class="why">${safe(run.words[M.What[m]])}</span></button></li>`);
  list.innerHTML = (faults.length ? `<h2>Faults <span class="count">${faults.length}</span></h2><ul class="rows">${faults.join('')}</ul><br>` : '') +
    `<h2>Losses <span class="count">${losses.length}</span></h2>` +
    (rows.length ? `<ul class="rows">${rows.join('')}</ul>` : '<p class="quiet">No datagram was lost.</p>') +
    (losses.length > maxRows ? `<p class="quiet">and ${losses.length - maxRows} more; N and P go to all of them</p>` : '');
  list.onclick = (e) => {
    const b = e.target.closest('button');
    if (!b) return;
    if (b.dataset.mark) toLoss(+b.dataset.mark); else glance(+b.dataset.from);
  };
  const all = run.decisions || [], shuffled = all.filter((d) => d.startsWith('schedule ')).length;
  const shown = all.filter((d) => !d.startsWith('schedule ')).slice(0, maxRows);
  document.getElementById('decisions').innerHTML = `<h2>Decisions <span class="count">${all.length}, of which ${shuffled} of the schedule; all in decisions.txt</span></h2>` +
    `<ol class="mono">${shown.map((d) => `<li>${safe(d)}</li>`).join('')}</ol>`;
}
