#!/bin/bash
# A NIC that is a port of a running switch, under traffic in both directions: its cable is
# cut and mended, the NIC pulled and plugged in again, removed and asked back by the host. Whoever
# takes it away gets it at once, the rest of the bridge goes on, the port comes back by itself where
# it may, and every frame is accounted for. QEMU of the emulated host does what a hand would do.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/nic.sh
. "$(dirname -- "$0")/nic.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require vswitch netcfg jq ip modprobe python3 socat
[[ -n ${WEFT_EMUHOST:-} ]] || skip 'pulls NICs: only inside tools/emuhost'
qemu() {
	"$ROOT/tools/emuhost.d/monitor" "$@"
}
qemu query-version >/dev/null 2>&1 || skip 'pulls NICs: needs tools/emuhost --monitor'
begin
pci=0000:01:00.0 far=0000:02:00.0
devices=/sys/bus/pci/devices

modprobe e1000e
modprobe vfio-pci
is_there() {
	[[ -e $devices/$pci ]]
}
is_away() {
	! is_there
}
within 10 has_iface "$pci"
within 10 has_iface "$far"

# far: the wire's other end. near, next: containers behind the switch.
for name in far near next; do
	ip netns add "$name"
	at_end+=("ip netns del $name || true") # which brings the NIC back
done
ip link set "$(iface_of "$far")" netns far name wire
ip -n far link set wire up
ip -n far address add 10.9.0.1/24 dev wire
mkdir "$T/state"
switch_up --state "$T/state"
vs bridge add br0
vs port add near bridge br0 type veth netns near peer eth0 ip 10.9.0.2/24 >/dev/null
vs port add next bridge br0 type veth netns next peer eth0 ip 10.9.0.3/24 >/dev/null
vs --timeout="$WAIT" port add up0 bridge br0 type nic dev "$(iface_of "$pci")" >/dev/null
expect 'the port runs' within 20 port_is up0 '.state == "running" and .carrier and .rebind'

reaches() {
	ip netns exec near busybox ping -c1 -W1 "$1"
}
expect 'the container reaches the wire' within 20 reaches 10.9.0.1
expect 'and its neighbour' reaches 10.9.0.3

# --- traffic, for good ----------------------------------------------------------------------------

mac_of() { # NETNS INTERFACE
	ip netns exec "$1" cat "/sys/class/net/$2/address"
}
ip -n near neigh replace 10.9.0.1 lladdr "$(mac_of far wire)" dev eth0
ip -n far neigh replace 10.9.0.2 lladdr "$(mac_of near eth0)" dev wire
cat >"$T/send.py" <<'PY'
import socket, sys, time
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        to.sendto(bytes(1000), (sys.argv[1], 9))
    except OSError:
        pass # no carrier, or nobody listens
    time.sleep(0.002)
PY
start out ip netns exec near python3 "$T/send.py" 10.9.0.1
start in ip netns exec far python3 "$T/send.py" 10.9.0.2
start watch netcfg -S "$T/vs.sock" port watch up0
heard() { # NETNS INTERFACE
	ip netns exec "$1" cat "/sys/class/net/$2/statistics/rx_packets"
}
flows() { # NETNS INTERFACE: a hundred more frames, which chatter beside the traffic is not
	within 30 heard_since "$1" "$2" "$(heard "$1" "$2")"
}
heard_since() { # NETNS INTERFACE BEFORE
	(($(heard "$1" "$2") > $3 + 100))
}
expect 'traffic flows out' flows far wire
expect 'and in' flows near eth0
knows_far() {
	json "any(.mac == \"$(mac_of far wire)\")" vs -j fdb show
}
expect "the bridge knows the far end's address" within 5 knows_far
watched() { # EVENT TIMES
	(($(grep -c -- "$1" "$T/watch.log") >= $2))
}
accounted() {
	totals '.rx_frames > 1000 and .rx_frames + .copies == .tx_frames + .dropped + .held'
}
# Sources pause so that the sums are of one moment.
balance() {
	kill -STOP "${PID[out]}" "${PID[in]}"
	expect "$1: frames in + copies = frames out + drops + held" within 10 accounted
	kill -CONT "${PID[out]}" "${PID[in]}"
}
comes_back() { # WHAT
	expect "$1: the port runs again" within 60 port_is up0 '.state == "running" and .carrier'
	expect "$1: traffic flows out" flows far wire
	expect "$1: and in" flows near eth0
	expect "$1: the bridge learns the far end anew" within 5 knows_far
	balance "$1"
}

