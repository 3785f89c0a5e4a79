#!/bin/bash
# The first lab, with real KVM guests: it comes up from one file, its hosts talk (small and jumbo
# packets, TCP with offloads on, off and mixed), applying again changes nothing, the forwarding table
# has the right rows, either side survives the other's death, and destroy leaves nothing behind.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq
begin
cd "$ROOT"
expect 'the lab file is valid' netcfg validate -f labs/two-hosts.yaml
lab_up labs/two-hosts.yaml

expect 'ping' within 30 node h1 ping -c1 -W5 10.0.0.2
fails_with 'exec returns the status of the command' 1 '' node h1 false
expect 'status lists both nodes' json "$(rows name) | map(.name) | contains([\"h1\", \"h2\"])" \
	netcfg -j status
expect 'applying again finds no difference' \
	netcfg plan -f labs/two-hosts.yaml --exit-code
before=$(lab_pids '(vmm|vswitch)' | sort)
expect 'applying again succeeds' netcfg apply -f labs/two-hosts.yaml --wait="$WAIT"
expect 'applying again touches no process' test "$before" = "$(lab_pids '(vmm|vswitch)' | sort)"

mac() {
	node "$1" cat "/sys/class/net/$2/address" | tr -d '\r\n'
}
mac1=$(mac h1 eth1)
mac2=$(mac h2 eth1)
expect 'fdb show has a row for each host, on its port' \
	json "$(rows mac) | any(.mac == \"$mac1\" and .ifname == \"h1:eth1\") and
		any(.mac == \"$mac2\" and .ifname == \"h2:eth1\")" netcfg -j fdb show br0

for host in h1 h2; do
	node "$host" ip link set eth1 mtu 9000
done
expect '9000-byte packets' within 30 node h1 ping -c1 -W5 -s 8972 10.0.0.2

# TCP: bytes from a file, compared by digest at the far end, for every mix of offloads.
node h1 'dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null'
offloads() { # HOST on|off
	node "$1" ethtool -K eth1 tx "$2" rx "$2" sg "$2" tso "$2" gso "$2" gro "$2"
}
mixed() { # SENDER'S-OFFLOADS RECEIVER'S
	offloads h1 "$1" && offloads h2 "$2" && tcp_intact 'node h1' 'node h2' 10.0.0.1 /tmp/data /tmp/got
}
for mtu in 1500 9000; do
	for host in h1 h2; do
		node "$host" ip link set eth1 mtu "$mtu"
	done
	for mix in 'on on' 'on off' 'off on' 'off off'; do
		read -r tx rx <<<"$mix"
		expect "TCP is intact, MTU $mtu, sender's offloads $tx, receiver's $rx" \
			mixed "$tx" "$rx"
	done
done

# The switch dies under traffic. The sender goes on by itself once a switch is back.
boot_id=$(node h1 cat /proc/sys/kernel/random/boot_id)
node h1 'ping -i 0.2 10.0.0.2 >/tmp/ping.log 2>&1 &'
kill -9 "$(lab_pids vswitch)"
expect 'apply starts the switch again' netcfg apply -f labs/two-hosts.yaml --wait="$WAIT"
expect 'traffic goes on after the switch was killed' within 30 node h1 ping -c1 -W5 10.0.0.2
n_pings() {
	node h1 'wc -l </tmp/ping.log' | tr -dc 0-9
}
goes_on() { # BEFORE
	(($(n_pings) > $1 + 4))
}
expect 'the running ping goes on' within 30 goes_on "$(n_pings)"
expect 'no guest was rebooted' test "$boot_id" = "$(node h1 cat /proc/sys/kernel/random/boot_id)"

# A VMM dies; the neighbour and the switch do not care, and apply brings it back.
kill -9 "$(pgrep -f "vmm .*h2.*$XDG_RUNTIME_DIR" | head -n 1)"
expect 'the other guest lives' node h1 true
expect 'apply brings the killed guest back' netcfg apply -f labs/two-hosts.yaml --wait="$WAIT"
expect 'and it is reachable' within 20 node h1 ping -c1 -W5 10.0.0.2

run_dir=$XDG_RUNTIME_DIR
expect 'destroy' netcfg destroy
refuse 'destroy leaves no process' lab_pids '(vmm|vswitch|netcfg)'
expect 'destroy leaves no socket' test -z "$(find "$run_dir" -type s)"
refuse 'destroy leaves no mount' grep -F "$run_dir" /proc/mounts
expect 'destroy again succeeds' netcfg destroy -f labs/two-hosts.yaml
finish
