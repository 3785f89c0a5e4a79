# shellcheck shell=bash disable=SC2034
# Network namespaces for tests of host ports: one for the switch, two for hosts. A test sources
# this after lib.sh and calls netns_begin in place of begin. Skipped where namespaces cannot be made.

netns_begin() {
	((EUID == 0)) || skip 'network namespaces need root'
	require vswitch netcfg ip jq busybox
	begin
	trap 'netns_end' EXIT
	SW=weft-$$-sw A=weft-$$-a B=weft-$$-b
	local name
	for name in "$SW" "$A" "$B"; do
		ip netns add "$name" 2>"$T/netns.log" || skip "no network namespace: $(<"$T/netns.log")"
		ip -n "$name" link set lo up
	done
	export LSAN_OPTIONS=suppressions=$ROOT/tests/lsan.supp
	start vswitch ip netns exec "$SW" vswitch --control "$T/vs.sock"
	within 20 vs bridge show || { echo 'vswitch did not come up'; exit 1; }
}

netns_end() {
	local status=$? name
	((BASHPID == $$)) || return 0
	for name in "$SW" "$A" "$B"; do
		ip netns pids "$name" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
		ip netns del "$name" 2>/dev/null || true
	done
	set +e
	(exit "$status") # for cleanup to see
	cleanup
}

# cable INTERFACE NETNS IP [MTU]: a veth pair, INTERFACE beside the switch and eth0 in NETNS.
cable() {
	ip link add "$1" netns "$SW" mtu "${4:-1500}" type veth \
		peer name eth0 netns "$2" mtu "${4:-1500}"
	ip -n "$SW" link set dev "$1" up
	ip -n "$2" addr add "$3/24" dev eth0
	ip -n "$2" link set dev eth0 up
}

# end_switch: by a signal; how it ended is in $ended.
end_switch() {
	ended=0
	kill "${PID[vswitch]}"
	wait "${PID[vswitch]}" || ended=$?
	unset 'PID[vswitch]'
}

in_a() { ip netns exec "$A" "$@"; }
in_b() { ip netns exec "$B" "$@"; }
in_sw() { ip netns exec "$SW" "$@"; }

pings() { # NETNS ADDRESS [SIZE]: within a while; with $PING_WAIT once, and for as many seconds
	local ping=(ip netns exec "$1" busybox ping -c 1 -W "${PING_WAIT:-2}" -s "${3:-56}" "$2")
	if [[ -n ${PING_WAIT:-} ]]; then
		"${ping[@]}"
	else
		within 10 "${ping[@]}"
	fi
}

# port_is NAME FILTER: what the switch says of a port satisfies the jq filter.
port_is() {
	json ".[] | select(.name == \"$1\") | $2" vs -j port show "$1"
}

# totals FILTER: the sums over all ports, those that are gone included, satisfy the jq filter.
totals() {
	printf '{"method":"net.weft.vswitch.SwitchShow","parameters":{}}\0' |
		socat -t60 - "UNIX-CONNECT:$T/vs.sock" | tr -d '\0' | tee "$T/totals.json" |
		jq -e ".parameters | $1" >/dev/null || { cat "$T/totals.json"; return 1; }
}

# send_file FROM TO ADDRESS: four megabytes of noise over TCP arrives as it was sent.
send_file() {
	head -c 4000000 /dev/urandom >"$T/sent"
	rm -f "$T/got"
	ip netns exec "$2" timeout "$WAIT" socat -u TCP-LISTEN:7000,reuseaddr "CREATE:$T/got" &
	local server=$!
	within 5 eval "ip netns exec $2 ss -ltn | grep -q :7000"
	# Tried again: a neighbour that did not answer a moment ago counts as unreachable for a while.
	ip netns exec "$1" timeout "$WAIT" socat -u "OPEN:$T/sent" "TCP:$3:7000,retry=60,interval=0.5" ||
		kill "$server"
	wait "$server"
	cmp "$T/sent" "$T/got"
}

# bad_checksums NETNS: segments with a wrong checksum that its stack has counted.
bad_checksums() {
	ip netns exec "$1" cat /proc/net/snmp | awk '/^Tcp:/ { n = $15 } END { print n }'
}
