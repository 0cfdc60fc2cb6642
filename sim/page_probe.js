/* pictures.sh puts this behind a page: it uses the page as a reader does, and says whether that went well. */
(() => {
  const body = document.body, faults = [];
  addEventListener('error', (e) => faults.push(e.message));
  const check = (what, ok) => { if (!ok) faults.push(what); };
  const canvas = document.getElementById('packets'), range = document.getElementById('range'), details = document.getElementById('details');
  const key = (k) => { canvas.dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true })); timeline.draw(); };
  const box = canvas.getBoundingClientRect();
  const at = (type, x, y, more) => canvas.dispatchEvent(new PointerEvent(type, { clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true, ...more }));
  canvas.setPointerCapture = () => {};

  const began = performance.now();
  timeline.draw();
  canvas.getContext('2d').getImageData(0, 0, 1, 1); // so that the pixels are really made
  body.dataset.drawMs = Math.round(performance.now() - began);

  const all = range.textContent;
  key('+');
  check('+ does not zoom in', range.textContent !== all);
  key('ArrowRight');
  key('-');
  key('0');
  check('0 does not show all', range.textContent === all);
  if (+body.dataset.losses > 0) {
    key('n');
    check('N shows no loss', /lost/.test(details.textContent));
    check('the loss is not in view', +body.dataset.lossesDrawn > 0);
    key('n'); key('p');
  }
  key('Escape');
  check('Escape keeps a datagram', !/sent/.test(details.textContent));
  key('b'); key('0'); key('.');
  check('. shows no frames', /CRYPTO/.test(details.textContent));
  key('Escape');
  canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -120, clientX: box.left + 300, clientY: box.top + 100, bubbles: true, cancelable: true }));
  timeline.draw();
  check('the wheel does not zoom', range.textContent !== all);
  const before = range.textContent;
  at('pointerdown', 500, 120); at('pointermove', 400, 120); at('pointerup', 400, 120);
  timeline.draw();
  check('a drag does not move', range.textContent !== before);
  for (let x = 100; x < 900; x += 10) at('pointermove', x, 140);
  for (const b of document.querySelectorAll('#legend button')) { b.click(); timeline.draw(); }
  timeline.show(-1e12, 1e12);
  timeline.draw();
  check('a hidden kind hides its losses', body.dataset.lossesDrawn === body.dataset.losses);
  for (const b of document.querySelectorAll('#legend button, .tabs button, .only')) { b.click(); timeline.draw(); }
  document.getElementById('theme').click();
  key('?');
  document.getElementById('help').close();
  timeline.fit();
  timeline.draw();
  body.dataset.probe = faults.length ? faults.join('; ') : 'all well';
})();
