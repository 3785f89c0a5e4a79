#!/bin/bash
# What `netcfg trace` says of a frame is what becomes of it when it is sent: at every port that it says, as
# it says, and nowhere else; and where it says that it is dropped, that reason is counted.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require python3 socat
netns_begin

for netns in "$A" "$B"; do # whose hosts would say this and that by themselves
	ip netns exec "$netns" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
done
port() { # NAME WORDS...: of br0 unless they say, its peer in B of the same name
	local name=$1
	shift
	vs port add "$name" type veth netns "$B" peer "$name" "$@"
}
vs bridge add br0
vs bridge add br1
port in bridge br0 tag 10
port acc bridge br0 tag 10
port trk bridge br0 trunks 10,20
port small bridge br0 tag 10 mtu 576
port other bridge br0 tag 20
port far bridge br1 tag 10
port a
port b
vs link add wire a b
vs link add cross br0 br1
vs fdb add br0 02:00:00:00:00:0a vlan 10 port acc
vs fdb add br0 02:00:00:00:00:0b vlan 10 port trk
vs fdb add br0 02:00:00:00:00:0d vlan 10 port in
vs fdb add br0 02:00:00:00:00:0e vlan 10 port small
within 20 json 'all(.[]; .carrier)' vs -j port show

# same NAME PORT WORDS...: the frame that the words make is traced, then sent, by ${how[@]}, and found where that was said.
how=()
same() {
	local name=$1 port=$2 digits
	shift 2
	digits=$(vs --dry-run trace "$port" "$@" | sed 's/^[^ ]* //' | jq -r .frame)
	vs -j trace "$port" "$@" >"$T/$name.json"
	expect "$name" ip netns exec "$B" python3 "$INTEG/trace_frames.py" "${how[@]}" "$T/$name.json" \
		"$(command -v netcfg)" "$T/vs.sock" "$port" "$digits" in acc trk small other far a b
}
# says NAME REASON|STEP...: the trace has a row with each.
says() {
	local name=$1 word
	shift
	for word; do
		jq -e --arg word "$word" 'any(.[]; .reason == $word or .result == $word or .step == $word)' \
			"$T/$name.json" >/dev/null || return 1
	done
}

vs trace in --dst 02:00:00:00:00:0a >"$T/text"
expect 'a trace changes nothing: the source stays unknown' eval \
	'vs -j fdb show br0 | jq -e "all(.[]; .mac != \"02:00:00:00:00:01\")" >/dev/null'
expect 'a trace for people' grep -q 'delivered to acc: 60 bytes, untagged' "$T/text"
port mon
vs mirror add span from in dir in to mon filter 'ether dst 02:00:00:00:00:0a'
vs mirror add all from in dir in to mon
vs trace in --dst 02:00:00:00:00:0a >"$T/text"
expect 'mirrors that copy it' grep -q "mirror .*copied by 'span', 'all'" "$T/text"
vs trace in --dst 02:00:00:00:00:0b >"$T/text"
expect 'and none whose filter it does not pass' grep -q "mirror .*copied by 'all'" "$T/text"
vs mirror del span
vs mirror del all
vs port del mon
same known in --dst 02:00:00:00:00:0a
same tagged in --dst 02:00:00:00:00:0b --ip 10.0.0.1,10.0.0.2 --len 200
same priority trk --dst 02:00:00:00:00:0a --src 02:00:00:00:00:02 --vlan 10 --pcp 5
same flood in --dst ff:ff:ff:ff:ff:ff
expect 'a flood crosses to the other bridge' says flood crosses delivered
same unknown in --dst 02:00:00:00:00:77 --ip fd00::1,fd00::2
same back in --dst 02:00:00:00:00:0d
expect 'to where it came from' says back same-port
same refused acc --dst 02:00:00:00:00:0a --src 02:00:00:00:00:03 --vlan 20
expect 'a tag at an access port' says refused tagged-refused
same stranger trk --dst 02:00:00:00:00:0a --src 02:00:00:00:00:03 --vlan 30
expect 'of a VLAN that the trunk has not' says stranger vlan-refused
same large in --dst 02:00:00:00:00:0e --len 1000
expect 'larger than its MTU' says large over-mtu
same group in --dst 02:00:00:00:00:0a --src 03:00:00:00:00:01
expect 'a source that is none' says group bad-source
same link a --dst 02:00:00:00:00:99 --vlan 7 --pcp 3
same hex b --hex '02 00 00 00 00 98 02 00 00 00 00 04 88 b5 01 02'
how=(--inject)
same injected in --dst 02:00:00:00:00:0a --src 02:00:00:00:00:05
expect 'a frame that was injected is learned where it came in' within 10 \
	json 'any(.mac == "02:00:00:00:00:05" and .ifname == "in")' vs -j fdb show br0
