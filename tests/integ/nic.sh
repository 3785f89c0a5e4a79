# shellcheck shell=bash disable=SC2034
# A lab with a NIC of the host, inside the emulated host: the first NIC is the lab's, the second,
# left to the kernel in a namespace of its own, is the wire's other end. A test sources this after lib.sh
# and calls wire_begin in place of begin.
# Tests of NICs without a lab take the questions about a NIC from here; they set devices themselves.

wire_begin() {
	require vmm vswitch netcfg jq ip modprobe busybox
	[[ -n ${WEFT_EMUHOST:-} ]] || skip 'takes NICs from the kernel: only inside tools/emuhost'
	begin
	cd "$ROOT" || exit
	pci=0000:01:00.0 far=0000:02:00.0
	devices=/sys/bus/pci/devices
	modprobe e1000e
	modprobe vfio-pci
	within 10 has_iface "$pci"
	within 10 has_iface "$far"
	nic=$(iface_of "$pci")
	ip netns add far
	at_end+=("ip netns del far || true") # which brings the NIC back
	ip link set "$(iface_of "$far")" netns far
	wire=$(ip -n far -j link show | jq -r '.[] | select(.ifname != "lo") | .ifname')
	ip -n far link set "$wire" up
	head -c 4M /dev/urandom >"$T/sent"
	LAB_FILE=$T/lab.yaml
}

# iface_of NIC: the kernel's name of it, if the kernel has it.
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

in_far() {
	ip netns exec far "$@"
}

# lab_file SED-SCRIPT: the example with that difference.
lab_file() {
	sed -e "s|\.\./build|$ROOT/build|g" -e "$1" labs/nic.yaml >"$LAB_FILE"
}

lab() {
	local verb=$1
	shift
	netcfg "$verb" -f "$LAB_FILE" "$@"
}

mtu_is() { # MTU
	[[ $(node h1 cat /sys/class/net/eth1/mtu | tr -d '\r\n') == "$1" ]]
}

transfers() { # there and back, unharmed
	tcp_intact 'in_far bash -c' 'node h1' 10.0.10.254 "$T/sent" /tmp/got &&
		tcp_intact 'node h1' 'in_far bash -c' 10.0.10.1 /tmp/got "$T/back"
}
