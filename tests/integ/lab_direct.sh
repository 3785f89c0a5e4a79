#!/bin/bash
# A link between two ports passes what bridges keep: PAUSE, LACP, LLDP, 802.1X and spanning tree frames, between two
# KVM guests; a LACP bond over two links comes up and loses a leg when its cable is pulled.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq
begin
cd "$ROOT"
lab_up tests/integ/links.yaml

capture() { # INTERFACE FILTER: begin to, in h2
	node h2 "pkill tcpdump; tcpdump -i $1 -U -w /tmp/cap '$2' 2>/tmp/cap.err &"
	within 30 node h2 'grep -q "listening on" /tmp/cap.err'
}
captured() { # something was
	node h2 'tcpdump -r /tmp/cap 2>/dev/null | grep -q .'
}
# No tool of the guest sends such frames, so the kernel rewrites ARP probes on their way out.
frame_passes() { # DESTINATION ETHERTYPE
	capture eth1 "ether dst $1 and ether[12:2] = $2"
	node h1 "tc qdisc del dev eth1 clsact 2>/dev/null
		tc qdisc add dev eth1 clsact &&
		tc filter add dev eth1 egress pref 1 protocol arp matchall \
			action pedit ex munge eth type set $2 munge eth dst set $1 &&
		{ arping -D -q -c 2 -w 2 -I eth1 10.9.9.9 || true; }"
	within 10 captured
}
# The kernel's bridge speaks spanning tree itself.
bpdu_passes() {
	local status=0
	capture eth2 stp
	node h1 'ip link add br0 type bridge stp_state 1 && ip link set eth2 master br0 && ip link set br0 up'
	within 30 captured || status=$?
	node h1 ip link del br0
	return $status
}
expect 'spanning tree (01:80:c2:00:00:00)' bpdu_passes
expect 'PAUSE (01:80:c2:00:00:01, 0x8808)' frame_passes 01:80:c2:00:00:01 0x8808
expect 'LACP (01:80:c2:00:00:02, 0x8809)' frame_passes 01:80:c2:00:00:02 0x8809
expect '802.1X (01:80:c2:00:00:03, 0x888e)' frame_passes 01:80:c2:00:00:03 0x888e
expect 'LLDP (01:80:c2:00:00:0e, 0x88cc)' frame_passes 01:80:c2:00:00:0e 0x88cc
expect 'MVRP (01:80:c2:00:00:21, 0x88f5)' frame_passes 01:80:c2:00:00:21 0x88f5
expect 'an experimental EtherType' frame_passes 02:00:00:00:00:02 0x88b5
node h1 'tc qdisc del dev eth1 clsact'

for host in h1 h2; do
	address=10.0.0.${host#h}/24
	node "$host" "modprobe bonding max_bonds=0
		ip link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast
		for i in eth1 eth2; do ip link set \$i down; ip link set \$i master bond0; done
		ip address add $address dev bond0; ip link set bond0 up"
done
bonded() { # NUMBER of ports in the active aggregator of h1, with a partner
	node h1 cat /proc/net/bonding/bond0 >"$T/bond"
	grep -q "Number of ports: $1" "$T/bond" &&
		grep -q 'Partner Mac Address: [0-9a-f:]*[1-9a-f]' "$T/bond"
}
expect 'a LACP bond over two links comes up with both' within 20 bonded 2
expect 'and carries traffic' within 10 node h1 ping -c1 -W5 10.0.0.2
expect 'a cable is pulled' netcfg link h1:eth1 down
expect 'both ends of it lose carrier' within 5 \
	node h2 '[ "$(cat /sys/class/net/eth1/carrier)" = 0 ]'
expect 'the bond goes on with the other' within 10 node h1 ping -c1 -W5 10.0.0.2
expect 'the cable is plugged in again' netcfg link h1:eth1 up
expect 'the bond has both again' within 20 bonded 2
expect 'destroy' netcfg destroy
finish
