#!/bin/bash
# Runs programs that nobody of this project wrote against quicpro, over loopback and over netlab's emulated link.
# usage: run.sh [SECTION...]   sections: quicgo-files gtlsserver bun impit ngtcp2 chromium deno quiche tshark netlab loss30 gotests
# Prints "pass NAME" or "FAIL NAME (why)" a story and a last line with the counts; exit status 1 on any failure. A peer, a
# tool or a privilege that is missing is a failure. What is not installed yet is installed once by setup.sh (root, apt, npm)
# into $PEERS. tshark, netlab and loss30 need root and /dev/net/tun. KEEP=DIR keeps the programs' logs.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PEERS=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/quicpro-peers}
PATH=$PATH:/usr/sbin:/sbin
SECTIONS=(quicgo-files gtlsserver bun impit ngtcp2 chromium deno quiche tshark netlab loss30 gotests)
T=$(mktemp -d)
PID= PASSED=0 FAILED=0 SETUP=

# ---- bookkeeping

end() {
  stop
  [ -z "${KEEP:-}" ] || { mkdir -p "$KEEP" && cp "$T"/*.log "$KEEP" 2>/dev/null; }
  rm -rf "$T"
}
trap end EXIT
trap 'echo "interrupted, $PASSED passed, $FAILED failed"; exit 130' INT TERM

pass() { echo "pass $1${2:+ ($2)}"; PASSED=$((PASSED + 1)); }
fail() { # NAME WHY [LOG...]
  echo "FAIL $1 ($2)"
  FAILED=$((FAILED + 1))
  for l in "${@:3}"; do
    [ ! -s "$l" ] || { echo "  -- $(basename "$l")"; tail -n 15 "$l" | cut -c1-300 | sed 's/^/  /'; } >&2
  done
}
said() { tail -n 1 "$1" 2>/dev/null | cut -c1-160; }
digest() { sha256sum < "$1" 2>/dev/null | cut -d' ' -f1; }
seconds() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f s", b - a }'; }

# need NAME TOOL... installs once if a tool is missing, and fails NAME if it still is.
need() {
  local name=$1 gone
  shift
  gone=$(missing "$@")
  [ -n "$gone" ] || return 0
  if [ -z "$SETUP" ]; then
    SETUP=1
    echo "installing the peers, because of:$gone" >&2
    "$here/setup.sh" "$PEERS" > "$T/setup.log" 2>&1 || echo "setup.sh failed: $(said "$T/setup.log")" >&2
    gone=$(missing "$@")
    [ -n "$gone" ] || return 0
  fi
  fail "$name" "missing:$gone" "$T/setup.log"
  return 1
}
missing() {
  local x
  for x in "$@"; do
    case $x in
      bun) [ -x "$PEERS/node_modules/.bin/bun" ] && [ -f "$PEERS/bun-client.mjs" ] ;;
      impit) type -P node > /dev/null && [ -d "$PEERS/node_modules/impit" ] && [ -f "$PEERS/impit-client.mjs" ] ;;
      deno) [ -x "$PEERS/node_modules/.bin/deno" ] && [ -f "$PEERS/deno-quic.mjs" ] ;;
      quiche) type -P node > /dev/null && [ -d "$PEERS/node_modules/@matrixai/quic" ] && [ -f "$PEERS/quiche-client.mjs" ] ;;
      root) [ "$(id -u)" = 0 ] ;;
      tun) [ -c /dev/net/tun ] ;;
      *) type -P "$x" > /dev/null ;; # not a function of that name
    esac || printf ' %s' "$x"
  done
}

# ---- processes

bound() { cat /proc/net/udp /proc/net/udp6 2>/dev/null | grep -qi ":$(printf '%04X' "$1") 0*:0000 "; }
free() {
  PORT=$((20000 + RANDOM % 20000))
  while bound $PORT; do PORT=$((PORT + 1)); done
}
# start LOG COMMAND... : a server that listens on UDP $PORT; false if it does not within 15 s.
start() {
  local log=$1
  shift
  "$@" > "$log" 2>&1 &
  PID=$!
  for _ in $(seq 150); do
    ! bound "$PORT" || return 0
    kill -0 "$PID" 2>/dev/null || break
    sleep 0.1
  done
  return 1
}
# stop ends the one server that start started and waits for it.
stop() {
  [ -n "$PID" ] || return 0
  kill "$PID" 2>/dev/null
  wait "$PID" 2>/dev/null
  PID=
}

# download NAME WANT COMMAND... : COMMAND writes $T/got; its SHA-256 must be WANT.
download() {
  local name=$1 want=$2 from=$EPOCHREALTIME rc=0
  shift 2
  rm -f "$T/got"
  timeout 180 "$@" > "$T/client.log" 2>&1 || rc=$?
  if [ $rc != 0 ]; then
    fail "$name" "exit $rc: $(said "$T/client.log")" "$T/client.log" "$T/server.log"
  elif [ "$(digest "$T/got")" != "$want" ]; then
    fail "$name" "wrong SHA-256 of $(stat -c %s "$T/got" 2>/dev/null || echo no) bytes" "$T/client.log" "$T/server.log"
  else
    pass "$name" "$(seconds "$from")"
  fi
}

SERVE() { echo "$T/quicpro" serve --addr "$1" --cert "$T/certs/leaf.pem" --key "$T/certs/key.pem" "$T/www"; }
GET() { echo "$T/quicpro" get -k -s -o "$T/got" "$1"; }
# OFTEN makes a program of ours update its keys all the time, and log it.
OFTEN=(-keys 20 -qlog "$T/qlog")
# updated WHO : our qlogs since the last call have a connection in which we began a key update and WHO followed.
updated() {
  local name="$1 follows key updates" n
  n=$(grep -lE '"key_type":"client_1rtt_secret","key_phase":[0-9]+,"trigger":"local_update"' "$T"/qlog/* 2>/dev/null \
    | xargs -r grep -hcE '"key_type":"server_1rtt_secret","key_phase":[0-9]+,"trigger":"local_update"' | awk '{ n += $1 } END { print n + 0 }')
  if [ "$n" -gt 0 ]; then pass "$name" "$n"; else fail "$name" 'none in our qlogs'; fi
  rm -rf "$T/qlog"
  mkdir "$T/qlog"
}
testserver() { # [DIR]
  free
  start "$T/server.log" "$T/testserver" "${OFTEN[@]}" -addr "127.0.0.1:$PORT" -cert "$T/certs/leaf.pem" -key "$T/certs/key.pem" -dir "${1:-$here/www}"
}

# ---- sections: files of 100 MB, each way

quicgo-files() {
  local big
  file 100mb.bin 100000000
  big=$(digest "$T/www/100mb.bin")
  free
  if start "$T/server.log" "$T/quicgo" server -addr "127.0.0.1:$PORT" -dir "$T/www"; then
    download 'quicpro gets 100 MB from quic-go' "$big" $(GET "https://127.0.0.1:$PORT/100mb.bin")
  else
    fail 'quicpro gets 100 MB from quic-go' 'quic-go does not listen' "$T/server.log"
  fi
  stop
  free
  if start "$T/server.log" $(SERVE "127.0.0.1:$PORT"); then
    download 'quic-go gets 100 MB from quicpro' "$big" "$T/quicgo" get -k -o "$T/got" "https://127.0.0.1:$PORT/100mb.bin"
  else
    fail 'quic-go gets 100 MB from quicpro' 'quicpro serve does not listen' "$T/server.log"
  fi
  stop
}

gtlsserver() {
  local name='quicpro gets 100 MB from gtlsserver'
  need "$name" gtlsserver || return
  file 100mb.bin 100000000
  free
  if start "$T/server.log" "$(type -P gtlsserver)" -q -d "$T/www" 127.0.0.1 "$PORT" "$T/certs/key.pem" "$T/certs/leaf.pem"; then
    download "$name" "$(digest "$T/www/100mb.bin")" $(GET "https://127.0.0.1:$PORT/100mb.bin")
  else
    fail "$name" 'gtlsserver does not listen' "$T/server.log"
  fi
  stop
}

# ---- sections: what the npm packages and the browser bring along

bun() {
  local name='quicpro gets 50 MB from Bun'
  need "$name" bun || return
  free
  if start "$T/server.log" "$PEERS/node_modules/.bin/bun" "$PEERS/bun-server.mjs" "$PORT" "$T/certs/leaf.pem" "$T/certs/key.pem"; then
    download "$name" "$("$T/quicgo" blob 50000000 | sha256sum | cut -d' ' -f1)" $(GET "https://127.0.0.1:$PORT/blob?n=50000000")
  else
    fail "$name" 'Bun does not listen' "$T/server.log"
  fi
  stop
  rows "Bun's client" 3 "$PEERS/node_modules/.bin/bun" --experimental-http3-fetch "$PEERS/bun-client.mjs"
  updated Bun
}

impit() {
  need "impit's client" impit || return
  rows "impit's client" 3 node "$PEERS/impit-client.mjs"
  updated impit
}

# rows NAME COUNT COMMAND... : COMMAND, given the testserver's URL, prints a verdict a line; COUNT of them.
rows() {
  local name=$1 count=$2
  shift 2
  if testserver; then
    timeout 120 "$@" "https://127.0.0.1:$PORT" > "$T/client.log" 2>&1
    verdicts "$name" "$count" $?
  else
    fail "$name" 'the testserver does not listen' "$T/server.log"
  fi
  stop
}
verdicts() { # NAME COUNT EXIT-STATUS, of $T/client.log
  local v story n=0 bad=0
  while read -r v story; do
    case $v in
      pass) pass "$1: $story"; n=$((n + 1)) ;;
      FAIL)
        n=$((n + 1)) bad=1
        case $story in
          *' ('*')') fail "$1: ${story%% (*}" "$(sed 's/^[^(]*(//; s/)$//' <<< "$story")" ;;
          *) fail "$1: $story" 'in its own words' "$T/server.log" ;;
        esac
        ;;
    esac
  done < "$T/client.log"
  if [ $n != "$2" ]; then
    fail "$1" "$n of $2 stories told, exit $3: $(said "$T/client.log")" "$T/client.log" "$T/server.log"
  elif [ "$3" != 0 ] && [ $bad = 0 ]; then
    fail "$1" "exit $3" "$T/client.log" "$T/server.log"
  fi
}

ngtcp2() {
  need ngtcp2 gtlsclient || return
  file 1mb.bin 1000000
  free
  if start "$T/server.log" $(SERVE "127.0.0.1:$PORT"); then
    ONLY='plain|large|50 streams|small windows|AES-256|ChaCha20|P-384|zero-length|version|loss|key update by peer' \
      "$here/ngtcp2-client.sh" 127.0.0.1 "$PORT" "https://127.0.0.1:$PORT/1mb.bin" "$T/www/1mb.bin" > "$T/client.log" 2>&1
    verdicts ngtcp2 11 $?
  else
    fail ngtcp2 'quicpro serve does not listen' "$T/server.log"
  fi
  stop
  if testserver "$T/www"; then
    ONLY='key update by us' \
      "$here/ngtcp2-client.sh" 127.0.0.1 "$PORT" "https://127.0.0.1:$PORT/1mb.bin" "$T/www/1mb.bin" > "$T/client.log" 2>&1
    verdicts ngtcp2 1 $?
  else
    fail ngtcp2 'the testserver does not listen' "$T/server.log"
  fi
  stop
  updated ngtcp2
}

chromium() {
  local want='RESULT nav=h3 get=3000000 post=2000000 many=61770 resources=h3' got
  need Chromium chromium || return
  if testserver; then
    "$here/chromium.sh" "https://h3.test:$PORT/" "$(cat "$T/certs/spki.txt")" 20000 > "$T/client.log" 2>&1
    got=$(grep -oE 'RESULT (nav|error)=[^<]*' "$T/client.log" | head -1)
    if [ "$got" = "$want" ]; then pass "Chromium: $got"; else fail Chromium "${got:-no RESULT}" "$T/client.log" "$T/server.log"; fi
  else
    fail Chromium 'the testserver does not listen' "$T/server.log"
  fi
  stop
  updated Chromium
}

# ---- sections: streams without HTTP/3; "echo" is quicpro's channels

deno() {
  local name='quicpro gets 5 MB back from Deno' back="Deno gets 5 MB back from quicpro"
  local run=("$PEERS/node_modules/.bin/deno" run -q --unstable-net --allow-net --allow-read "$PEERS/deno-quic.mjs")
  need "$name" deno || return
  free
  if start "$T/server.log" "${run[@]}" serve "$PORT" "$T/certs/leaf.pem" "$T/certs/key.pem" deno-echo; then
    told "$name" "$T/echo" "${OFTEN[@]}" -alpn deno-echo -ca "$T/certs/ca.pem" dial "127.0.0.1:$PORT"
  else
    fail "$name" 'Deno does not listen' "$T/server.log"
  fi
  stop
  updated 'Deno as a server'
  echoes "$back" "${run[@]}" dial localhost PORT "$T/certs/ca.pem" echo 5000000
  updated 'Deno as a client'
}

quiche() {
  need 'quiche gets 5 MB back from quicpro' quiche || return
  echoes 'quiche gets 5 MB back from quicpro' node "$PEERS/quiche-client.mjs" PORT "$T/certs/ca.pem" echo 5000000
  updated quiche
}

# echoes NAME COMMAND... : COMMAND, with PORT replaced, against our echo server.
echoes() {
  local name=$1
  shift
  free
  if start "$T/server.log" "$T/echo" "${OFTEN[@]}" -cert "$T/certs/leaf.pem" -key "$T/certs/key.pem" serve "127.0.0.1:$PORT"; then
    told "$name" "${@/#PORT/$PORT}"
  else
    fail "$name" 'quicpro does not listen' "$T/server.log"
  fi
  stop
}
# told NAME COMMAND... : COMMAND exits 0 and has said "pass".
told() {
  local name=$1 from=$EPOCHREALTIME rc=0
  shift
  timeout 60 "$@" > "$T/client.log" 2>&1 || rc=$?
  if [ $rc = 0 ] && grep -q pass "$T/client.log"; then
    pass "$name" "$(seconds "$from")"
  else
    fail "$name" "exit $rc: $(said "$T/client.log")" "$T/client.log" "$T/server.log"
  fi
}

# ---- sections on the emulated link: A (10.99.0.1) serves, B gets; the data travels on "ab"

LINK=(-rate 20mbit -delay 25ms -settle 1500ms)
URL=https://10.99.0.1:4433

tshark() {
  local name='tshark decodes a transfer of quicpro' rc=0 n
  need "$name" tshark root tun ip || return
  file 5mb.bin 5000000
  cat > "$T/capture.sh" <<EOF
dev=\$(ip -o link show | sed -n 's/^[0-9]*: \(nl[0-9]*[ab]\).*/\1/p')
exec "$here/tshark.sh" "\$dev" 4433 "$T/keys" "$T/out.pcapng" 'SSLKEYLOGFILE="$T/keys" $(GET "$URL/5mb.bin")'
EOF
  rm -f "$T/got" "$T/keys"
  "$T/netlab" "${LINK[@]}" -a "exec $(SERVE 10.99.0.1:4433)" -b "exec sh '$T/capture.sh'" > "$T/client.log" 2> "$T/tshark.log" || rc=$?
  n=$(sed -n 's/^1-RTT datagrams \([0-9]*\),.*/\1/p' "$T/tshark.log")
  if [ $rc != 0 ]; then
    fail "$name" "exit $rc: $(grep '^1-RTT datagrams' "$T/tshark.log")" "$T/tshark.log"
  elif [ "$(digest "$T/got")" != "$(digest "$T/www/5mb.bin")" ]; then
    fail "$name" 'wrong SHA-256' "$T/tshark.log"
  elif [ "${n:-0}" -lt 500 ]; then
    fail "$name" "only ${n:-0} 1-RTT packets" "$T/tshark.log"
  else
    pass "$name" "$(grep '^1-RTT datagrams' "$T/tshark.log")"
  fi
}

netlab() {
  local c
  for c in nothing loss 'reorder and dup' corrupt outage; do
    need "netlab $c" root tun ip || continue
    file 10mb.bin 10000000
    case $c in
      nothing) contest "$c" '' ;;
      loss) contest "$c" 'lost' -loss 0.02 ;;
      'reorder and dup') contest "$c" 'reorder dup' -reorder 0.05 -dup 0.05 ;;
      corrupt) contest "$c" 'corrupt' -corrupt 0.01 ;;
      outage) contest "$c" 'down-drop' -down 1s-3s ;;
    esac
  done
}
# contest NAME COUNTERS FLAGS... : quicpro and quic-go by turns on the same link with the same seeds; the best of up to
# three tries of each must be at most 1.1 times quic-go's, every transfer of ours right, and the fault must have happened.
contest() {
  local name="netlab $1" counters=$2 try who ours=999 theirs=999 seen k n
  shift 2
  for try in 1 2 3; do
    for who in $([ $((try % 2)) = 1 ] && echo quicgo quicpro || echo quicpro quicgo); do
      if ! transfer $who -seed $try "$@"; then
        fail "$name" "$who, try $try: $WHY" "$T/lab.log"
        return
      fi
      [ $who = quicgo ] && theirs=$(lower "$TOOK" "$theirs") || { ours=$(lower "$TOOK" "$ours") seen=; }
      [ $who = quicpro ] || continue
      for k in $counters; do
        n=$(sed -n "s/^netlab ab: .* $k \([0-9]*\).*/\1/p" "$T/lab.log")
        seen="$seen, $k ${n:-0}"
        [ "${n:-0}" -gt 0 ] || { fail "$name" "the fault did not happen: $k ${n:-0}" "$T/lab.log"; return; }
      done
    done
    if awk -v a="$ours" -v b="$theirs" 'BEGIN { exit !(a <= 1.1 * b) }'; then
      pass "$name" "$ours s, quic-go $theirs s, ratio $(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }'), try $try$seen"
      return
    fi
  done
  fail "$name" "$ours s, quic-go $theirs s, ratio $(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }') in 3 tries, not 1.1$seen"
}
lower() { awk -v a="$1" -v b="$2" 'BEGIN { print a < b ? a : b }'; }
# transfer WHO FLAGS... : 10 MB over netlab by WHO on both sides; sets TOOK, or WHY and false.
transfer() {
  local who=$1 serve get rc=0
  shift
  serve=$(SERVE 10.99.0.1:4433) get=$(GET "$URL/10mb.bin")
  [ "$who" = quicpro ] || serve="$T/quicgo server -addr 10.99.0.1:4433 -cert $T/certs/leaf.pem -key $T/certs/key.pem -dir $T/www"
  [ "$who" = quicpro ] || get="$T/quicgo get -k -o $T/got $URL/10mb.bin"
  rm -f "$T/got"
  "$T/netlab" "${LINK[@]}" "$@" -a "exec $serve" -b "exec $get" > "$T/lab.log" 2>&1 || rc=$?
  TOOK=$(sed -n 's/^netlab: \([0-9.]*\) s$/\1/p' "$T/lab.log")
  [ $rc = 0 ] && [ -n "$TOOK" ] || { WHY="exit $rc: $(grep -v '^netlab' "$T/lab.log" | tail -1 | cut -c1-160)"; return 1; }
  [ "$(digest "$T/got")" = "$(digest "$T/www/10mb.bin")" ] || { WHY='wrong SHA-256'; return 1; }
}

