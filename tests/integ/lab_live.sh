#!/bin/bash
# One lab with two KVM guests, a tap of this host and a cable between the guests, through what a lab
# does: it comes up from one file, applying again changes nothing, hosts talk with and without offloads
# and with jumbo frames, the cable passes every frame, VLANs and carriers change under the running
# guests, the switch is killed and comes back, and destroy leaves nothing behind.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq ip busybox
begin
cd "$ROOT"
lab=tests/integ/live.yaml
expect 'the lab file is valid' netcfg validate -f $lab
lab_up $lab

reach() { # HOST ADDRESS [PING-OPTION...]
	local host=$1 address=$2
	shift 2
	within 30 node "$host" ping -c1 -W5 "$@" "$address"
}
host_reaches() { # ADDRESS
	within 30 busybox ping -c1 -W5 "$1"
}
expect 'a guest reaches the other' reach h1 10.0.0.2
expect 'this host reaches a guest' host_reaches 10.0.0.1
expect 'and a guest this host' reach h2 10.0.0.254
fails_with 'exec returns the status of the command' 1 '' node h1 false
expect 'everything is well' within 20 netcfg status --check
expect 'applying again finds no difference' netcfg plan -f $lab --exit-code
before=$(lab_pids '(vmm|vswitch)' | sort)
expect 'applying again succeeds' netcfg apply -f $lab --wait="$WAIT"
expect 'and touches no process' test "$before" = "$(lab_pids '(vmm|vswitch)' | sort)"
mac() {
	node "$1" cat /sys/class/net/eth1/address | tr -d '\r\n'
}
mac1=$(mac h1)
mac2=$(mac h2)
expect 'fdb show has a row for each host, on its port, in its VLAN' \
	json "$(rows mac) | any(.mac == \"$mac1\" and .vlan == 10 and .ifname == \"h1:eth1\") and
		any(.mac == \"$mac2\" and .vlan == 10 and .ifname == \"h2:eth1\")" netcfg -j fdb show br0

# --- offloads and jumbo frames --------------------------------------------------------------------

expect 'the first guest has segmentation offload' \
	node h1 'ethtool -k eth1 | grep -q "^tcp-segmentation-offload: on"'
refuse 'the second has none' node h2 'ethtool -k eth1 | grep -q "^tcp-segmentation-offload: on"'
expect 'the largest packet of a jumbo link gets through' reach h1 10.0.0.2 -s 8972
for host in h1 h2; do
	node "$host" ip link set eth1 mtu 1500
done
head -c 2M /dev/urandom >"$T/sent"
expect 'TCP from this host to the guest without offloads' tcp_intact 'bash -c' 'node h2' 10.0.0.254 "$T/sent" /tmp/got
expect 'from there to the one with them' tcp_intact 'node h2' 'node h1' 10.0.0.2 /tmp/got /tmp/got
# How large the segments are that TCP hands over depends on its window, and so on the machine's speed:
# that many were cut, not most, is what can be asked for. Uncut, as many go out as come in.
port_count() { # PORT COUNTER
	netcfg -j port stats | jq "$(rows tx_frames) | map(select(.name == \"$1\"))[0].$2"
}
cut() { # frames that went out to h2 and did not come in from h1
	echo $(($(port_count h2:eth1 tx_frames) - $(port_count h1:eth1 rx_frames)))
}
before=$(cut)
expect 'and back' tcp_intact 'node h1' 'node h2' 10.0.0.1 /tmp/got /tmp/back
expect 'the switch did cut: more frames went out than came in' test "$(cut)" -gt $((before + 100))
expect 'TCP from the guest with offloads to this host' tcp_intact 'node h1' 'bash -c' 10.0.0.1 /tmp/got "$T/back"
expect 'it is what was sent at first' cmp "$T/sent" "$T/back"

# --- the cable ------------------------------------------------------------------------------------

# What bridges keep: PAUSE, LACP, 802.1X, LLDP, MVRP. No tool of the guest sends such frames, so the
# kernel rewrites ARP probes on their way out.
kept='01:80:c2:00:00:01/0x8808 01:80:c2:00:00:02/0x8809 01:80:c2:00:00:03/0x888e 01:80:c2:00:00:0e/0x88cc 01:80:c2:00:00:21/0x88f5'
node h2 "tcpdump -i eth2 -U -w /tmp/cap 'ether[0:4] = 0x0180c200' 2>/tmp/cap.err &"
within 30 node h2 'grep -q "listening on" /tmp/cap.err'
node h1 "for frame in $kept; do
		tc qdisc add dev eth2 clsact
		tc filter add dev eth2 egress pref 1 protocol arp matchall action pedit ex \
			munge eth type set \${frame#*/} munge eth dst set \${frame%/*}
		arping -D -q -c 1 -w 1 -I eth2 10.9.9.9
		tc qdisc del dev eth2 clsact
	done; true"
for frame in $kept; do
	expect "the cable passes frames to ${frame%/*}" within 10 \
		node h2 "tcpdump -r /tmp/cap 'ether dst ${frame%/*} and ether[12:2] = ${frame#*/}' 2>/dev/null | grep -q ."
done
node h2 'kill $(pidof tcpdump)'

# --- VLANs and carriers change --------------------------------------------------------------------

expect 'port set: a guest moves to another VLAN' netcfg port set h2:eth1 tag 20
refuse 'which separates it from the other' node h1 ping -c2 -W1 10.0.0.2
expect 'that one reaches this host' reach h1 10.0.0.254
fails_with 'plan sees the difference' 3 '' netcfg plan -f $lab --exit-code
expect 'apply puts it back' netcfg apply -f $lab
expect 'the guests reach each other again' reach h1 10.0.0.2
carrier_is() { # WANT
	[[ $(node h2 cat /sys/class/net/eth1/carrier | tr -d '\r\n') == "$1" ]]
}
expect 'link down' netcfg link h2:eth1 down
expect 'the guest sees its cable pulled' within 10 carrier_is 0
expect 'link up' netcfg link h2:eth1 up
expect 'and back' within 10 carrier_is 1
expect 'with its traffic' reach h1 10.0.0.2

# --- the switch dies ------------------------------------------------------------------------------

boot_id=$(node h1 cat /proc/sys/kernel/random/boot_id)
kill -9 "$(lab_pids vswitch)"
expect 'apply starts a switch that was killed again' netcfg apply -f $lab --wait="$WAIT"
expect 'the guests go on' reach h1 10.0.0.2
expect 'this host, too' host_reaches 10.0.0.1
expect 'no guest was rebooted' test "$boot_id" = "$(node h1 cat /proc/sys/kernel/random/boot_id)"

expect 'destroy' netcfg destroy
refuse 'destroy leaves no process' lab_pids '(vmm|vswitch|netcfg)'
expect 'no socket' test -z "$(find "$XDG_RUNTIME_DIR" -type s)"
refuse 'no mount' grep -F "$XDG_RUNTIME_DIR" /proc/mounts
refuse 'and no tap' ip link show host0
expect 'destroy again succeeds' netcfg destroy -f $lab
finish
