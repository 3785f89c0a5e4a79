#!/bin/bash
# Interfaces of the host as ports: af-packet, veth and tap, in namespaces. Checksums and segments
# pass unfinished and come out right; tags, jumbo frames, link, loss and return of an interface, and
# ports that come and go under traffic with every frame accounted for.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require socat iperf3 ethtool python3
netns_begin

vs bridge add br0
cable up0 "$A" 10.9.0.1
vs port add a bridge br0 type af-packet dev up0
vs port add b bridge br0 type veth netns "$B" peer eth0 ip 10.9.0.2/24 mac 02:00:00:00:00:22
vs port add t bridge br0 type tap dev tap0 ip 10.9.0.3/24 mac 02:00:00:00:00:33

expect 'all three run' within 5 \
	json 'all(.[]; .state == "running" and .carrier and .queue_pairs == 1)' vs -j port show
expect 'af-packet to veth' pings "$A" 10.9.0.2
expect 'af-packet to the host, by tap' pings "$A" 10.9.0.3
expect 'veth to the host' pings "$B" 10.9.0.3
expect 'IP fragments pass as they are' pings "$A" 10.9.0.2 20000
expect 'the tap has the address that was asked for' \
	eval 'in_sw ip -j link show tap0 | jq -e ".[0].address == \"02:00:00:00:00:33\""'
expect 'hosts send unfinished checksums and segments' \
	eval 'in_b ethtool -k eth0 | grep -q "^tcp-segmentation-offload: on"'
expect 'a file by TCP, af-packet to veth' send_file "$A" "$B" 10.9.0.2
expect 'a file by TCP, veth to af-packet' send_file "$B" "$A" 10.9.0.1
expect 'a file by TCP, veth to tap' send_file "$B" "$SW" 10.9.0.3
expect 'a file by TCP, tap to af-packet' send_file "$SW" "$A" 10.9.0.1
expect 'segments went through uncut' \
	json 'any(.[]; .name == "a" and .rx_bytes / .rx_frames > 3000)' vs -j port stats
in_b ethtool -K eth0 tx off tso off gso off rx off gro off >/dev/null
expect 'a file from a host with offloads to one without' send_file "$A" "$B" 10.9.0.2
expect 'and back' send_file "$B" "$A" 10.9.0.1
expect 'no checksum was ever wrong' \
	eval "((\$(bad_checksums $A) + \$(bad_checksums $B) + \$(bad_checksums $SW) == 0))"
ticks() { # processor time of the switch, 1/100 s
	awk '{print $14 + $15}' "/proc/${PID[vswitch]}/stat"
}
sleeps() {
	local before
	before=$(ticks)
	sleep 1
	(($(ticks) - before <= 3))
}
expect 'a sleeping switch uses no processor' within 10 sleeps


# What the device does not cut is cut by the switch, and what its driver can do may change.
full_of() { vs -j port drops "$1" | jq "[.[] | select(.reason == \"ring-full\") | .frames] | add // 0"; }
in_b ethtool -K eth0 tx on tso on gso on >/dev/null
in_sw ethtool -K up0 tso off >/dev/null
expect 'the port says that its interface cuts no TCP' within 5 port_is a '(.features / 128 | floor) % 4 == 0'
full=$(full_of a)
expect 'a file by TCP out of an interface without TSO' send_file "$B" "$A" 10.9.0.1
expect 'no large frame was lost there' test "$(full_of a)" = "$full"
in_sw ethtool -K up0 tso on >/dev/null
expect 'and it cuts again' within 5 port_is a '(.features / 128 | floor) % 4 == 3'
expect 'a file by TCP, veth to af-packet once more' send_file "$B" "$A" 10.9.0.1

# What the kernel drops on the way to a port is told: one that nobody reads fills up. A packet socket
# holds 16 MiB of frames and what the kernel keeps about them, a tap 1,000 frames.
broadcasts() { # NETNS INTERFACE HOW-MANY
	ip netns exec "$1" python3 - "$2" "$3" <<'END'
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
for i in range(int(sys.argv[2])):
    try:
        out.send(b"\xff" * 6 + b"\x02\0\0\0\0\x33" + b"\x88\xb5" + bytes(1000))
    except OSError:
        pass
END
}
kill -STOP "${PID[vswitch]}"
broadcasts "$SW" tap0 5000
broadcasts "$A" eth0 20000
kill -CONT "${PID[vswitch]}"
for port in t a; do
	expect "frames that the kernel dropped before port $port have their reason" within 10 \
		json 'any(.[]; .reason == "host-queue-full" and .direction == "rx" and .frames > 100)' \
		vs -j port drops "$port"
done
expect 'and are counted as frames in' within 10 \
	totals '.rx_frames > 25000 and .rx_frames + .copies == .tx_frames + .dropped + .held'

# Tags: a trunk, and an access port.
in_b ip addr add 10.10.0.2/24 dev eth0
vs port set b tag 10
expect 'VLAN 10 of a trunk reaches its access port, and back' \
	in_a python3 "$INTEG/tagged_arp.py" eth0 10 10.10.0.1 10.10.0.2
refuse 'VLAN 11 does not' in_a python3 "$INTEG/tagged_arp.py" eth0 11 10.10.0.1 10.10.0.2
PING_WAIT=1 refuse 'nor do frames without tag' pings "$A" 10.9.0.2
if in_a ip link add link eth0 name eth0.10 type vlan id 10 2>/dev/null; then
	in_a ip addr add 10.10.0.1/24 dev eth0.10
	in_a ip link set dev eth0.10 up
	expect 'a file by TCP from tagged to untagged' send_file "$A" "$B" 10.10.0.2
	expect 'a file by TCP from untagged to tagged' send_file "$B" "$A" 10.10.0.1
