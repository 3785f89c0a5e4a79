#!/bin/bash
# Devices of DPDK as ports: AF_XDP on an interface that stays the host's, capture files written and
# replayed, memif between two switches, and devices by their arguments.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/netns.sh
. "$(dirname -- "$0")/netns.sh"
require socat ethtool tcpdump
netns_begin

vs bridge add br0
cable up0 "$A" 10.9.0.1
vs port add a bridge br0 type af-packet dev up0
refuse 'without devices of DPDK none of its drivers is loaded' \
	grep -q /pmds- "/proc/${PID[vswitch]}/maps"

# --- capture files --------------------------------------------------------------------------------

vs port add rec bridge br0 type pcap tx_file "$T/out.pcap"
within 5 port_is rec '.state == "running"'
cable up1 "$B" 10.9.0.2
vs port add b bridge br0 type af-packet dev up1
start dump ip netns exec "$B" tcpdump -i eth0 -U -w "$T/b.pcap" arp
within 5 test -s "$T/b.pcap"
expect 'hosts talk beside the recorder' pings "$A" 10.9.0.2
# What a flooded ARP request was to tcpdump, it was to the recorder.
arp_of() {
	tcpdump -nr "$1" -t 'arp[6:2] == 1 and arp[14:4] == 0x0a090001' 2>/dev/null | sort -u
}
expect 'the recorder wrote what a host received' within 5 \
	eval "[[ -n \$(arp_of '$T/b.pcap') && \$(arp_of '$T/out.pcap') == \$(arp_of '$T/b.pcap') ]]"
stop dump
vs port del rec
n=$(tcpdump -nr "$T/out.pcap" 2>/dev/null | wc -l)
before=$(vs -j port stats b | jq '.[0].tx_frames')
vs port add play bridge br0 type pcap rx_file "$T/out.pcap"
expect "replay: each of its $n frames comes in once" within 5 \
	json ".[0].rx_frames == $n" vs -j port stats play
expect 'and goes out to a host' json ".[0].tx_frames > $before" vs -j port stats b
vs port del play
vs port add play type pcap rx_file "$T/out.pcap" loop true
expect 'replay for ever does not end' within 5 \
	json ".[0].rx_frames > 1000 * $n" vs -j port stats play
vs port del play
# capture LENGTH...: a file of frames that long, $T/made.pcap.
capture() {
	python3 - "$T/made.pcap" "$@" <<'PY'
import struct, sys
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for length in map(int, sys.argv[2:]):
        file.write(struct.pack("<IIII", 0, 0, length, length) + b"\2" * length)
PY
}
capture 60 9000 60
vs port add play type pcap rx_file "$T/made.pcap" loop true
expect 'replay for ever of a frame of 9000 bytes' within 5 \
	json '.[0] | .rx_frames > 1000 and .rx_bytes > 2000 * .rx_frames' vs -j port stats play
vs port del play
fails_with 'none that is longer than the MTU allows' 1 'made.pcap.: has a frame of 9000 bytes.*1518 of mtu 1500' \
	vs port add play type pcap rx_file "$T/made.pcap" loop true mtu 1500
capture
fails_with 'nor a file without frames' 1 'made.pcap.: holds no frame' \
	vs port add play type pcap rx_file "$T/made.pcap" loop true
# shellcheck disable=SC2046
capture $(printf "0 %.0s" {1..65537})
fails_with 'nor one of more frames than there are buffers for' 1 'made.pcap.: has more than 65536 frames' \
	vs port add play type pcap rx_file "$T/made.pcap" loop true
refuse 'no buffer was lost' grep 'did not come back' "$T/vswitch.log"
fails_with 'a file that is not there is refused' 1 'nosuch.pcap.: No such file' \
	vs port add x type pcap rx_file "$T/nosuch.pcap"

# --- AF_XDP -----------------------------------------------------------------------------------------

