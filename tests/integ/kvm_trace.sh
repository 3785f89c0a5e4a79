# shellcheck shell=bash
# kvm_trace PID TRACE: the lines of a trace that threads of that process caused.
kvm_trace() {
	local threads=("/proc/$1/task/"*)
	threads=("${threads[@]##*/}")
	grep -E -- "-($(IFS='|' && echo "${threads[*]}")) +\[" "$2"
}
