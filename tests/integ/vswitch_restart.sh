#!/bin/bash
# vswitch dies by SIGKILL under traffic between two QEMU guests and is started again on the same state:
# ports, VLANs and static addresses are back, the guests' traffic resumes, and nobody touched them.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg qemu-system-x86_64 jq python3
begin
mkdir "$T/state"
switch_up --state "$T/state"
vs bridge add br0
for i in 1 2; do
	vs port add "q$i" bridge br0 type vhost-user path "$T/q$i.sock" mode client tag 10
	CMDLINE=weft.ip=eth1:10.0.0.$i/24 qemu_guest "h$i" "52:54:00:00:00:0$i" \
		"path=$T/q$i.sock,server=on,wait=off"
done
vs fdb add br0 52:54:00:00:00:77 vlan 10 port q2
expect_qemu_boots 'both guests boot' h1 h2
expect 'ping' within 30 ask "$T/h1.console" ping -c1 -W5 10.0.0.2
boot_id=$(ask "$T/h1.console" cat /proc/sys/kernel/random/boot_id)
ask "$T/h2.console" 'iperf3 -s -D >/dev/null'
# A TCP stream that lasts over the restarts, and a ping that counts.
ask "$T/h1.console" 'iperf3 -c 10.0.0.2 -t 25 >/tmp/iperf.log 2>&1 &'
ask "$T/h1.console" 'ping -i 0.1 10.0.0.2 >/tmp/ping.log 2>&1 &'

config() {
	vs -j port show | jq -S "$(rows path) | map({name, bridge, path, mode, tag, vlan_mode, enabled, mtu})"
	vs -j bridge show | jq -S "$(rows ageing_s) | map({name, ageing_s, vlans})"
	vs -j fdb show br0 | jq -S "$(rows mac) | map(select(.mac == \"52:54:00:00:00:77\") | {mac, vlan, ifname})"
}
config >"$T/before"
expect 'the configuration is not empty' grep -q 52:54:00:00:00:77 "$T/before"
for round in 1 2 3; do
	sleep 2
	stop vswitch KILL
	switch_up --state "$T/state"
	expect "round $round: ports run again" within 10 \
		json "$(rows rings) | map(select(.state == \"running\")) | length == 2" vs -j port show
	expect "round $round: the configuration is back" eval 'config | diff "$T/before" -'
	expect "round $round: ping" within 30 ask "$T/h1.console" ping -c1 -W5 10.0.0.2
done
n_pings() {
	ask "$T/h1.console" 'wc -l </tmp/ping.log'
}
goes_on() { # BEFORE
	(($(n_pings) > $1 + 10))
}
expect 'the ping that ran all the time goes on' within 30 goes_on "$(n_pings)"
expect 'the TCP stream survived every restart' within 40 \
	ask "$T/h1.console" 'grep -q receiver /tmp/iperf.log'
expect 'no guest was rebooted' \
	test "$boot_id" = "$(ask "$T/h1.console" cat /proc/sys/kernel/random/boot_id)"
finish
