#!/bin/bash
# Four hosts in two VLANs on one bridge see only their own VLAN, until a router on a trunk joins them.
# Then VLAN settings and cables change under the running guests.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq
begin
cd "$ROOT"
lab_up tests/integ/vlans.yaml

expect 'a1 reaches a2 in VLAN 10' within 30 node a1 ping -c1 -W5 10.0.10.2
expect 'b1 reaches b2 in VLAN 20' within 30 node b1 ping -c1 -W5 10.0.20.2
# The same subnet in both VLANs: only the VLAN separates them.
node b1 ip address add 10.0.10.99/24 dev eth1
refuse 'a1 does not reach VLAN 20' node a1 ping -c2 -W1 10.0.10.99
node b1 ip address del 10.0.10.99/24 dev eth1
# A broadcast of a1 is seen by a2 and by nobody in VLAN 20.
for host in a2 b2; do
	node "$host" 'tcpdump -i eth1 -U -w /tmp/cap arp host 10.0.10.77 2>/tmp/cap.err &'
	within 30 node "$host" 'grep -q "listening on" /tmp/cap.err'
done
node a1 'arping -c 3 -I eth1 10.0.10.77 >/dev/null' || true
seen() {
	node "$1" 'tcpdump -r /tmp/cap 2>/dev/null | grep -q who-has'
}
expect 'a broadcast reaches its VLAN' within 10 seen a2
refuse 'a broadcast does not leave its VLAN' seen b2

for vlan in 10 20; do
	node r1 "ip link add link eth1 name eth1.$vlan type vlan id $vlan &&
		ip address add 10.0.$vlan.254/24 dev eth1.$vlan && ip link set eth1.$vlan up"
done
node r1 'echo 1 >/proc/sys/net/ipv4/ip_forward'
for host in a1 a2; do
	node "$host" ip route add default via 10.0.10.254
done
for host in b1 b2; do
	node "$host" ip route add default via 10.0.20.254
done
expect 'the router on the trunk answers in VLAN 10' within 30 node a1 ping -c1 -W5 10.0.10.254
expect 'the router on the trunk answers in VLAN 20' within 30 node b2 ping -c1 -W5 10.0.20.254
expect 'a1 reaches b2 through the router' within 30 node a1 ping -c1 -W5 10.0.20.2
node b2 'iperf3 -s -D >/dev/null'
expect 'TCP from a2 to b2 through the router' node a2 iperf3 -c 10.0.20.2 -n 4M

mac() {
	node "$1" cat "/sys/class/net/$2/address" | tr -d '\r\n'
}
a1=$(mac a1 eth1)
b2=$(mac b2 eth1)
r1=$(mac r1 eth1)
expect 'fdb show has each address in its VLAN, the router in both' \
	json "$(rows mac) |
		any(.mac == \"$a1\" and .vlan == 10 and .ifname == \"a1:eth1\") and
		any(.mac == \"$b2\" and .vlan == 20 and .ifname == \"b2:eth1\") and
		any(.mac == \"$r1\" and .vlan == 10 and .ifname == \"r1:eth1\") and
		any(.mac == \"$r1\" and .vlan == 20 and .ifname == \"r1:eth1\")" netcfg -j fdb show br0

# A host moves to the other VLAN, live.
expect 'port set: a2 moves to VLAN 20' netcfg port set a2:eth1 tag 20
node a2 'ip address flush dev eth1; ip address add 10.0.20.77/24 dev eth1'
expect 'a2 reaches VLAN 20' within 30 node a2 ping -c1 -W5 10.0.20.1
refuse 'a1 no longer reaches a2' node a1 ping -c1 -W1 10.0.10.2
expect 'plan sees the difference' fails_with 'plan' 3 '' netcfg plan -f tests/integ/vlans.yaml --exit-code
expect 'apply puts a2 back' netcfg apply -f tests/integ/vlans.yaml
node a2 'ip address flush dev eth1; ip address add 10.0.10.2/24 dev eth1'
expect 'a1 reaches a2 again' within 5 node a1 ping -c1 -W5 10.0.10.2

carrier() { # NODE WANT
	[[ $(node "$1" cat /sys/class/net/eth1/carrier | tr -d '\r\n') == "$2" ]]
}
expect 'link down' netcfg link a1:eth1 down
expect 'the guest sees its cable pulled' within 5 carrier a1 0
expect 'link up' netcfg link a1:eth1 up
expect 'the guest sees its cable back' within 5 carrier a1 1
expect 'and traffic with it' within 10 node a1 ping -c1 -W5 10.0.10.2

# A VMM dies in the middle of its neighbours' traffic: they lose nothing.
node a1 'ping -c 40 -i 0.1 10.0.10.2 >/tmp/ping.log 2>&1 &'
pid=$(netcfg -j node show | jq -r '.. | objects | select(.name? == "b1") | .pid')
kill -9 "$pid"
lost_nothing() {
	node a1 grep -q '40 packets received' /tmp/ping.log
}
expect 'a VMM is killed and its neighbours lose nothing' within 15 lost_nothing
expect 'destroy' netcfg destroy
finish
