#!/bin/bash
# What `netcfg capture` writes is what was sent, byte for byte, read back by tshark, tcpdump and a reader of
# our own; a reader that stops holds up nobody; it ends cleanly however it ends.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require python3 tcpdump tshark capinfos socat
netns_begin

frames() { python3 "$INTEG/capture_frames.py" "$@"; }
send() { ip netns exec "$A" python3 "$INTEG/capture_frames.py" send eth0 "$@"; }
# capture NAME WORDS...: in the background, and it has begun.
capture() {
	local name=$1
	shift
	rm -f "$T/$name.status"
	{
		netcfg -S "$T/vs.sock" capture "$@" >"$T/$name.out" 2>"$T/$name.log" </dev/null &
		echo $! >"$T/$name.pid"
		wait $! && echo 0 >"$T/$name.status" || echo $? >"$T/$name.status"
	} &
	within 20 begun "$name" "$@"
}
begun() {
	local name=$1
	shift
	if [[ " $* " == *' -w '* ]]; then
		compgen -G "$T/$name.pcapng*" >/dev/null && [[ -n $(cat "$T/$name".pcapng*) ]]
	else
		grep -q '^capturing' "$T/$name.log"
	fi
}
# ends NAME STATUS [SIGNAL]: it ends by itself, or by the signal, with that status.
ends() {
	[[ -z ${3:-} ]] || kill -s "$3" "$(<"$T/$1.pid")"
	within 20 test -s "$T/$1.status" && [[ $(<"$T/$1.status") == "$2" ]]
}
# has TEXT COMMAND...: what it prints has a line with the text, however it ends.
has() {
	local text=$1
	shift
	{ "$@" 2>&1 || true; } | grep -qF -- "$text"
}

for netns in "$A" "$B"; do # whose hosts would say this and that by themselves
	ip netns exec "$netns" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
done
vs bridge add br0
cable up0 "$A" 10.9.0.1
vs port add a bridge br0 type af-packet dev up0 tag 10
vs port add b bridge br0 type veth netns "$B" peer eth0 ip 10.9.0.2/24 mac 02:00:00:00:00:22 trunks 10
within 20 json 'all(.[]; .state == "running" and .carrier)' vs -j port show

# --- byte for byte --------------------------------------------------------------------------------

# shellcheck disable=SC2034 # the line below but one counts on from it
ageing=100
start events vs monitor
within 20 eval 'vs bridge set br0 ageing $((ageing++)); [[ -s $T/events.log ]]' # it listens
capture all a b -w "$T/all.pcapng"
capture some b -w "$T/some.pcapng" -s 20 --dir out 'vlan 10 and ether[16:2] = 0x88b5 and ether[18:4] >= 90'
send 0 100
expect 'both ports, as on their wires' within 20 frames check "$T/all.pcapng" 100 a:in b:out:10
expect 'it ends with Ctrl-C' ends all 0 INT
expect 'others were told that it began' within 20 grep -qx 'capture a b began' "$T/events.log"
expect 'and that it ended' within 20 grep -qx 'capture a b ended' "$T/events.log"
stop events
expect 'and all of it is there, with statistics' frames check "$T/all.pcapng" 100 a:in b:out:10
expect 'it said how many' grep -qx '0 frames lost' "$T/all.log"
expect 'tcpdump reads as many' eval \
	'[[ $(tcpdump -nr "$T/all.pcapng" 2>/dev/null | grep -c "ethertype Unknown (0x88b5)\|0x88b5") == 200 ]]'
expect 'tshark sees what our reader sees' frames agree "$T/all.pcapng"
expect 'so does capinfos, by interface' eval \
	'[[ $(capinfos -M "$T/all.pcapng" | grep -c "Number of packets = 100$") == 2 ]]'
expect 'times, in order' eval 'capinfos -M "$T/all.pcapng" | grep -x "Strict time order: *True" >/dev/null'
expect 'each interface says what it is' eval \
	'frames interfaces "$T/all.pcapng" | grep "^a|af-packet port of bridge br0|-|9|[0-9]*|0$" >/dev/null'
expect 'the other, filtered, ends, too' ends some 0 TERM
expect 'ten frames, cut, and the filter' eval \
	'frames interfaces "$T/some.pcapng" | grep -xF "b|veth port of bridge br0|vlan 10 and ether[16:2] = 0x88b5 and ether[18:4] >= 90|9|10|0" >/dev/null'
expect 'cut, for tshark, too' frames agree "$T/some.pcapng"
expect 'of 20 bytes each' eval '(($(stat -c %s "$T/some.pcapng") < 2000))'