start plain ip netns exec "$SW" setpriv --bounding-set=-all --inh-caps=-all vswitch --control "$T/plain.sock"
within 20 netcfg -S "$T/plain.sock" bridge show
fails_with 'a switch without capabilities says which ones af-xdp needs' 1 \
	'hint: needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF' \
	netcfg -S "$T/plain.sock" port add b type af-xdp dev up1
refuse 'before it loads a driver' grep -q /pmds- "/proc/${PID[plain]}/maps"
stop plain

# AF_XDP takes frames as they are: nobody finishes a checksum that a host left to its NIC.
in_b ethtool -K eth0 tx off tso off gso off >/dev/null
vs port del b
if vs port add b bridge br0 type af-xdp dev up1 2>"$T/xdp.txt"; then
	expect 'af-xdp runs' within 5 port_is b '.state == "running" and .driver == "net_af_xdp"'
	expect 'af-packet to af-xdp' pings "$A" 10.9.0.2
	expect 'a file by TCP, af-packet to af-xdp' send_file "$A" "$B" 10.9.0.2
	expect 'a file by TCP, af-xdp to af-packet' send_file "$B" "$A" 10.9.0.1
	in_b ip link set dev eth0 down
	expect 'af-xdp follows the link of its interface' within 5 \
		port_is b '.state == "negotiating" and (.carrier | not)'
	in_b ip link set dev eth0 up
	expect 'and works again' within 5 pings "$A" 10.9.0.2
	vs port del b
else
	printf 'not tested: AF_XDP: %s\n' "$(<"$T/xdp.txt")"
fi

# --- memif ------------------------------------------------------------------------------------------

vs2() { netcfg -S "$T/vs2.sock" "$@"; }
start second ip netns exec "$SW" vswitch --control "$T/vs2.sock"
within 20 vs2 bridge show
vs2 bridge add br0
vs2 port add b bridge br0 type af-packet dev up1
vs port add m bridge br0 type memif path "$T/memif.sock" mode server
expect 'memif: a server without client waits' \
	port_is m '.state == "negotiating" and (.carrier | not)'
vs2 port add m bridge br0 type memif path "$T/memif.sock" mode client
vs2 port add left bridge br0 type memif path "$T/left.sock" mode server
fails_with 'memif: a socket that another program serves' 1 "left.sock': a running program serves it" \
	vs port add left bridge br0 type memif path "$T/left.sock" mode server
expect 'memif runs when both are there' within 5 port_is m '.state == "running" and .carrier'
expect 'two switches over memif' within 5 pings "$A" 10.9.0.2
expect 'a file by TCP over memif' send_file "$A" "$B" 10.9.0.2
for end in "$A eth0" "$B eth0" "$SW up0" "$SW up1"; do
	ip -n "${end% *}" link set dev "${end#* }" mtu 9000
done
expect 'jumbo frames over memif' pings "$A" 10.9.0.2 8900
stop second KILL
expect 'memif: a peer that was killed is missed' within 5 port_is m '.state == "negotiating"'
vs port del m
expect 'memif: its socket is replaced' vs port add left bridge br0 type memif path "$T/left.sock" mode server
expect 'memif: two interfaces on one socket' \
	vs port add right bridge br0 type memif path "$T/left.sock" mode server memif-id 1
vs port del left right

# --- by arguments -----------------------------------------------------------------------------------

vs port add n type dpdk devargs net_null0,size=100,copy=0
expect 'a device by its arguments' within 5 json '.[0].rx_bytes / .[0].rx_frames == 100' \
	vs -j port stats n
vs port del n
fails_with 'a device that DPDK does not have' 1 'net_nosuch0' vs port add x type dpdk devargs net_nosuch0
expect 'frames in + copies = frames out + drops + held' within 5 \
	totals '.rx_frames > 1000 and .rx_frames + .copies == .tx_frames + .dropped + .held'
vs port add n type dpdk devargs net_null0
vs port add b bridge br0 type af-xdp dev up1 2>/dev/null || true
end_switch
expect 'the switch ends well' test "$ended" = 0
finish
