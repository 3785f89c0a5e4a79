#!/bin/bash
# What an interface in a namespace sees of the other end of its link: a link or port that is taken down, and
# the other end that goes, take its carrier, and it comes back with them; also over a restart of the switch.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
netns_begin

# switch_again: a switch with a memory, after the one that runs was killed.
switch_again() {
	stop vswitch KILL
	start vswitch ip netns exec "$SW" vswitch --control "$T/vs.sock" --state "$T/state"
	within 20 vs bridge show
}
mkdir "$T/state"
switch_again

carrier() { # CMD... INTERFACE YES-OR-NO
	local args=("$@") want=${*: -1} name=${*: -2:1}
	"${args[@]:0:$#-2}" ip -j link show dev "$name" |
		jq -e ".[0].flags | any(. == \"LOWER_UP\") == ($want == 1)"
}
# flaps CMD...: how often the carrier of eth0 has changed there.
flaps() {
	"$@" cat /sys/class/net/eth0/carrier_changes
}
both_have() { carrier in_a eth0 "$1" && carrier in_b eth0 "$1"; }
link_has() { json ".[] | select(.name == \"ab\") | .carrier == $1" vs -j link show; }

vs port add a type veth netns "$A" peer eth0 dev va ip 10.9.0.1/24
expect 'a port that is plugged in nowhere gives no carrier' within 5 carrier in_a eth0 0
vs port add b type veth netns "$B" peer eth0 dev vb ip 10.9.0.2/24
vs link add ab a b
expect 'a link does, at both ends' within 5 both_have 1
expect 'and it works' pings "$A" 10.9.0.2

vs link set ab enabled 0
expect 'a link that is down takes it at both ends' within 5 both_have 0
expect 'the switch knows that its ports run all the same' port_is a '.state == "running" and (.carrier | not)'
vs link set ab enabled 1
expect 'and gives it back' within 5 both_have 1
expect 'it works again' pings "$A" 10.9.0.2
vs port set a enabled 0
expect 'so does a port that is disabled' within 5 both_have 0
vs port set a enabled 1
expect 'and one that is enabled' within 5 both_have 1

# The other end goes: none of the two waits for the other for ever, in whichever order they come back.
in_b ip link set dev eth0 down
expect 'one end that is down takes the carrier of the other' within 5 carrier in_a eth0 0
expect 'the link has none' within 5 link_has false
in_b ip link set dev eth0 up
expect 'and gives it back, too' within 5 both_have 1
in_b ip link set dev eth0 down
within 5 carrier in_a eth0 0
in_a ip link set dev eth0 down
in_b ip link set dev eth0 up
expect 'the first of two that comes up has none' within 5 eval 'carrier in_b eth0 0 && link_has false'
in_a ip link set dev eth0 up
expect 'the second brings it for both' within 5 both_have 1
expect 'and frames pass' pings "$A" 10.9.0.2

# It is quiet when nothing happens: nobody takes what the switch does for what somebody else does.
vs link set ab enabled 0
within 5 both_have 0
before="$(flaps in_a) $(flaps in_b)"
sleep 1
expect 'carrier that is gone does not flap' [ "$(flaps in_a) $(flaps in_b)" = "$before" ]

# Over a restart.
switch_again
expect 'both ports run after a restart' within 10 \
	json 'all(.[]; .state == "running" and (.carrier | not))' vs -j port show
expect 'a link that was down is down' within 5 both_have 0
expect 'and nobody saw it up meanwhile' [ "$(flaps in_a) $(flaps in_b)" = "$before" ]
vs link set ab enabled 1
expect 'until it is set up' within 5 both_have 1
before="$(flaps in_a) $(flaps in_b)"
switch_again
expect 'one that was up is up after the next' within 10 link_has true
expect 'it works' pings "$A" 10.9.0.2
expect 'nobody saw it down meanwhile' [ "$(flaps in_a) $(flaps in_b)" = "$before" ]

# Somebody who sets our interface up has it so until the next change.
vs link set ab enabled 0
within 5 both_have 0
in_sw ip link set dev va up
expect 'who sets the interface up by hand is let' within 5 carrier in_a eth0 1
vs link set ab enabled 1
expect 'and the link comes' within 5 both_have 1
vs link set ab enabled 0
expect 'and goes as before' within 5 both_have 0
vs link del ab
vs bridge add br0
vs port set a bridge br0
expect 'a bridge gives carrier, too' within 5 carrier in_a eth0 1

# A tap, and an interface that is made again.
vs port set a bridge ''
vs port add t type tap dev tap0 ip 10.9.0.3/24
vs link add at a t
expect 'a tap at the other end' within 5 eval 'carrier in_a eth0 1 && carrier in_sw tap0 1'
vs link set at enabled 0
expect 'its link is down' within 5 eval 'carrier in_a eth0 0 && carrier in_sw tap0 0'
in_sw ip link del dev va
expect 'an interface that is made again while the link is down' within 10 port_is a '.connects >= 2 and .state == "running"'
expect 'has none' within 5 eval 'carrier in_a eth0 0 && carrier in_sw tap0 0'
vs link set at enabled 1
expect 'and gets it with the link' within 5 eval 'carrier in_a eth0 1 && carrier in_sw tap0 1'
in_sw ip link set dev tap0 down
expect 'a tap that the host takes down' within 5 carrier in_a eth0 0
in_sw ip link set dev tap0 up
expect 'and sets up' within 5 carrier in_a eth0 1
expect 'frames pass' pings "$A" 10.9.0.3
vs port add m type veth netns "$B" peer eth1 queues 2
expect 'one with several queues' within 5 carrier in_b eth1 0
switch_again
vs port set m bridge br0
expect 'is taken over while it is down' within 10 carrier in_b eth1 1
finish