fi
vs port set b vlan_mode trunk trunks all

# MTU: the interface's says what passes.
expect 'without one of its own a port has that of its device' \
	json 'all(.[]; .mtu == 1500)' vs -j port show
vs port set b mtu 9216
expect 'the largest MTU can be asked for, too' within 5 \
	eval 'in_sw ip -j link show dev b | jq -e ".[0].mtu == 9216"'
vs port set b mtu 9000
expect 'an interface of ours takes the MTU of its port' \
	eval 'in_sw ip -j link show dev b | jq -e ".[0].mtu == 9000"'
in_b ip link set dev eth0 mtu 9000
for end in "$A eth0" "$SW up0"; do
	ip -n "${end% *}" link set dev "${end#* }" mtu 9000
done
expect 'jumbo frames pass' pings "$A" 10.9.0.2 8900
vs port set a mtu 9100
expect 'a port larger than its interface says so' \
	port_is a '.last_error | test("mtu 9000 is smaller than the port.s, 9100")'
in_sw ip link set dev up0 mtu 9100
expect 'and no longer when that was mended' within 5 port_is a '.last_error == ""'
in_sw ip link set dev up0 mtu 1500
expect 'the MTU in force is the interface.s' within 5 port_is a '.mtu == 1500'
PING_WAIT=1 refuse 'a larger frame does not pass' pings "$B" 10.9.0.1 8900
expect 'and has its reason' within 5 \
	json 'any(.[]; .reason == "over-mtu" and .frames > 0)' vs -j port drops a
in_sw ip link set dev up0 mtu 9100
expect 'nor is it in force any longer' within 5 port_is a '.mtu == 9100'

# Links and interfaces that go.
in_a ip link set dev eth0 down
expect 'a host without link takes the port down' \
	within 5 port_is a '.state == "negotiating" and (.carrier | not) and .last_error == "the link is down"'
in_a ip link set dev eth0 up
expect 'and up again' within 5 port_is a '.state == "running" and .carrier'
in_sw ip link del dev up0
expect 'an interface that is deleted is missed by name' \
	within 5 port_is a '.state == "connecting" and (.last_error | test("up0"))'
cable up0 "$A" 10.9.0.1
expect 'and taken again when it is back' within 5 port_is a '.state == "running" and .connects == 2'
expect 'it works' pings "$A" 10.9.0.2
in_b ip link del dev eth0
expect 'a deleted veth is made again' within 5 port_is b '.state == "running" and .connects == 2'
expect 'it works, too' within 5 pings "$A" 10.9.0.2

fails_with 'an interface that is not there is refused' 1 "interface 'nosuch'" \
	vs port add x type af-packet dev nosuch
fails_with 'so is a namespace' 1 'nosuch' vs port add x type veth netns nosuch peer eth0
fails_with 'and a device that another port has' 1 'in use' vs port add x type af-packet dev up0

# Several queues, and the carrier of a tap.
vs port add t2 type tap dev tap2 ip 10.11.0.1/24 queues 2
carrier_is() { in_sw ip -j link show "$1" | jq -e ".[0].flags | any(. == \"LOWER_UP\") == $2"; }
expect 'a tap in no bridge has no carrier' within 5 carrier_is tap2 false
vs bridge add br1
vs port set t2 bridge br1
expect 'and has it in one' within 5 carrier_is tap2 true
vs port add b2 bridge br1 type veth netns "$B" peer eth1 ip 10.11.0.2/24 queues 2
expect 'ports with two queues' within 5 port_is b2 '.queue_pairs == 2 and .state == "running"'
mac_of() { # CMD...
	"$@" -j link show | jq -r '.[] | select(.ifname == "eth1" or .ifname == "tap2").address'
}
macs="$(mac_of in_b ip) $(mac_of in_sw ip)"
in_b ip link del dev eth1
in_sw ip link del dev tap2
expect 'a tap and a veth that are made again' within 5 port_is b2 '.state == "running" and .connects == 2'
expect 'both of them' within 5 port_is t2 '.state == "running" and .connects == 2'
expect 'have the addresses that others know' [ "$(mac_of in_b ip) $(mac_of in_sw ip)" = "$macs" ]
expect 'a file by TCP over two queues' send_file "$B" "$SW" 10.11.0.1
expect 'and back' send_file "$SW" "$B" 10.11.0.2
vs port del b2

# Ports come and go beside a flow.
start iperf ip netns exec "$B" iperf3 -s -1
within 5 eval "in_b ss -ltn | grep -q :5201"
start client ip netns exec "$A" iperf3 -c 10.9.0.2 -t 3
for ((i = 0; i < 10; i++)); do
	vs port add "c$i" bridge br0 type tap dev "tc$i"
	vs port del "c$i"
	vs port set t enabled "$(((i % 2) == 1 ? 1 : 0))" 2>/dev/null || true
done
status=0
wait "${PID[client]}" || status=$?
expect 'the flow outlives its neighbours' test "$status" = 0
expect 'frames in + copies = frames out + drops + held' within 5 \
	totals '.rx_frames > 1000 and .rx_frames + .copies == .tx_frames + .dropped + .held'
vs port del b
refuse 'a deleted port takes its interface along' in_sw ip link show dev b
end_switch
expect 'the switch ends well' test "$ended" = 0
refuse 'and so does the end of the switch' in_sw ip link show dev tap0
expect 'an interface that was not ours stays' in_sw ip link show dev up0
finish
