#!/bin/bash
# Every receive and transmit path of DPDK's virtio driver runs against vswitch: split and packed
# rings, mergeable buffers or not, in order or not, vectorized. One testpmd sends numbered frames from
# a capture file, another sends them back with addresses swapped, and what the first one writes down
# must be those frames, all of them.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg dpdk-testpmd jq python3
begin
switch_up
vs bridge add br0

FRAMES=1024
VERBOSE='--log-level=pmd.net.virtio.init:info --force-max-simd-bitwidth=512'

# says NAME TEXT: a testpmd said this.
says() {
	grep -qF -- "$2" "$T/$1.log"
}

ended() {
	! alive "$1"
}

# ring TEXT DEVARGS LONGEST RX-PATH TX-PATH: frames of up to LONGEST bytes, there and back over two
# such rings. It reads the file on one core and waits there for more; on the other it takes what comes
# back. The paths are those that the driver says it takes.
ring() {
	local text=$1 devargs=$2 longest=$3 rx_path=$4 tx_path=$5
	vs port add a bridge br0 type vhost-user path "$T/a.sock" mode server
	vs port add b bridge br0 type vhost-user path "$T/b.sock" mode server
	rm -f "$T"/{in,out}.pcap "$T/go"
	mkfifo "$T/in.pcap"
	start sender python3 "$INTEG/frames.py" send "$T/in.pcap" "$T/go" "$T/out.pcap" "$FRAMES" "$longest"
	EAL=$VERBOSE testpmd b "net_virtio_user0,mac=52:54:00:00:01:02,path=$T/b.sock,$devargs" macswap
	EAL="$VERBOSE --vdev=net_pcap0,rx_pcap=$T/in.pcap,tx_pcap=$T/out.pcap" \
		testpmd a "net_virtio_user0,mac=52:54:00:00:01:01,path=$T/a.sock,$devargs" io \
		--mbuf-size=9216 --nb-cores=2
	expect "$text: both ports run" within 20 \
		json "$(rows state) | map(select(.state == \"running\")) | length == 2" vs -j port show
	expect "$text: receives on the $rx_path path" within 5 says a "using $rx_path Rx path"
	expect "$text: sends on the $tx_path path" within 5 says b "using $tx_path Tx path"
	touch "$T/go"
	expect "$text: as many frames come back as were sent" within 60 ended sender
	stop b
	stop a
	stop sender
	expect "$text: whole and in order" python3 "$INTEG/frames.py" check "$T/out.pcap" "$FRAMES" "$longest"
	vs port del a
	vs port del b
}

ring 'split, mergeable' mrg_rxbuf=1,in_order=0 4000 'mergeable buffer' standard
ring 'split, not mergeable' mrg_rxbuf=0,in_order=0 1514 standard standard
ring 'split, in order, mergeable' mrg_rxbuf=1,in_order=1 4000 inorder inorder
ring 'split, in order, not mergeable' mrg_rxbuf=0,in_order=1 1514 inorder inorder
ring 'split, vectorized' mrg_rxbuf=0,in_order=0,vectorized=1 1514 vectorized standard
ring 'packed, mergeable' packed_vq=1,mrg_rxbuf=1,in_order=0 4000 \
	'packed ring mergeable buffer' 'packed ring standard'
ring 'packed, not mergeable' packed_vq=1,mrg_rxbuf=0,in_order=0 1514 \
	'packed ring standard' 'packed ring standard'
ring 'packed, in order, mergeable' packed_vq=1,mrg_rxbuf=1,in_order=1 4000 \
	'packed ring mergeable buffer' 'packed ring standard'
ring 'packed, in order, not mergeable' packed_vq=1,mrg_rxbuf=0,in_order=1 1514 \
	'packed ring standard' 'packed ring standard'
# The driver has this one for AVX-512 only.
! grep -qw avx512f /proc/cpuinfo ||
	ring 'packed, vectorized' packed_vq=1,mrg_rxbuf=0,in_order=1,vectorized=1 1514 \
		'packed ring vectorized' 'packed ring vectorized'
ring 'packed, of 255' packed_vq=1,mrg_rxbuf=1,queue_size=255 4000 \
	'packed ring mergeable buffer' 'packed ring standard'
expect 'the switch survived' alive vswitch
finish
