#!/bin/bash
# TCP between a guest with offloads and one whose NIC has none at all: the switch finishes the checksums
# and cuts the large frames that the first sends, and passes what the second sends.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq
begin
cd "$ROOT"
lab_up tests/integ/offloads.yaml

expect 'the first guest has segmentation offload' \
	node h1 'ethtool -k eth1 | grep -q "^tcp-segmentation-offload: on"'
refuse 'the second has none' node h2 'ethtool -k eth1 | grep -q "^tcp-segmentation-offload: on"'
for host in h1 h2; do
	node "$host" 'dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null'
done
for mtu in 1500 9000; do
	for host in h1 h2; do
		node "$host" ip link set eth1 mtu "$mtu"
	done
	expect "TCP to the guest without offloads is intact, MTU $mtu" \
		tcp_intact 'node h1' 'node h2' 10.0.0.1 /tmp/data /tmp/got
	expect "and back, MTU $mtu" \
		tcp_intact 'node h2' 'node h1' 10.0.0.2 /tmp/data /tmp/got
done
# How large the segments are that TCP hands over depends on its window, and so on the machine's speed:
# that many were cut, not most, is what can be asked for. Uncut, as many go out as come in.
expect 'the switch did cut: more frames went out than came in' \
	json "$(rows tx_frames) | (map(select(.name == \"h2:eth1\"))[0].tx_frames) >
		(map(select(.name == \"h1:eth1\"))[0].rx_frames) + 100" netcfg -j port stats
expect 'destroy' netcfg destroy
finish
