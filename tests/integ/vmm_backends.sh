#!/bin/bash
# vmm's NICs on back-ends that this project did not write: DPDK testpmd's vhost ports, and Open
# vSwitch with DPDK, both sides listening and connecting; a back-end that restarts under the guest.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm dpdk-testpmd python3
begin

pmd_up
vm h1 52:54:00:00:00:01 10.0.0.1/24 "vhost-user=$T/t1.sock,mode=client"
vm h2 52:54:00:00:00:02 10.0.0.2/24 "vhost-user=$T/t2.sock,mode=server"
expect 'both guests boot' booted h1 h2
expect 'ping through testpmd, client and server' within 30 ask "$T/h1.console" ping -c1 -W5 10.0.0.2
ask "$T/h2.console" 'iperf3 -s -D >/dev/null'
expect 'TCP through testpmd' ask "$T/h1.console" iperf3 -c 10.0.0.2 -n 4M
stop pmd KILL
rm -f "$T/t1.sock"
pmd_up
expect 'ping after testpmd was killed and started again' \
	within 30 ask "$T/h1.console" ping -c1 -W5 10.0.0.2
stop h1
stop h2
stop pmd

if command -v ovs-vswitchd >/dev/null && dpkg -s openvswitch-switch-dpdk >/dev/null 2>&1; then
	export OVS_RUNDIR=$T/ovs OVS_DBDIR=$T/ovs OVS_LOGDIR=$T/ovs
	mkdir "$OVS_RUNDIR"
	at_end+=("echo $(</proc/sys/vm/nr_hugepages) >/proc/sys/vm/nr_hugepages")
	echo 512 >/proc/sys/vm/nr_hugepages
	dpdk_ovs=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
	[[ -x $dpdk_ovs ]] || dpdk_ovs=ovs-vswitchd
	ovsdb-tool create "$OVS_DBDIR/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	start ovsdb ovsdb-server "$OVS_DBDIR/conf.db" --remote="punix:$OVS_RUNDIR/db.sock"
	within 60 test -S "$OVS_RUNDIR/db.sock"
	ovs() {
		ovs-vsctl --timeout="$WAIT" --db="unix:$OVS_RUNDIR/db.sock" "$@"
	}
	ovs --no-wait init
	ovs --no-wait set Open_vSwitch . other_config:dpdk-init=true \
		other_config:dpdk-socket-mem=512 other_config:pmd-cpu-mask=2 \
		other_config:dpdk-extra=--huge-unlink
	# In a network namespace of its own: it leaves its persistent taps br0 and ovs-netdev behind.
	start ovs unshare --net "$dpdk_ovs" "unix:$OVS_RUNDIR/db.sock" --log-file="$T/ovs-vswitchd.log"
	vm h1 52:54:00:00:00:01 10.0.0.1/24 "vhost-user=$T/o1.sock,mode=server"
	vm h2 52:54:00:00:00:02 10.0.0.2/24 "vhost-user=$T/o2.sock,mode=server"
	ovs add-br br0 -- set bridge br0 datapath_type=netdev
	for port in o1 o2; do
		ovs add-port br0 "$port" -- set interface "$port" type=dpdkvhostuserclient \
			"options:vhost-server-path=$T/$port.sock"
	done
	expect 'both guests boot' booted h1 h2
	expect 'ping through Open vSwitch with DPDK' within 30 ask "$T/h1.console" ping -c1 -W5 10.0.0.2
	ask "$T/h2.console" 'iperf3 -s -D >/dev/null'
	expect 'TCP through Open vSwitch with DPDK' ask "$T/h1.console" iperf3 -c 10.0.0.2 -n 4M
fi
finish