loss30() {
  local name='50 connections in a row at 30 % loss' from=$EPOCHREALTIME rc=0
  need "$name" root tun ip || return
  file 1kb.bin 1000
  cat > "$T/fifty.sh" <<EOF
bad=0
for i in \$(seq 50); do
  rm -f "$T/got"
  $(GET "$URL/1kb.bin") -S && cmp -s "$T/got" "$T/www/1kb.bin" || { echo "connection \$i failed"; bad=\$((bad + 1)); }
done
exit \$bad
EOF
  "$T/netlab" "${LINK[@]}" -loss 0.3 -timeout 15m -a "exec $(SERVE 10.99.0.1:4433)" -b "exec sh '$T/fifty.sh'" > "$T/lab.log" 2>&1 || rc=$?
  # One in 1,500 has no handshake within 10 s, for every probe of some flight is lost (8 of 12,000 in the simulator): one of
  # fifty may fail, which happens in 3 % of the runs, and two do in less than one of 1,000.
  if [ $rc -le 1 ]; then pass "$name" "$(seconds "$from"), $rc failed"; else fail "$name" "$rc failed" "$T/lab.log"; fi
}

gotests() {
  local from=$EPOCHREALTIME race=
  ! type -P gcc > /dev/null || race=-race
  if go test -C "$here" -count=1 $race ./... > "$T/gotests.log" 2>&1; then
    pass 'Go tests against quic-go and x/net' "$(seconds "$from")"
  else
    fail 'Go tests against quic-go and x/net' "$(grep -E -m1 -- '--- FAIL|FAIL|error' "$T/gotests.log" | cut -c1-160)" "$T/gotests.log"
  fi
}

# ---- main

file() { [ -f "$T/www/$1" ] || head -c "$2" /dev/urandom > "$T/www/$1"; }
build() {
  mkdir -p "$T/www" "$T/qlog"
  (cd "$here/.." && go build -o "$T/quicpro" ./cmd/quicpro) && go build -C "$here" -o "$T/" ./quicgo ./netlab ./testserver ./echo \
    && go run -C "$here" ./certs "$T/certs"
}
main() {
  local s
  for s in "$@"; do
    [[ " ${SECTIONS[*]} " == *" $s "* ]] || { echo "run.sh: no section $s; there are: ${SECTIONS[*]}" >&2; exit 2; }
  done
  [ $# -gt 0 ] || set -- "${SECTIONS[@]}"
  if build > "$T/build.log" 2>&1; then
    for s in "$@"; do "$s"; done
  else
    fail build 'nothing ran' "$T/build.log"
  fi
  echo "$PASSED passed, $FAILED failed"
  [ $FAILED = 0 ]
}
main "$@"
