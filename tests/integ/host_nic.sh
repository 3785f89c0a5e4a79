#!/bin/bash
# A NIC of the host is taken from the kernel and rebound to its driver, with its reasons told, and
# bridges what is behind the switch to its wire. The second NIC of the emulated host, left to the
# kernel in a namespace of its own, is the wire's other end.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/nic.sh
. "$(dirname -- "$0")/nic.sh"
require vswitch netcfg jq ip modprobe
[[ -n ${WEFT_EMUHOST:-} ]] || skip 'takes NICs from the kernel: only inside tools/emuhost'
begin
pci=0000:01:00.0 far=0000:02:00.0
devices=/sys/bus/pci/devices

modprobe e1000e
within 10 has_iface "$pci"
within 10 has_iface "$far"
nic=$(iface_of "$pci")

# --- what stands in the way ----------------------------------------------------------------------

fails_with 'without vfio-pci: says what to load' 1 'modprobe vfio-pci' netcfg nic bind "$nic"
modprobe vfio-pci
expect 'nic show: the NIC, its driver and its IOMMU group' \
	json "any(.pci == \"$pci\" and .name == \"$nic\" and .driver == \"e1000e\" and
		.can_bind and (.bound | not) and .iommu_group >= 0 and .id == \"8086:10d3\")" \
	netcfg -j nic show
fails_with 'an interface that is no NIC' 1 "'lo': it is no PCI device" netcfg nic bind lo
fails_with 'a NIC that does not exist' 1 "PCI device '0000:00:1e.7' not found" \
	netcfg nic bind 00:1e.7

ip address add 192.0.2.1/24 dev "$nic"
ip link set "$nic" up
fails_with 'the only address of the host holds it' 1 "'$nic' has the only address" \
	netcfg nic bind "$nic"
ip route add default via 192.0.2.254
fails_with 'so does its default route' 1 "'$nic' has the default route" netcfg nic bind "$nic"
expect 'it is still with the kernel' driver_is "$pci" e1000e
says() { # PATTERN CMD...
	local pattern=$1
	shift
	"$@" | grep -qE -- "$pattern"
}
expect '--force --dry-run names what would be lost' \
	says 'will lose its default route' netcfg --force --dry-run nic bind "$nic"
expect 'and changes nothing' driver_is "$pci" e1000e
ip address flush dev "$nic"

# --- there and back ------------------------------------------------------------------------------

expect 'bind explains' says "interface $nic will be gone" netcfg nic bind "$nic"
expect 'vfio-pci has it' driver_is "$pci" vfio-pci
refuse 'its interface is gone' has_iface "$pci"
expect 'nic show: bound, by its address alone' \
	json "any(.pci == \"$pci\" and .bound and .driver == \"vfio-pci\" and (has(\"name\") | not))" \
	netcfg -j nic show "$pci"
