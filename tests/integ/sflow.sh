#!/bin/bash
# What the switch sends to an sFlow collector, as tshark decodes it: sampled frames and the counters of
# ports; also over a restart. A collector that is not there costs nothing but a count.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require tshark tcpdump socat
netns_begin

# switch_again: a switch with a memory, after the one that runs was killed.
switch_again() {
	stop vswitch KILL
	start vswitch ip netns exec "$SW" vswitch --control "$T/vs.sock" --state "$T/state"
	within 20 vs bridge show
}
sflow_is() { json ".[0] | $1" vs -j sflow show; }
# decodes PATTERN [FILTER]: some datagram that passes the filter has such a line.
decodes() {
	tshark -r "$T/sflow.pcap" -Y "${2:-sflow}" -V >"$T/tshark.out" 2>"$T/tshark.log" || true
	grep -qE -- "$1" "$T/tshark.out"
}
capture() {
	start tcpdump ip netns exec "$SW" tcpdump -i lo -U -w "$T/sflow.pcap" udp port 6343
	within 20 grep -q 'listening on' "$T/tcpdump.log"
}

mkdir "$T/state"
switch_again
vs bridge add br0
vs port add a bridge br0 type veth netns "$A" peer eth0 ip 10.9.0.1/24
vs port add b bridge br0 type veth netns "$B" peer eth0 ip 10.9.0.2/24
within 20 json 'all(.[]; .state == "running" and .carrier)' vs -j port show

fails_with 'no rate without a collector' 1 'needs a collector' vs sflow set rate 10
fails_with 'a collector is an address' 1 'no address and port' vs sflow set collector localhost:6343
fails_with 'and has a port' 1 'no address and port' vs sflow set collector 127.0.0.1:65536
fails_with 'an agent is one, too' 1 'no address' vs sflow set agent x
expect 'nothing of that was set' sflow_is '.rate == 0 and (has("collector") | not) and (has("agent") | not)'

capture
start collector ip netns exec "$SW" socat -u UDP-RECV:6343,bind=127.0.0.1 OPEN:/dev/null
within 20 in_sw grep -q 0100007F:18C7 /proc/net/udp
vs sflow set collector 127.0.0.1:6343 rate 1 agent 192.0.2.9
expect 'frames pass' pings "$A" 10.9.0.2
expect 'and are sampled' within 20 sflow_is '.samples >= 2 and .datagrams >= 1 and .errors == 0'
expect 'a datagram of version 5' within 20 decodes 'Datagram version: 5'
expect 'of the agent that was said' decodes 'Agent address: 192\.0\.2\.9|192\.0\.2\.9'
expect 'with the echo request of one host' within 20 decodes 'Internet Protocol.*Src: 10\.9\.0\.1, Dst: 10\.9\.0\.2'
expect 'and the reply of the other' within 20 decodes 'Internet Protocol.*Src: 10\.9\.0\.2, Dst: 10\.9\.0\.1'
expect 'sampled one in one' decodes 'Sampling rate: 1 out of 1 packets'
expect 'whose header is Ethernet' decodes 'Header protocol: Ethernet'
expect 'no counters yet' eval "! decodes 'Counters sample'"
vs sflow set poll 1
expect 'counters of ports' within 20 decodes 'Counters sample'
expect 'with what they received' decodes 'Input Octets: [1-9][0-9]*'
expect 'tshark complains of nothing' eval "! decodes 'Malformed Packet' '_ws.malformed || _ws.expert.severity >= 0x600000'"

vs sflow set rate 0 poll 0
# What was sampled before may still be on its way.
expect 'off, no frame is sampled any more' within 20 eval 'before=$(vs -j sflow show | jq .[0].samples)
	pings "$A" 10.9.0.2 && sflow_is ".samples == $before"'

vs sflow set rate 1
switch_again
expect 'kept over a restart' sflow_is '.collector == "127.0.0.1:6343" and .rate == 1 and .agent == "192.0.2.9"'
expect 'frames pass again' pings "$A" 10.9.0.2
expect 'and are sampled again' within 20 sflow_is '.samples >= 2 and .datagrams >= 1'

stop collector
expect 'without a collector frames pass' pings "$A" 10.9.0.2
expect 'and errors are counted' within 20 eval 'pings "$A" 10.9.0.2 && sflow_is ".errors >= 1"'
expect 'with the reason' sflow_is '.lastError // .last_error | test("refused")'
finish
