#!/bin/bash
# Installs the independent peers that the other scripts here use. usage: setup.sh DIR
# DIR gets the npm peers and the .mjs programs that use them (they must stand beside their node_modules).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
D=${1:?usage: setup.sh DIR}
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ngtcp2-client ngtcp2-server chromium tshark nftables iproute2 knot-dnsutils > /dev/null
mkdir -p "$D"
cp "$here"/peers/*.mjs "$D"
cd "$D"
[ -f package.json ] || echo '{"private":true}' > package.json
npm install --no-fund --no-audit --silent bun@1.4.5 impit@0.14.5 deno@2.9.6 @matrixai/quic@2.0.9