# --- names ----------------------------------------------------------------------------------------

capture any any -w "$T/any.pcapng"
vs port add c bridge br0 type veth netns "$B" peer eth1 trunks 10
within 20 json 'all(.[]; .state == "running" and .carrier)' vs -j port show
send 0 20
expect 'each frame once, where it came in' within 20 frames check "$T/any.pcapng" 20 a:in
expect 'ports that came later are there' ends any 0 INT
expect 'by name' eval 'frames interfaces "$T/any.pcapng" | grep "^c|" >/dev/null'
vs port del c
fails_with 'what is no name' 1 "'nosuch' is no port, link or bridge" vs capture nosuch
fails_with 'a wrong filter' 2 'syntax error' vs capture a 'tcp prot 179'
expect 'has a mark below it' has '      ^~~~' vs capture a 'tcp prot 179'

# --- lines ----------------------------------------------------------------------------------------

capture lines a -c 2 arp or icmp
# Nobody answers: the trunk's other end has no address in VLAN 10.
PING_WAIT=1 pings "$A" 10.9.0.2 || true
PING_WAIT=1 pings "$A" 10.9.0.3 || true
expect 'a line for each frame' ends lines 0
expect 'such as this' grep -Eq '^[0-9:.]+ a In +ARP, Request who-has 10.9.0.2 tell 10.9.0.1, length' "$T/lines.out"

# --- drops ----------------------------------------------------------------------------------------

capture drops any -w "$T/drops.pcapng" --drops
vs port set a enabled off
send 0 10
expect 'dropped frames, with the reason' within 20 frames dropped "$T/drops.pcapng" a 10 port-disabled
expect 'end' ends drops 0 INT
expect 'tshark sees the reasons' frames agree "$T/drops.pcapng"
vs port set a enabled on

# --- checksums ------------------------------------------------------------------------------------

vs port del b
vs port add b bridge br0 type veth netns "$B" peer eth0 ip 10.9.0.2/24 mac 02:00:00:00:00:22 tag 10
wrong() { tcpdump -vvnr "$1" tcp 2>/dev/null | grep -c 'cksum.*incorrect'; }
capture finished a -w "$T/finished.pcapng" --dir in tcp
capture raw a -w "$T/raw.pcapng" --dir in --raw tcp
expect 'a file by TCP, captured' send_file "$A" "$B" 10.9.0.2
expect 'ends' ends finished 0 INT
expect 'and the raw one' ends raw 0 INT
expect 'no checksum is unfinished' eval '[[ $(wrong "$T/finished.pcapng") == 0 ]]'
expect 'but in the raw one' eval '(($(wrong "$T/raw.pcapng") > 0))'

# --- readers --------------------------------------------------------------------------------------

received() { vs -j port stats b | jq '.[0].tx_frames'; }
capture stopped a -w "$T/stopped.pcapng" -B 256
kill -STOP "$(<"$T/stopped.pid")"
# shellcheck disable=SC2034 # the line below counts from it
before=$(received)
for ((i = 0; i < 20; i++)); do
	send $((100 * i)) 100
	within 20 eval '(($(received) >= before + 100 * (i + 1)))' || break
done
expect 'a stopped reader holds up nobody' eval '(($(received) >= before + 2000))'
kill -CONT "$(<"$T/stopped.pid")"
expect 'it goes on, and ends' ends stopped 0 INT
expect 'it says what it lost' grep -Eqx '[1-9][0-9]* frames lost' "$T/stopped.log"
expect 'and so does the file' frames check "$T/stopped.pcapng" 0

capture turns a -w "$T/turns.pcapng" -C 4k -W 3 -c 100 'ether proto 0x88b5'
send 0 100
expect 'files in turn' ends turns 0
expect 'as many as were asked for' eval '[[ $(cd "$T"; echo turns.pcapng*) == "turns.pcapng0 turns.pcapng1 turns.pcapng2" ]]'
for i in 0 1 2; do
	expect "file $i is whole" frames check "$T/turns.pcapng$i" 0
done
fails_with 'a full disk' 1 'No space left on device' vs capture a -w /dev/full
status=0
vs capture a -w - 2>"$T/pipe.log" | head -c 24 >/dev/null &
pipe=$!
within 20 eval 'send 0 10; grep -q captured "$T/pipe.log"' || status=1
wait "$pipe" || status=1
expect 'a pipe that nobody reads' test "$status" = 0
capture gone a -w "$T/gone.pcapng"
stop vswitch KILL
expect 'a switch that is gone' ends gone 1
expect 'is said' grep -q 'the switch has ended it' "$T/gone.log"
finish
