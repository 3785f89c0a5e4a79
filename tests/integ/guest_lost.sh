#!/bin/bash
# usage: guest_lost.sh watch
#        guest_lost.sh PID...
#
# Whether one of these VMMs' guests is lost to the emulated host that it runs in. "watch", before they
# start, has KVM's tracepoints remember the interrupts that each takes. A guest is lost where for ten
# seconds its processors stay in KVM_RUN, and KVM
#   - gives them not one interrupt: a guest that lives, be it idle or stuck in a driver, has its timer's
#     several times a second; or
#   - waits for the end (EOI) of an interrupt that the guest never saw, while it takes others that
#     outrank it: whatever has the same rank or a lower one, such as all devices, stays away for good.
# The local APIC and its timer are KVM's own, a VMM takes no part in either while the guest runs. QEMU 7.2
# as the emulated host's processor does (tools/emuhost.d/stage2). A guest that never took an interrupt has no use for
# them, as nfguest, and is not judged. Needs root and debugfs.
# Status: 0 and a line for each where there is one, 1 where there is none.
stats=/sys/kernel/debug/kvm
tracing=/sys/kernel/debug/tracing/instances/guest_lost # of its own: vmm_state.sh has the common one
seconds=10
# shellcheck source=tests/integ/kvm_trace.sh
. "$(dirname -- "$0")/kvm_trace.sh"

if [[ $1 == watch ]]; then
	mkdir -p $tracing
	echo 16384 >$tracing/buffer_size_kb
	for event in kvm_inj_virq kvm_eoi; do
		echo 1 >"$tracing/events/kvm/$event/enable"
	done
	exit
fi

interrupts() { # PID: so far
	cat "$stats/$1"-*/irq_injections 2>/dev/null
}

in_kvm() { # PID: every vCPU thread runs guest code, or waits in KVM for the guest's next event
	local task n=0
	for task in /proc/"$1"/task/*; do
		[[ $(<"$task/comm") == vcpu* ]] || continue
		n=$((n + 1))
		# ioctl(fd, KVM_RUN), as asm/unistd_64.h and linux/kvm.h number them
		grep -qE '^(running|16 0x[0-9a-f]+ 0xae80 )' "$task/syscall" || return 1
	done 2>/dev/null
	((n > 0))
}

# unseen PID: the vectors that have waited for their end for more than the time.
unseen() {
	kvm_trace "$1" $tracing/trace | awk -v "seconds=$seconds" '
		function hex(text, i, number) {
			for (i = 3; i <= length(text); i++)
				number = 16 * number + index("0123456789abcdef", substr(text, i, 1)) - 1
			return number
		}
		$5 == "kvm_inj_virq:" {
			vector = $1 " " hex($7)
			if (!(vector in since)) since[vector] = $4 + 0
			last[$1] = $4 + 0
		}
		$5 == "kvm_eoi:" {
			vector = $1 " " $9
			delete since[vector]
			ended[vector] = 1
		}
		END {
			for (vector in since) {
				split(vector, part, " ")
				if (vector in ended && last[part[1]] > since[vector] + seconds) print part[2]
			}
		}' | paste -sd ' '
}

declare -A before=()
for pid; do
	n=$(interrupts "$pid") && ((n > 0)) && in_kvm "$pid" && before[$pid]=$n
done
((${#before[@]})) || exit 1
sleep $seconds
status=1
for pid in "${!before[@]}"; do
	in_kvm "$pid" || continue
	if [[ $(interrupts "$pid") == "${before[$pid]}" ]]; then
		printf 'the guest of vmm %d is lost: no interrupt in %d s, not even the timer'\''s\n' "$pid" $seconds
	elif vector=$(unseen "$pid") && [[ -n $vector ]]; then
		printf 'the guest of vmm %d is lost: interrupt vector %s was given to it and never ended\n' "$pid" "$vector"
	else
		continue
	fi
	status=0
done
exit $status
