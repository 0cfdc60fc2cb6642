// run.js: the run as it was recorded. Columns come as differences and become typed arrays of values.

const run = JSON.parse(document.getElementById('run').textContent);

function sums(column) {
  const out = new Float64Array(column.length);
  let v = 0;
  for (let i = 0; i < column.length; i++) out[i] = v += column[i];
  return out;
}

function decode(table) {
  for (const name of Object.keys(table)) {
    const c = table[name] || [];
    table[name] = c.length && typeof c[0] === 'string' ? c : sums(c);
  }
  return table;
}

const D = decode(run.datagrams);
const P = decode(run.packets);
const M = decode(run.marks);
const count = D.Sent.length;

// The first packet of each datagram.
const firstPacket = new Int32Array(count + 1);
for (let i = 0; i < count; i++) firstPacket[i + 1] = firstPacket[i] + D.Count[i];

// What happened to each datagram: the numbers of its marks.
const marksOf = new Map();
for (let m = 0; m < M.At.length; m++) {
  const d = M.Datagram[m];
  if (!marksOf.has(d)) marksOf.set(d, []);
  marksOf.get(d).push(m);
}
const copiesOf = new Map();
for (const [d, at] of run.copies || []) {
  if (!copiesOf.has(d)) copiesOf.set(d, []);
  copiesOf.get(d).push(at);
}
const declared = new Map((run.declared || []).map(([packet, at, why]) => [packet, { at, why: run.words[why] }]));

// The losses, by time.
const losses = [];
for (let m = 0; m < M.At.length; m++) if (M.Loss[m]) losses.push(m);
losses.sort((a, b) => M.At[a] - M.At[b]);

// When a datagram has left the picture.
const ends = new Float64Array(count);
for (let i = 0; i < count; i++) {
  let end = Math.max(D.Sent[i], D.Arrived[i]);
  for (const m of marksOf.get(i) || []) end = Math.max(end, M.At[m]);
  for (const at of copiesOf.get(i) || []) end = Math.max(end, at);
  ends[i] = end;
}

const bands = (run.bands || []).sort((a, b) => a.from - b.from);
for (const c of run.conns || []) {
  for (const s of c.sides) {
    decode(s.metrics);
    s.streams = s.streams || [];
    s.events = s.events || [];
    for (const f of s.streams) { decode(f.sent); decode(f.received); decode(f.again); }
    s.lost = [];
  }
}
for (let d = 0; d < count; d++) {
  const c = D.Conn[d] >= 0 && run.conns[D.Conn[d]];
  for (let p = firstPacket[d]; c && p < firstPacket[d + 1]; p++) {
    const gone = declared.get(p);
    const side = gone && c.sides.find((s) => s.host === D.From[d]);
    if (side) side.lost.push(gone.at);
  }
}

const classes = [
  ['initial', 'Initial'], ['early', '0-RTT'], ['handshake', 'Handshake'], ['data', '1-RTT with stream data'], ['ack', '1-RTT, ACK only'],
  ['control', '1-RTT, other frames'], ['service', 'Retry, Version Negotiation'], ['other', 'unknown'], ['close', 'with CONNECTION_CLOSE'],
].map(([key, name]) => ({ key, name, count: 0, hidden: false }));
for (let i = 0; i < count; i++) classes[D.Class[i]].count++;

const levels = ['Initial', '0-RTT', 'Handshake', '1-RTT'];
const marksNames = {
  corrupt: 'corrupted', twice: 'duplicated', late: 'held back to be overtaken', marked: 'marked CE', 'nobody listens': 'nobody listens there any more',
  'not its peer': 'for a socket with another peer',
};
const lossNames = {
  lost: 'by chance', burst: 'in a burst', 'queue full': 'the queue was full', codel: 'dropped by CoDel', red: 'dropped by RED', 'too big': 'larger than the MTU',
  down: 'the link was down', target: 'by order', policed: 'above the policed rate', 'no host': 'nobody has the address',
  'no mapping': 'the NAT does not know the port', 'cut off': 'the host is cut off', 'buffer full': "the socket's buffer was full",
};
const ecnNames = ['Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'];

// seconds writes a time with what the shown span needs.
function seconds(us, span = 0) {
  const digits = span > 2e7 ? 2 : span > 2e6 ? 3 : span > 2e5 ? 4 : span > 2e4 ? 5 : 6;
  return (us / 1e6).toFixed(digits) + ' s';
}
function duration(us) {
  if (us < 0) return 'never';
  return us >= 1e6 ? +(us / 1e6).toFixed(3) + ' s' : us >= 1000 ? +(us / 1000).toFixed(us >= 1e5 ? 1 : 2) + ' ms' : us.toFixed(0) + ' µs';
}
function bytes(n) {
  return n >= 1e6 ? +(n / 1e6).toFixed(2) + ' MB' : n >= 1000 ? +(n / 1000).toFixed(n >= 1e5 ? 0 : 1) + ' kB' : +n.toFixed(0) + ' B';
}
const thousands = (n) => n.toLocaleString('en');
