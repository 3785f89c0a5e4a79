#!/bin/bash
# Guests and packet generators that this project did not write talk through vswitch: QEMU guests on
# split and packed rings, DPDK virtio-user ports on both, the switch listening and connecting. See
# peers_virtio_user.sh for every kind of DPDK's rings.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg qemu-system-x86_64 dpdk-testpmd jq python3
begin
switch_up

vs bridge add br0
vs port add q1 bridge br0 type vhost-user path "$T/q1.sock" mode server
vs port add q2 bridge br0 type vhost-user path "$T/q2.sock" mode client
CMDLINE=weft.ip=eth1:10.0.0.1/24 qemu_guest h1 52:54:00:00:00:01 "path=$T/q1.sock"
CMDLINE=weft.ip=eth1:10.0.0.2/24 qemu_guest h2 52:54:00:00:00:02 \
	"path=$T/q2.sock,server=on,wait=off" packed=on

expect_qemu_boots 'both QEMU guests boot' h1 h2
expect 'QEMU guest to QEMU guest: ping, split to packed' \
	within 30 ask "$T/h1.console" ping -c1 -W5 10.0.0.2
expect 'QEMU port on a listening socket runs split rings' \
	json "$(rows rings) | any(.name == \"q1\" and .rings == \"split\" and .carrier)" \
	vs -j port show
expect 'QEMU port on a connecting socket runs packed rings' \
	json "$(rows rings) | any(.name == \"q2\" and .rings == \"packed\" and .carrier)" \
	vs -j port show
expect 'both addresses are learned on the right ports' \
	json "$(rows mac) | any(.mac == \"52:54:00:00:00:01\" and .ifname == \"q1\") and
		any(.mac == \"52:54:00:00:00:02\" and .ifname == \"q2\")" vs -j fdb show br0
ask "$T/h2.console" 'iperf3 -s -D >/dev/null'
expect 'TCP from split to packed' ask "$T/h1.console" iperf3 -c 10.0.0.2 -n 4M
expect 'TCP from packed to split' ask "$T/h1.console" iperf3 -c 10.0.0.2 -n 4M -R
expect 'UDP in fragments' within 30 ask "$T/h1.console" ping -c1 -W5 -s 20000 10.0.0.2
stop h1
expect 'a guest that ends takes its carrier along' within 5 \
	json "$(rows rings) | any(.name == \"q1\" and (.carrier | not))" vs -j port show

# With several queue pairs QEMU adds and removes memory regions once for each of them.
PAIRS=2 CMDLINE=weft.ip=eth1:10.0.0.4/24 qemu_guest h4 52:54:00:00:00:04 "path=$T/q1.sock"
expect_qemu_boots 'a QEMU guest with two queue pairs boots' h4
two_pairs() {
	json "$(rows rings) | any(.name == \"q1\" and .carrier and .queue_pairs == 2)" vs -j port show
}
expect 'both run' within 30 two_pairs
expect 'TCP through two queue pairs' ask "$T/h4.console" iperf3 -c 10.0.0.2 -n 4M -P 2
expect 'TCP back' ask "$T/h4.console" iperf3 -c 10.0.0.2 -n 4M -P 2 -R
expect 'its driver starts anew' ask "$T/h4.console" \
	'cd /sys/bus/virtio/drivers/virtio_net && echo virtio0 >unbind && echo virtio0 >bind'
expect 'and both run again' within 30 two_pairs
stop h4

# The poorest of guests in its place: small buffers only, every interrupt and kick.
CMDLINE=weft.ip=eth1:10.0.0.3/24 qemu_guest h3 52:54:00:00:00:03 "path=$T/q1.sock" \
	packed=on mrg_rxbuf=off indirect_desc=off event_idx=off gso=off csum=off guest_csum=off
expect_qemu_boots 'a third QEMU guest boots on the first port' h3
expect 'its ring is packed and not mergeable' \
	json "$(rows features) | any(.name == \"q1\" and .rings == \"packed\" and
		(.features | tonumber / 32768 | floor % 2 == 0))" vs -j port show
expect 'TCP from a guest with offloads to one without' \
	ask "$T/h3.console" iperf3 -c 10.0.0.2 -n 4M -R
expect 'TCP back' ask "$T/h3.console" iperf3 -c 10.0.0.2 -n 4M
stop h3
stop h2

# testpmd's generator sends from 00:01:02:03:04:00 to :01; the far end swaps the addresses, so that
# what comes back is known unicast.
pmd_pair() { # TEXT VDEV-OPTIONS-A VDEV-OPTIONS-B PORT-B
	testpmd b "net_virtio_user0,mac=52:54:00:00:01:02,$3" macswap
	testpmd a "net_virtio_user0,mac=52:54:00:00:01:01,$2" flowgen
	expect "$1: frames arrive" within 20 testpmd_above b RX-packets 1000
	expect "$1: answers arrive" within 20 testpmd_above a RX-packets 1000
	expect "$1: both addresses are learned" within 5 \
		json "$(rows mac) | any(.mac == \"00:01:02:03:04:00\" and .ifname == \"u1\") and
			any(.mac == \"00:01:02:03:04:01\" and .ifname == \"$4\")" vs -j fdb show br0
	stop a
	stop b
}
vs port add u1 bridge br0 type vhost-user path "$T/u1.sock" mode server
vs port add u2 bridge br0 type vhost-user path "$T/u2.sock" mode server
vs port add u3 bridge br0 type vhost-user path "$T/u3.sock" mode client
pmd_pair 'virtio-user packed to split' "path=$T/u1.sock,packed_vq=1" "path=$T/u2.sock" u2
pmd_pair 'virtio-user in order, to a listening peer' "path=$T/u1.sock,in_order=1,mrg_rxbuf=0" \
	"path=$T/u3.sock,server=1" u3
expect 'the switch survived' alive vswitch
finish