# A program that holds the group, as DPDK does. Its own process: nothing inherits the descriptor.
group=/dev/vfio/$(basename "$(readlink "$devices/$pci/iommu_group")")
start holder python3 -c 'import os, sys, time; os.open(sys.argv[1], os.O_RDWR); time.sleep(600)' "$group"
holds() {
	[[ $(readlink "/proc/${PID[holder]}/fd"/*) == *"$group"* ]]
}
within 10 holds
fails_with 'unbind refuses while a program has it' 1 'a program uses it' netcfg nic unbind "$pci"
stop holder
expect 'unbind' netcfg nic unbind "$pci"
expect 'the kernel has it again' driver_is "$pci" e1000e
expect 'with its interface' within 10 has_iface "$pci"
expect 'unbind of a NIC that is not bound' netcfg nic unbind "$pci"

# --- a port on the NIC --------------------------------------------------------------------------

# far: the wire's other end. near: a container behind the switch.
for name in far near; do
	ip netns add "$name"
	at_end+=("ip netns del $name || true") # which brings the NIC back
done
ip link set "$(iface_of "$far")" netns far
wire=$(ip -n far -j link show | jq -r '.[] | select(.ifname != "lo") | .ifname')
ip -n far link set "$wire" up
ip -n far address add 10.9.0.1/24 dev "$wire"
in_far() {
	ip netns exec far "$@"
}
in_near() {
	ip netns exec near "$@"
}

mkdir "$T/state"
switch_up --state "$T/state"
vs bridge add br0
add_nic() { # DPDK starts with the first NIC: slow where everything is emulated
	vs --timeout="$WAIT" port add up0 bridge br0 type nic dev "$1"
}
vs port add near bridge br0 type veth netns near peer eth0 ip 10.9.0.2/24 >/dev/null
nic=$(iface_of "$pci")

fails_with 'a port that the switch refuses' 1 "port 'near'" vs port add near type nic dev "$nic"
expect 'leaves the NIC with the kernel' driver_is "$pci" e1000e
expect 'port add takes the NIC, and says so' \
	says "interface $nic will be gone" add_nic "$nic"
expect 'vfio-pci has it now' driver_is "$pci" vfio-pci
expect 'the port runs on DPDK'"'"'s own driver, named by its address' within 20 \
	json "any(.name == \"up0\" and .state == \"running\" and .carrier and .rebind and
		.dev == \"$pci\" and .driver == \"net_e1000_em\" and .speed == 1000)" vs -j port show up0
expect 'port add --may-exist finds it by the name that is gone' \
	vs --may-exist port add up0 bridge br0 type nic dev "$nic"
fails_with 'unbind refuses while the port has it' 1 'a program uses it' netcfg nic unbind "$pci"

expect 'the container reaches the wire' within 20 in_near busybox ping -c1 -W5 10.9.0.1
expect 'and is reached' within 30 in_far busybox ping -c1 -W5 10.9.0.2
start iperf ip netns exec far iperf3 -s
expect 'TCP onto the wire' within 10 in_near timeout "$WAIT" iperf3 -c 10.9.0.1 -n 4M
expect 'TCP from the wire' in_near timeout "$WAIT" iperf3 -c 10.9.0.1 -n 4M -R
big=$(printf 'x%.0s' {1..1400})
received() { # a datagram without checksum offload, whole
	local got
	start udp ip netns exec far socat -u UDP4-RECV:7777 "CREATE:$T/got"
	within 10 eval 'in_far ss -lun | grep -q :7777'
	printf '%s' "$big" | in_near socat -u - UDP4-SENDTO:10.9.0.1:7777
	within 10 test -s "$T/got"
	stop udp
	got=$(<"$T/got")
	[[ $got == "$big" ]]
}
expect 'a datagram arrives whole' received

# --- a VLAN trunk to the wire --------------------------------------------------------------------

vs port set up0 vlan-mode trunk trunks 10
vs port set near tag 10
ip -n far link add link "$wire" name v10 type vlan id 10
ip -n far link add link "$wire" name v20 type vlan id 20
ip -n far address add 10.10.0.1/24 dev v10
ip -n far address add 10.20.0.1/24 dev v20
ip -n far link set v10 up
ip -n far link set v20 up
ip -n near address add 10.10.0.2/24 dev eth0
ip -n near address add 10.20.0.2/24 dev eth0
expect 'VLAN 10 of the trunk reaches the container' within 10 in_near busybox ping -c1 -W5 10.10.0.1
refuse 'VLAN 20 does not' in_near busybox ping -c2 -W1 10.20.0.1
refuse 'untagged frames do not' in_near busybox ping -c2 -W1 10.9.0.1
vs port set up0 vlan-mode trunk trunks 20
vs port set near tag 20
expect 'the other way round: VLAN 20 does' within 10 in_near busybox ping -c1 -W5 10.20.0.1
refuse 'VLAN 10 does not' in_near busybox ping -c2 -W1 10.10.0.1

# --- rebound -------------------------------------------------------------------------------------

expect 'port del' vs port del up0
expect 'the kernel has the NIC again' driver_is "$pci" e1000e
expect 'and its interface' within 10 has_iface "$pci"
nic=$(iface_of "$pci")
expect 'a second time' add_nic "$nic"
stop vswitch
expect 'the end of vswitch rebinds it, too' driver_is "$pci" e1000e
within 10 has_iface "$pci"
sed -i "s/$pci/$(iface_of "$pci")/" "$T/state/config" # as somebody may have asked for it
again() {
	start vswitch vswitch --control "$T/vs.sock" --state "$T/state"
}
again
runs() {
	json 'any(.name == "up0" and .state == "running")' vs -j port show up0
}
expect 'one that starts again with its ports takes it by itself' within 90 runs
expect 'as before' driver_is "$pci" vfio-pci
expect 'and keeps its address instead of its name' grep -q "\"$pci\"" "$T/state/config"
ip -n near address add 10.20.0.2/24 dev eth0
stop vswitch KILL
again
expect 'after one that was killed the next goes on with it' within 90 runs
expect 'and with the pair of the container, whose addresses stayed' within 20 in_near busybox ping -c1 -W5 10.20.0.1
stop vswitch KILL
expect 'a switch that was killed leaves it with vfio-pci' driver_is "$pci" vfio-pci
expect 'and netcfg rebinds it' netcfg nic unbind "$pci"
expect 'to its driver' driver_is "$pci" e1000e
finish