same injected_tag trk --dst 02:00:00:00:00:0a --src 02:00:00:00:00:06 --vlan 10 --pcp 5 --len 1500
same injected_flood in --dst ff:ff:ff:ff:ff:ff --src 02:00:00:00:00:05 --ip 10.0.0.1,10.0.0.2
same injected_drop acc --dst 02:00:00:00:00:0a --src 02:00:00:00:00:07 --vlan 20
same injected_link a --dst 02:00:00:00:00:99 --vlan 7 --pcp 3
how=()
expect 'the switch counts what it injects' totals '.injected == 5'
expect 'at a patch port, with the tag that it crosses with' eval \
	'vs trace cross:br0 --dst 02:00:00:00:00:0a --src 02:00:00:00:00:08 --vlan 10 | grep -qx "  delivered to acc: 56 bytes, untagged"'
expect 'a text says that it was sent' eval \
	'vs trace in --dst 02:00:00:00:00:0a --send | grep -qx "sent: 60 bytes, in at in"'
bpdu=0180c200000002000000000900074242030000
out() { ip netns exec "$B" python3 "$INTEG/inject_out.py" "$T/vs.sock" "$@"; }
expect 'a frame leaves by a port past the bridge' out acc "$bpdu$(printf %082d 0)"
expect 'with the tag that it has' out other "ffffffffffff0200000000098100e00a88b5$(printf %084d 0)"
expect 'frames in + copies = frames out + drops + held' within 5 \
	totals '.injected == 8 and .rx_frames + .copies == .tx_frames + .dropped + .held'
# follow NAME WORDS...: in the background, and it has begun. followed NAME: it has ended, and well.
follow() {
	local name=$1
	shift
	{
		netcfg -S "$T/vs.sock" trace "$@" >"$T/$name.out" 2>"$T/$name.err" </dev/null &
		echo $! >"$T/$name.pid"
		wait $! && echo 0 >"$T/$name.status" || echo $? >"$T/$name.status"
	} &
	within 20 grep -q '^following in' "$T/$name.err"
}
followed() { within 20 test -s "$T/$1.status" && [[ $(<"$T/$1.status") == 0 ]]; }
raw() { # HEX: in at port in
	ip netns exec "$B" python3 -c 'import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind(("in", 0))
    out.send(bytes.fromhex(sys.argv[1]))' "$1$(printf %092d 0)"
}
follow two -j in --follow 2 'ether proto 0x88b5'
raw ffffffffffff02000000000588b5
raw ffffffffffff02000000000588b6
raw 02000000000a02000000000588b5
expect 'it ends after two frames that come in and pass the filter' followed two
expect 'each has its trace in a line' json 'length == 2 and all(.length == 60 and .steps[0].step == "in") and
	any(.[0].steps[]; .result == "crosses") and ([.[1].steps[] | select(.result == "delivered").port] == ["acc"])' \
	jq -s . "$T/two.out"
expect 'and the counts behind' eval 'grep -qx "2 frames traced" "$T/two.err" && grep -qx "0 frames lost" "$T/two.err"'
follow text in --follow 5
raw 02000000000a02000000000588b5
within 20 grep -q 'delivered to acc' "$T/text.out"
kill -INT "$(<"$T/text.pid")"
expect 'Ctrl-C ends it' followed text
expect 'with what there was' eval 'grep -q "02:00:00:00:00:05 > 02:00:00:00:00:0a" "$T/text.out" &&
	grep -q "^in in, on bridge br0: 60 bytes, untagged" "$T/text.out" && grep -qx "1 frame traced" "$T/text.err"'
fails_with 'a wrong filter' 2 'syntax error' vs trace in --follow 1 'tcp prot 179'
fails_with 'has a mark below it' 2 '^      \^~~~' vs trace in --follow 1 'tcp prot 179'
fails_with 'a link is no port' 1 "'wire'" vs trace wire --follow 1
vs port set in storm-control broadcast-pps 1
same storm_first in --dst ff:ff:ff:ff:ff:ff
vs port set in in loss 100%
same lost in --dst 02:00:00:00:00:0a
expect 'an impairment that loses all' says lost impair-loss stage
vs port down in
within 20 json 'any(.[]; .name == "in" and (.enabled | not))' vs -j port show
vs trace in --dst 02:00:00:00:00:0a >"$T/text"
expect 'at a port that is down' grep -q 'dropped at in: port-disabled' "$T/text"
refused() { # TEXT WORDS...
	local text=$1
	shift
	! vs trace "$@" 2>"$T/err" && grep -qF -- "$text" "$T/err"
}
expect 'nothing is sent at a port that is down' refused "port 'in' is disabled" in --dst 02:00:00:00:00:0a --send
vs port down acc
expect 'nor out of one' out acc "$bpdu" PortDisabled
expect 'a frame too short to send' refused 'a frame of 3 bytes' a --hex 010203 --send
expect 'no such port' refused "'nobody'" nobody --dst 02:00:00:00:00:0a
expect 'no frame' refused 'no frame is given' in
finish
