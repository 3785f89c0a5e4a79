#!/bin/bash
# The example lab with a network card of the host: `netcfg apply` takes it from the kernel, a KVM guest
# and the wire's other end reach each other over a VLAN trunk, then over an access VLAN with jumbo
# frames, and `netcfg destroy` gives the card back. The second card of the emulated host, left to the
# kernel in a namespace of its own, is the wire's other end.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq ip modprobe busybox
[[ -n ${WEFT_EMUHOST:-} ]] || skip 'takes network cards from the kernel: only inside tools/emuhost'
begin
cd "$ROOT"
card=0000:01:00.0 far=0000:02:00.0
devices=/sys/bus/pci/devices

modprobe e1000e
modprobe vfio-pci
iface_of() {
	local entry
	for entry in "$devices/$1/net"/*; do
		[[ -e $entry ]] && printf '%s\n' "${entry##*/}"
	done
}
has_iface() {
	[[ -n $(iface_of "$1") ]]
}
driver_is() { # ADDRESS DRIVER
	[[ $(readlink "$devices/$1/driver") == */"$2" ]]
}
within 10 has_iface "$card"
within 10 has_iface "$far"
nic=$(iface_of "$card")

# far: the wire's other end; untagged it is in another subnet than in VLAN 10.
ip netns add far
at_end+=("ip netns del far || true") # which brings the card back
ip link set "$(iface_of "$far")" netns far
wire=$(ip -n far -j link show | jq -r '.[] | select(.ifname != "lo") | .ifname')
ip -n far link set "$wire" up
ip -n far link add link "$wire" name v10 type vlan id 10
ip -n far address add 10.0.10.254/24 dev v10
ip -n far link set v10 up
in_far() {
	ip netns exec far "$@"
}

# lab_file SED-SCRIPT: the example with that difference.
lab_file() {
	sed -e "s|\.\./build|$ROOT/build|g" -e "$1" labs/nic.yaml >"$T/lab.yaml"
}
lab() {
	local verb=$1
	shift
	netcfg "$verb" -f "$T/lab.yaml" "$@"
}

# --- what stands in the way ----------------------------------------------------------------------

LAB_FILE=$T/lab.yaml
lab_file 's/, give-back: true//'
expect 'the file is valid' lab validate
fails_with 'without give-back, the card has to be bound before' 1 "hint: .*netcfg nic bind $card" lab apply
ip address add 192.0.2.1/24 dev "$nic"
ip link set "$nic" up
lab_file ''
fails_with 'a card that the host needs is not taken' 1 "'$nic' has the only address" lab apply
expect 'it is still with the kernel' driver_is "$card" e1000e
ip address flush dev "$nic"

# --- a trunk to the wire -------------------------------------------------------------------------

lab_up "$T/lab.yaml"
expect 'apply took the card' driver_is "$card" vfio-pci
refuse 'its interface is gone' has_iface "$card"
up0_runs() {
	json "any(.[]; .name == \"up0\" and .state == \"running\" and .dev == \"$card\" and
		.driver == \"net_e1000_em\")" netcfg -j port show
}
expect 'its port runs' within 20 up0_runs
expect 'everything is well' within 10 lab status --check
expect 'a second apply has nothing to do' lab plan --exit-code
fails_with 'nor is the card another program'"'"'s' 1 'a program uses it' netcfg nic unbind "$card"

mtu_is() { # MTU
	[[ $(node h1 cat /sys/class/net/eth1/mtu | tr -d '\r\n') == "$1" ]]
}
expect 'the guest has the MTU of its cable' mtu_is 1500
expect 'VLAN 10 of the wire reaches h1' within 20 in_far busybox ping -c1 -W5 10.0.10.1
expect 'h1 reaches VLAN 10 of the wire' within 30 node h1 ping -c1 -W5 10.0.10.254

head -c 4M /dev/urandom >"$T/sent"
transfers() { # there and back, unharmed
	tcp_intact 'in_far bash -c' 'node h1' 10.0.10.254 "$T/sent" /tmp/got &&
		tcp_intact 'node h1' 'in_far bash -c' 10.0.10.1 /tmp/got "$T/back"
}
expect 'TCP to h1 and back to the wire, 4 MiB unharmed' transfers

ip -n far address add 10.0.10.253/24 dev "$wire"
refuse 'untagged frames stay out of VLAN 10' in_far busybox ping -I "$wire" -c2 -W1 10.0.10.1
ip -n far address del 10.0.10.253/24 dev "$wire"

# --- an access VLAN on the wire, jumbo frames ----------------------------------------------------

ip -n far link del v10
ip -n far link set "$wire" mtu 9000
ip -n far address add 10.0.10.254/24 dev "$wire"
lab_file 's/trunk-vlans: \[10, 20\]/access-vlan: 10/; s/mtu: 1500/mtu: 9000/'
expect 'the port becomes an access port, with jumbo frames' lab apply --allow restart --wait="$WAIT"
expect 'then there is nothing to do' lab plan --exit-code
expect 'the guest has the new MTU' mtu_is 9000
expect 'h1 reaches the wire, untagged' within 20 node h1 ping -c1 -W5 10.0.10.254
expect 'the largest packet gets through' within 30 node h1 ping -c1 -W5 -s 8972 10.0.10.254
expect 'both ways' within 30 in_far busybox ping -c1 -W5 -s 8972 10.0.10.1
expect 'TCP, likewise' transfers

# --- given back ----------------------------------------------------------------------------------

expect 'destroy succeeds' lab destroy
expect 'the kernel has the card again' driver_is "$card" e1000e
expect 'and its interface' within 10 has_iface "$card"
finish
