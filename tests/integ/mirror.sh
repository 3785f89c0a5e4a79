#!/bin/bash
# `netcfg mirror`: copies of a port's frames are what was on its wire, byte for byte, as a tcpdump at the
# destination reads them; the traffic does not notice; and mirrors outlive the switch.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require python3 tcpdump
netns_begin

frames() { python3 "$INTEG/mirror_frames.py" "$@"; }
send() { ip netns exec "$A" python3 "$INTEG/capture_frames.py" send eth0 "$@"; }
# dump NAME FILTER...: what comes in at the analyser, in the background, and it has begun.
dump() {
	local name=$1
	shift
	ip netns exec "$B" tcpdump -U -i span -Q in -B 8192 -w "$T/$name.pcap" "$@" \
		>"$T/$name.log" 2>&1 </dev/null &
	DUMP=$!
	within 20 grep -q 'listening on' "$T/$name.log"
}
end_dump() {
	kill -INT "$DUMP"
	wait "$DUMP" || true
}
made() { vs -j mirror show s | jq ".[0].$1"; }
# copied N: of the mirror, and they went out.
copied() { [[ $(made frames) == "$1" && $(made lost) == 0 ]]; }

for netns in "$A" "$B"; do # whose hosts would say this and that by themselves
	ip netns exec "$netns" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
done
vs bridge add br0
cable up0 "$A" 10.9.0.1
vs port add a bridge br0 type af-packet dev up0 tag 10
vs port add b bridge br0 type veth netns "$B" peer eth0 trunks 10
vs port add m type veth netns "$B" peer span mtu 1600 # for two tags more
vs port add n type veth netns "$B" peer span2
within 20 json '.[] | select(.name == "a" or .name == "b") | .carrier' vs -j port show

# --- settings -------------------------------------------------------------------------------------

fails_with 'a destination in a bridge' 1 "port 'b' is in a bridge" vs mirror add s from a to b
fails_with 'a port that is mirrored to itself' 1 'copies of its own' vs mirror add s from m to m
fails_with 'a wrong filter' 2 'syntax error' vs mirror add s from a to m filter 'tcp prot 179'
expect 'has a mark below it' eval '{ vs mirror add s from a to m filter "tcp prot 179" 2>&1 || true; } | grep -qF "      ^~~~"'
expect 'a mirror' vs mirror add s from a dir in to m filter 'ether proto 0x88b5'
within 20 json '.[] | select(.name == "m") | .state == "running" and .carrier' vs -j port show m
fails_with 'its destination stays' 1 "mirror 's' copies to it" vs port del m
fails_with 'and out of bridges' 1 'excludes a bridge' vs port set m bridge br0
fails_with 'and out of links' 1 "link 'x': port 'm': gets the copies of mirror 's'" vs link add x m n
fails_with 'no circle' 1 'copied again' vs mirror add t from m to n
expect 'it is shown' eval 'vs mirror show | grep -Eq "^s +a +in +m"'

# --- byte for byte --------------------------------------------------------------------------------

dump in
send 0 100
expect 'a copy of each frame' within 20 copied 100
expect 'as they came' within 20 frames "$T/in.pcap" 100
end_dump
expect 'b got them all' eval '(($(vs -j port stats b | jq ".[0].tx_frames") >= 100))'
vs mirror del s

vs mirror add s from b dir out to m filter 'vlan 10 and ether proto 0x88b5'
dump out
send 0 100
expect 'what leaves, with its tag' within 20 frames "$T/out.pcap" 100 10
end_dump
vs mirror del s

expect 'a VLAN, in two words' vs mirror add s from vlan 10 dir out to m filter 'vlan and ether proto 0x88b5' vlan 999
dump rspan
send 0 100
expect 'tagged once more' within 20 frames "$T/rspan.pcap" 100 999 10
end_dump
vs mirror del s

expect 'a bridge' vs mirror add s from bridge br0 dir in to m truncate 60 filter 'ether proto 0x88b5'
dump cut
send 0 100
expect 'cut' within 20 frames "$T/cut.pcap" 100 -60
end_dump
vs mirror del s

# --- the destination is down ----------------------------------------------------------------------

vs mirror add s from a dir in to m filter 'ether proto 0x88b5'
vs port set m enabled off
# shellcheck disable=SC2034 # lines below count from it
before=$(vs -j port stats b | jq '.[0].tx_frames')
send 0 50
expect 'copies are lost' within 20 eval '[[ $(made lost_not_running) == 50 && $(made lost) == 50 ]]'
expect 'frames are not' eval '(($(vs -j port stats b | jq ".[0].tx_frames") >= before + 50))'
expect 'no frame is unaccounted for' eval \
	'vs -j port drops m | jq -e "any(.[]; .reason == \"peer-not-running\" and .frames == 50)" >/dev/null'
vs port set m enabled on
vs mirror del s
expect 'gone' eval '[[ $(vs -j mirror show) == "[]" ]]'
finish
