#!/bin/bash
# An idle switch costs nothing: with 20 connected ports that send nothing it uses less than 1 % of a
# core; and the first frame after that silence arrives.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg dpdk-testpmd jq
begin
switch_up
vs bridge add br0

vdevs=()
for i in $(seq 1 20); do
	vs port add "p$i" bridge br0 type vhost-user path "$T/p$i.sock" mode server
	vdevs+=(--vdev "net_virtio_user$i,mac=52:54:00:00:02:$(printf %02x "$i"),path=$T/p$i.sock")
done
start idle dpdk-testpmd --lcores '0@0-1,1@0-1' --no-pci --no-huge -m 256 --file-prefix "idle-$$" \
	"${vdevs[@]}" -- --forward-mode=rxonly --total-num-mbufs=16384 --rxd=256 --txd=256 \
	--stats-period 5 --no-lsc-interrupt
expect '20 ports are connected and run' within 60 \
	json "$(rows rings) | map(select(.state == \"running\")) | length == 20" vs -j port show

# ticks: processor time that the switch has used, in clock ticks (1/100 s).
ticks() {
	awk '{print $14 + $15}' "/proc/${PID[vswitch]}/stat"
}
sleep 3
before=$(ticks)
sleep 20
used=$(($(ticks) - before))
printf 'measured: %d.%02d %% of a core over 20 s\n' $((used * 100 / 2000)) $((used * 10000 / 2000 % 100))
expect 'an idle switch with 20 ports uses under 1 % of a core' test "$used" -lt 20

vs port add w bridge br0 type vhost-user path "$T/w.sock" mode server
testpmd one "net_virtio_user0,mac=52:54:00:00:01:01,path=$T/w.sock" txonly
expect 'the first frames after silence arrive' within 20 \
	json "$(rows tx_frames) | any(.name == \"p1\" and .tx_frames > 0)" vs -j port stats
finish
