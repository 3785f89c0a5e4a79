#!/bin/bash
# swbench with guests: real VMs that forward between the tester's ports, or that send and count.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require python3 jq taskset
[[ -r /dev/kvm && -w /dev/kvm ]] || skip 'no /dev/kvm'
(($(nproc) > 1)) || skip 'one core: tester and switch would share it'
begin

# measure NAME ARG...: a short run; its result is $T/NAME/result.json. A busy machine may make trials invalid.
measure() {
	local name=$1 status=0
	shift
	"$ROOT/tools/swbench" "$@" --share-cores --trials 1 --duration 0.3 --quiet --build "$BUILD" \
		--output "$T/$name" >"$T/$name.log" 2>&1 || status=$?
	((status == 0))
}
# result NAME JQ
result() { jq -e "$2" "$T/$1/result.json" >/dev/null; }

for shape in pvp pvvp chain:3; do
	expect "$shape: frames pass" measure "$shape" mrr --topology "$shape"
	expect "$shape: they arrive whole and once" result "$shape" '.figures.mrr_mpps > 0 and
		all(.trials[]; .corrupted + .duplicated + .misrouted == 0)'
done
expect 'a chain has the guests that it names' result chain:3 '.dut.guests | length == 3'
expect 'they are said to have shared cores' result pvp 'all(.trials[]; .shared)'
expect 'latency through a guest' measure latency latency --topology pvp --goal smoke
expect 'it is more than without load at the tester' \
	result latency '.figures.latency_64_0_p50_us > .calibration.bias_ns / 1e3'
expect 'a guest sends to a guest' measure v2v mrr --topology v2v
expect 'it counts some' result v2v '.figures.mrr_mpps > 0 and .topology == "v2v"'
expect 'no guest is left' eval '! pgrep -f "vmm run .*--kernel $BUILD/tools/nfguest/nfguest" >/dev/null'
finish