# --- the cable ------------------------------------------------------------------------------------

for round in 1 2 3; do
	qemu set_link name=nic0 up=false >/dev/null
	expect "cable cut ($round): the port says so" within 5 \
		port_is up0 '.state == "negotiating" and (.carrier | not) and
			.last_error == "the link is down"'
	expect "cable cut ($round): an event says so" within 5 watched carrier-down "$round"
	refuse "cable cut ($round): the bridge has forgotten the far end" knows_far
	expect "cable cut ($round): the neighbour is reached" reaches 10.9.0.3
	qemu set_link name=nic0 up=true >/dev/null
	expect "cable mended ($round): an event says so" within 10 watched carrier-up "$round"
	comes_back "cable mended ($round)"
done
expect 'it was the same NIC all along' port_is up0 '.connects == 1'

# --- the NIC -------------------------------------------------------------------------------------

gone() { # WHAT
	expect "$1: the port says so" port_is up0 '.state == "connecting" and (.carrier | not) and
		.last_error == "the NIC was removed"'
	refuse "$1: the bridge has forgotten the far end" knows_far
	expect "$1: the neighbour is reached" reaches 10.9.0.3
	sleep 2.5 # the port has looked for it meanwhile
	expect "$1: why it went still stands" port_is up0 '.last_error == "the NIC was removed"'
	balance "$1"
}
plug() {
	qemu device_add driver=e1000e id=nic0 netdev=n0 mac=52:54:00:e0:00:00 bus=slot0 >/dev/null
}

for round in 1 2; do
	is_there
	qemu device_del id=nic0 >/dev/null
	expect " NIC pulled ($round): it can go" within 8 is_away
	gone " NIC pulled ($round)"
	expect " NIC pulled ($round): an event said so" watched carrier-down $((3 + round))
	plug
	comes_back " NIC plugged in ($round)"
	expect " NIC plugged in ($round): it was taken from its driver" driver_is "$pci" vfio-pci
done
expect 'a NIC that came back counts as connected anew' port_is up0 '.connects == 3'

expect 'removed through sysfs: at once' timeout "$WAIT" sh -c "echo 1 >$devices/$pci/remove"
expect 'removed through sysfs: it is away' is_away
gone 'removed through sysfs'
echo 1 >/sys/bus/pci/rescan
comes_back 'found again'

# --- asked back -----------------------------------------------------------------------------------

echo >"$devices/$pci/driver_override"
expect 'unbound behind our back: at once' timeout "$WAIT" \
	sh -c "echo $pci >/sys/bus/pci/drivers/vfio-pci/unbind"
echo "$pci" >/sys/bus/pci/drivers_probe
expect 'the kernel has it' within 5 driver_is "$pci" e1000e
expect 'the port says so, and what to do' within 5 \
	port_is up0 '.state == "connecting" and (.last_error | contains("is the kernel'"'"'s"))'
sleep 3
expect 'and does not take it' driver_is "$pci" e1000e
balance 'asked back'
expect 'until it is given' netcfg nic bind "$pci"
comes_back 'given again'

# --- a port that does not take NICs by itself ----------------------------------------------------

expect 'port del' vs port del up0
within 10 has_iface "$pci"
netcfg nic bind "$pci" >/dev/null
vs --timeout="$WAIT" port add up0 bridge br0 type nic dev "$pci" >/dev/null
expect 'a port on a NIC that the operator took' within 20 \
	port_is up0 '.state == "running" and (.rebind | not)'
qemu device_del id=nic0 >/dev/null
expect 'pulled: it can go' within 8 is_away
plug
expect 'plugged in: the kernel keeps it' within 10 has_iface "$pci"
expect 'and the port says so' within 5 port_is up0 '.last_error | contains("is the kernel'"'"'s")'
netcfg nic bind "$pci" >/dev/null
comes_back 'given by the operator'

# --- deleted while it is away ---------------------------------------------------------------------

qemu device_del id=nic0 >/dev/null
expect 'pulled once more' within 8 is_away
expect 'a port without its NIC can be deleted' vs port del up0
plug
expect 'and the NIC is nobody'"'"'s' within 10 has_iface "$pci"
stop out
stop in
expect 'the totals outlive the port' within 10 accounted
finish
