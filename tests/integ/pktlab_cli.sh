#!/bin/bash
# Every verb of pktlab's command line, between programs: two of them across the switch, one on a
# device of DPDK, a capture played back, a console driven by a script; and wrong arguments.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require jq vswitch netcfg tcpdump
pktlab=$BUILD/tools/pktlab/pktlab
begin
switch_up
vs bridge add br0
for port in a b; do
	vs port add "$port" bridge br0 type vhost-user path "$T/$port" mode server trunks 10,11 native 1
done

# is FILTER FILE TEXT: the JSON in the file satisfies the filter.
is() {
	expect "$3" json "$1" cat "$2"
}

# across NAME VERB ARG...: the verb at port b, in the background, its JSON in $T/NAME.json.
across() {
	local name=$1 verb=$2
	shift 2
	within 10 eval '! carrier b' || failed "$name: port b is free"
	# shellcheck disable=SC2016
	start "$name" bash -c 'exec "$@" >"$0"' "$T/$name.json" "$pktlab" "$verb" "$@" \
		--port "vhost:$T/b" --json --quiet
	within 10 carrier b || failed "$name: port b came up"
}

carrier() {
	vs -j port show "$1" | jq -e "$(rows carrier) | any(.[]; .carrier)" >/dev/null
}

gen() {
	"$pktlab" gen --port "vhost:$T/a" --quiet "$@"
}

# ended TEXT NAME: it ends by itself, with status 0. Not through expect, which has no children.
ended() {
	if wait "${PID[$2]}"; then
		passed "$1"
	else
		failed "$1"
	fi
	unset "PID[$2]"
}

# --- what is sent is what arrives -----------------------------------------------------------------
# Fewer frames at a time than a ring of 1,024 holds: none is lost, however long the host takes the
# receiver's core away.
across sink sink --count 900 --duration 600
expect 'gen sends to one port what it was told' gen --count 900 --rate 100kpps --size 64,256,1518 \
	--dst 02:00:00:00:00:0b
ended 'sink ends with its count' sink
is '.frames == 900 and .foreign == 0 and .bytes == 900 / 3 * (64 + 256 + 1518)' "$T/sink.json" \
	'sink counts frames and bytes'
is '.streams | length == 1 and .[0].received == 900 and .[0].lost == 0 and .[0].duplicated == 0
	and .[0].reordered == 0' "$T/sink.json" 'sink accounts for the stream'

across capture capture "$T/tagged.pcap" --count 200 --duration 600 --filter 'vlan 10 and udp'
expect 'gen makes tagged frames of UDP' gen --count 400 --rate 20kpps --size 128-256 \
	--dst 02:00:00:00:00:0b --vlan 10+2 --ip 10.0.0.1+4,10.0.1.1 --udp 1000+8,2000
ended 'capture ends with its count' capture
expect 'capture keeps what the filter wants' eval \
	"[[ \$(tcpdump -r '$T/tagged.pcap' -nn 'vlan 10 and udp dst port 2000' 2>/dev/null | wc -l) == 200 ]]"

across again sink --count 200 --duration 600
expect 'replay sends the capture' "$pktlab" replay "$T/tagged.pcap" --port "vhost:$T/a" --quiet --json
ended 'all of it arrives' again
is '.frames == 200' "$T/again.json" 'as many frames as were captured'

across looped sink --count 600 --duration 600
expect 'replay three times at a rate' "$pktlab" replay "$T/tagged.pcap" --port "vhost:$T/a" --quiet \
	--loop 3 --rate 5000pps
ended 'three times as many arrive' looped

# --- what comes back ------------------------------------------------------------------------------
across reflect reflect --count 500 --duration 600
expect 'gen to a reflector' gen --count 500 --rate 50kpps --dst 02:00:00:00:00:0b
ended 'the reflector ends with its count' reflect
is '.frames == 500 and ."sent back" == 500 and .dropped == 0' "$T/reflect.json" 'it sent all back'

# --- DPDK, a console ------------------------------------------------------------------------------
expect 'gen on a device of DPDK' "$pktlab" gen --quiet --count 100 --rate 10kpps \
	--port "dpdk:net_pcap0,tx_pcap=$T/dpdk.pcap"
expect 'its file has the frames, of 60 bytes without FCS' \
	test "$(stat -c %s "$T/dpdk.pcap")" = $((24 + 100 * (16 + 60)))
printf '%s\n' 'start -m 1lightyear' 'start -m 1kpps -d 0.3' 'update -m 2kpps' stats portattr \
	nonsense quit >"$T/script"
expect 'a console follows a script' \
	eval "'$pktlab' console --port loop:w --port loop:w --size 64 <'$T/script' >'$T/console.txt'"
expect 'what it does not know it says' grep -q "'nonsense' is unknown" "$T/console.txt"
expect 'a rate it does not understand likewise' grep -q "'1lightyear' is not understood" "$T/console.txt"
expect 'it shows the ports' grep -Eq '^0 +loop +up' "$T/console.txt"

# --- wrong arguments ------------------------------------------------------------------------------
fails_with 'no verb' 2 usage "$pktlab"
fails_with 'an unknown verb' 2 "verb 'shoot' is unknown" "$pktlab" shoot
fails_with 'no port' 2 'no port is named' "$pktlab" gen
fails_with 'a type that is none' 2 "names no port type" "$pktlab" gen --port link:x
fails_with 'an unknown option' 2 "option '--speeed' is unknown" "$pktlab" gen --port loop:w --speeed 1
fails_with 'a rate without a unit that exists' 2 rate "$pktlab" gen --port loop:w --rate 5zps
fails_with 'a size that is too small' 2 size "$pktlab" gen --port loop:w --size 10
fails_with 'a filter that is none' 2 filter "$pktlab" capture "$T/x.pcap" --port loop:w --filter 'not a filter ('
fails_with 'a file that is not there' 1 'nowhere.pcap' "$pktlab" replay "$T/nowhere.pcap" --port loop:w
fails_with 'an address that is none' 2 'no IPv4 address' "$pktlab" respond --port loop:w --ip 10.0.0
fails_with 'a device that is none' 1 'device' "$pktlab" sink --port dpdk:net_nothing0
finish
