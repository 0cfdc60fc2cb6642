#!/usr/bin/env bash
# Looks at the pictures of simulated runs as their readers do: tshark opens the captures, headless Chromium the pages.
# usage: sim/pictures.sh [DIR]    the pictures stay in DIR; without it they are removed
# It needs go, tshark, editcap (wireshark-common) and chromium; a missing one is a failure.
set -euo pipefail
cd "$(dirname "$0")"
for tool in go tshark editcap chromium; do command -v $tool > /dev/null || { echo "$tool is missing: apt-get install tshark chromium" >&2; exit 1; }; done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
out=${1:-$tmp/out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
bad=0
wrong() { echo "WRONG: $*" >&2; bad=1; }
equal() { [ "$2" = "$3" ] || wrong "$1: $2, want $3"; }

capture() { # DIR LOSSES: a capture is decrypted, by the secrets in it and by keys.log, and is sound
  local file=$1/run.pcapng count
  editcap --discard-all-secrets "$file" "$tmp/bare.pcapng"
  count() { tshark -n -r "$file" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE "${keys[@]}" -Y "$1" 2> /dev/null | wc -l; }
  for way in inside keys.log; do
    keys=()
    [ $way = inside ] || { file=$tmp/bare.pcapng keys=(-o "tls.keylog_file:$1/keys.log"); }
    equal "$way: undecrypted or malformed" "$(count 'quic.decryption_failed || _ws.malformed || (quic.short && !quic.frame_type)')" 0
    equal "$way: wrong checksums" "$(count 'ip.checksum.status == 0 || udp.checksum.status == 0')" 0
    [ "$(count 'http3.frame_type == 1')" -ge 2 ] || wrong "$way: no HEADERS frames were decoded"
  done
  file=$tmp/bare.pcapng keys=()
  [ "$(count 'quic.short && quic.frame_type')" = 0 ] || wrong "1-RTT packets are decrypted without keys: the check checks nothing"
  file=$1/run.pcapng
  equal "lost datagrams with a comment" "$(tshark -n -r "$file" -Y frame.comment -T fields -e frame.comment 2> /dev/null |
    grep -cE ' (lost|burst|queue full|codel|red|too big|down|target|policed|no host|no mapping|cut off|buffer full)(,|$)' || true)" "$2"
  echo "capture: $(count quic) QUIC datagrams, $(count 'http3.frame_type == 1') with HEADERS, all decrypted, $2 losses in the comments"
}

chrome() { # URL: its DOM; what it says on the console goes to the file console
  timeout 120 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update \
    --disable-sync --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$(mktemp -d -p "$tmp")" --enable-logging=stderr \
    --window-size=1500,1200 --virtual-time-budget=5000 --dump-dom "$1" 2> "$tmp/log"
  grep CONSOLE "$tmp/log" > "$tmp/console" || true
}
data() { grep -o "data-$1=\"[^\"]*\"" "$tmp/dom" | head -1 | cut -d'"' -f2; }

page() { # DIR LOSSES: a page needs nothing else, draws every loss, and survives its reader
  local file=$1/timeline.html
  ! grep -oE '(src|href|url)[=(] *"?(https?:)?//[^"]*' "$file" || wrong "the page refers to something outside"
  { sed '/<\/body>/,$d' "$file"; echo '<script>'; cat page_probe.js; echo '</script></body></html>'; } > "$tmp/probe.html"
  for url in "file://$file" "file://$file#theme=dark" "file://$tmp/probe.html"; do
    chrome "$url" > "$tmp/dom"
    [ ! -s "$tmp/console" ] || wrong "$url: $(cat "$tmp/console")"
    equal "$url is complete" "$(data ready)" yes
    equal "$url: losses in the data" "$(data losses)" "$2"
    equal "$url: losses drawn" "$(data losses-drawn)" "$2"
  done
  equal "the probe" "$(data probe)" "all well"
  echo "page: $(($(stat -c %s "$file") / 1024)) KiB, $2 losses drawn, $(data draw-ms) ms to draw everything, no word on the console"
}

go test -count=1 -run 'Drawn' . -sim.out "$out" || bad=1
# Raw streams between embedded engines, and a client that gives up before it has keys.
for seed in 11 30; do go test -count=1 -run '^TestSwarm$' . -sim.seeds=$seed -sim.out "$out" || bad=1; done
for dir in "$out"/*/; do
  dir=${dir%/}
  losses=$(sed -n 's/^\([0-9]*\) losses.*/\1/p' "$dir/decisions.txt")
  echo "$(basename "$dir"): $(sed -n 's/^\([0-9]* decisions\).*/\1/p' "$dir/decisions.txt"), $losses losses"
  equal "losses listed" "$(sed -n '/ losses, /,$p' "$dir/decisions.txt" | grep -c '#')" "$losses"
  capture "$dir" "$losses"
  page "$dir" "$losses"
done
exit $bad
