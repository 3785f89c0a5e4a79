#!/bin/bash
# usage: vmm_state.sh PID...
#
# What VMMs are doing, for the log of a failed test: their threads, and the last exits of their
# guests as KVM's tracepoints show them. A guest that hangs is told from one that waits by these.
# Needs root and debugfs for the latter.
tracing=/sys/kernel/debug/tracing
# shellcheck source=tests/integ/kvm_trace.sh
. "$(dirname -- "$0")/kvm_trace.sh"
for pid; do
	printf -- '--- threads of vmm %d\n' "$pid"
	for task in /proc/"$pid"/task/*; do
		printf '%s: %s %s\n' "$(<"$task/comm")" "$(cut -d ' ' -f 3 "$task/stat")" \
			"$(head -n 4 "$task/stack" | cut -d ' ' -f 2 | paste -sd ' ')"
	done
done 2>/dev/null
[[ -w $tracing/events/kvm/enable ]] || exit 0
echo 1 >$tracing/events/kvm/enable
sleep 1
echo 0 >$tracing/events/kvm/enable
for pid; do
	printf -- '--- KVM events of vmm %d in one second: all, and the last of them\n' "$pid"
	kvm_trace "$pid" $tracing/trace | awk '
		{
			sub(":", "", $5)
			n[$5]++
			last[total++ % 15] = $0
		}
		END {
			for (event in n) printf "%d %s, ", n[event], event
			print ""
			for (i = total > 15 ? total - 15 : 0; i < total; i++) print last[i % 15]
		}'
done
