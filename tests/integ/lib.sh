# shellcheck shell=bash disable=SC2001,SC2034,SC2120
# What the integration tests share. A test sources this file, calls begin, checks with expect and
# friends, and ends with finish. Its programs are started with start, in a directory of its own,
# and are killed when the test ends, however it ends. Exit status: 0 passed, 1 failed, 77 skipped, and
# 125 where the emulated host lost a guest of the lab: that says nothing of what is tested.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tools/common.sh
. "$ROOT/tools/common.sh"
BUILD=${WEFT_BUILD:-$ROOT/build}
INTEG=$ROOT/tests/integ
PATH=$BUILD/netcfg:$BUILD/vmm:$BUILD/vswitch:$PATH:/usr/local/sbin:/usr/sbin:/sbin
GUEST=$ROOT/build/guest
export PATH

n_passed=0 n_failed=0 LAB_FILE=
declare -A PID=() # name of a started program -> process id
at_end=()         # commands, for what a test changed on the machine

begin() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/weft-integ.XXXXXX")
	export XDG_RUNTIME_DIR=$T/run RUNTIME_DIRECTORY=$T/run # DPDK's, too
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	[[ -e $GUEST/vmlinux ]] || "$ROOT/tools/guest-image" >/dev/null
	trap cleanup EXIT
	trap 'exit 1' INT TERM HUP
}

cleanup() {
	# Commands of at_end see the variables of their test: these are not called as any of those.
	local cleanup_status=$? cleanup_of
	# A child that is killed right after its birth still has our traps.
	((BASHPID == $$)) || return 0
	((cleanup_status == 0 || cleanup_status == 77)) || lab_explain || cleanup_status=125
	[[ -z $LAB_FILE ]] || lab_down_hard
	for cleanup_of in "${!PID[@]}"; do
		stop "$cleanup_of" KILL
	done
	for cleanup_of in "${at_end[@]}"; do
		eval "$cleanup_of"
	done
	((cleanup_status == 125)) || all_ended || cleanup_status=1
	if ((cleanup_status != 0 && cleanup_status != 77)); then
		for cleanup_of in "$T"/*.log; do
			[[ -s $cleanup_of ]] || continue
			printf -- '--- %s\n' "${cleanup_of##*/}"
			tail -n 40 "$cleanup_of"
		done
		cat "$T/lab.state" 2>/dev/null || true
	fi
	if [[ -n ${WEFT_KEEP_TEST:-} ]]; then
		printf 'kept: %s\n' "$T"
	else
		rm -rf "$T"
	fi
	exit "$cleanup_status"
}

# all_ended: nothing that this test started, itself or by others, still runs.
all_ended() {
	local pids pid
	for ((try = 0; try < 100; try++)); do
		# This script itself was not started with it.
		pids=$(processes_with "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR")
		[[ -n $pids ]] || return 0
		sleep 0.1
	done
	for pid in $pids; do
		printf 'FAIL  still runs: %s\n' "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
		kill -9 "$pid" 2>/dev/null || true
	done
	return 1
}

skip() {
	printf 'skipped: %s\n' "$1"
	exit 77
}

# require COMMAND...: skip where something that the test needs is not installed.
require() {
	local command
	for command; do
		command -v "$command" >/dev/null || skip "'$command' is not installed"
	done
}

# start NAME CMD...: run in the background, output in $T/NAME.log.
start() {
	local name=$1
	shift
	"$@" >"$T/$name.log" 2>&1 </dev/null &
	PID[$name]=$!
}

# stop NAME [SIGNAL]: end a started program and wait for it.
stop() {
	local pid=${PID[$1]:-}
	[[ -n $pid ]] || return 0
	kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	unset "PID[$1]"
}

alive() {
	kill -0 "${PID[$1]}" 2>/dev/null
}

# What a machine that does other things as well, or emulates one, is given of the time that one at ease needs.
SLOW_FACTOR=10
# And where a limit has to be named, in seconds: a guest that boots, a command that copies.
WAIT=1800

# within SECONDS CMD...: retry until the command succeeds; the limit ends what hangs, and is no measure.
within() {
	local deadline=$((SECONDS + SLOW_FACTOR * $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}

passed() {
	n_passed=$((n_passed + 1))
	printf 'ok    %s\n' "$1"
}

failed() { # TEXT [OUTPUT]
	n_failed=$((n_failed + 1))
	printf 'FAIL  %s\n' "$1"
	[[ -z ${2:-} ]] || sed 's/^/      | /' <<<"$2" | tail -n 20
	lab_explain || exit 125
}

# expect TEXT CMD...: the command must succeed; refuse: it must fail. What it printed is shown
# where it did not.
expect() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		passed "$text"
	else
		failed "$text" "$output"
	fi
}

refuse() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		failed "$text" "$output"
	else
		passed "$text"
	fi
}

# fails_with TEXT STATUS PATTERN CMD...: the command must exit with the status and say the pattern;
# both are regular expressions.
fails_with() {
	local text=$1 want=$2 pattern=$3 status=0 output pid dog
	shift 3
	"$@" >"$T/last.out" 2>&1 </dev/null &
	pid=$!
	# "wait -n" for both would not see the one that ended before it; and a TERM that comes before exec is lost.
	perl -e 'sleep shift; kill TERM => shift' "$WAIT" "$pid" &
	dog=$!
	wait "$pid" || status=$?
	kill -9 "$dog"
	wait "$dog" 2>/dev/null || true
	output=$(<"$T/last.out")
	if [[ $status =~ ^$want$ ]] && grep -qE -- "$pattern" <<<"$output"; then
		passed "$text"
	else
		failed "$text (status $status, expected $want and /$pattern/)" "$output"
	fi
}

# json FILTER CMD...: the JSON that the command prints must satisfy the jq filter.
json() {
	local filter=$1
	shift
	"$@" | tee "$T/last.json" | jq -e "$filter" >/dev/null || {
		head -c 2000 "$T/last.json"
		return 1
	}
}

# ask SOCKET CMD...: run a command in a guest over its serial console's Unix socket.
ask() {
	local socket=$1
	shift
	python3 "$INTEG/console.py" "$socket" "$*"
}

# booted NAME...: the guests' shells answer.
booted() {
	local name
	for name; do
		ask "$T/$name.console" true || return 1
	done
}

finish() {
	printf '%d ok, %d failed\n' "$n_passed" "$n_failed"
	((n_passed + n_failed > 0 && n_failed == 0))
	exit
}

# --- the switch ---------------------------------------------------------------------------------

# switch_up [ARG...]: a vswitch of this test's own, with its control socket at $T/vs.sock.
switch_up() {
	start vswitch vswitch --control "$T/vs.sock" "$@"
	within 20 vs bridge show || { echo 'vswitch did not come up'; exit 1; }
}

vs() {
	netcfg -S "$T/vs.sock" "$@"
}

# rows KEY: jq text for every object that has the key, wherever in the answer it stands.
rows() {
	printf '[.. | objects | select(has("%s"))]' "$1"
}

# --- peers that this project did not write --------------------------------------------------------

# qemu_guest NAME MAC CHARDEV [DEVICE-OPTION...]: the guest image under QEMU without KVM, its NIC a
# vhost-user front-end on the socket chardev; kernel arguments from $CMDLINE. Its console is
# $T/NAME.console. $PAIRS: queue pairs, and processors to use them. No MSI-X: Debian 12's QEMU 7.2 crashes on a masked vector without KVM.
qemu_guest() {
	local name=$1 mac=$2 chardev=$3 pairs=${PAIRS:-1} options=
	printf -v "qemu_again[$name]" '%q ' eval "PAIRS=$pairs CMDLINE=$(printf %q "${CMDLINE:-}") qemu_guest $(printf '%q ' "$@")"
	shift 3
	(($# == 0)) || options=$(printf ',%s' "$@")
	((pairs == 1)) || options+=,mq=on
	start "$name" qemu-system-x86_64 -M pc -accel tcg -cpu max -smp "$pairs" -m 256 \
		-object memory-backend-memfd,id=mem,size=256M,share=on -numa node,memdev=mem \
		-nodefaults -display none -no-reboot \
		-kernel "$GUEST/vmlinux" -initrd "$GUEST/initramfs.img" \
		-append "console=ttyS0 quiet loglevel=4 hostname=$name ${CMDLINE:-}" \
		-serial "unix:$T/$name.console,server=on,wait=off" \
		-chardev "socket,id=c,$chardev" -netdev "vhost-user,id=n,chardev=c,queues=$pairs" \
		-device "virtio-net-pci,netdev=n,mac=$mac,vectors=0$options"
}

# expect_qemu_boots TEXT NAME...: as expect TEXT booted NAME..., but QEMU 7.2 without KVM has a guest now and then
# that hangs while it boots: then it is started again, and what its threads did is said.
expect_qemu_boots() {
	local text=$1 name try
	shift
	for name; do
		for try in 1 2 3; do
			if python3 "$INTEG/console.py" "$T/$name.console" true "$BOOT_LIMIT" >"$T/boot.out" 2>&1; then
				break
			elif ((try == 3)) || ! alive "$name"; then
				failed "$text" "$(<"$T/boot.out")"
				return
			fi
			printf 'note: guest %s did not boot in %d s, try %d of 3; its threads:\n' \
				"$name" "$BOOT_LIMIT" "$try"
			(cd "/proc/${PID[$name]}/task" && grep -H . ./*/{comm,wchan,schedstat}) || true
			stop "$name" KILL
			eval "${qemu_again[$name]}"
		done
	done
	passed "$text"
}
BOOT_LIMIT=300 # seconds, many times what a boot takes
declare -A qemu_again=()

# vm NAME MAC ADDRESS NET-OPTIONS: the guest image under vmm, its console is $T/NAME.console.
vm() {
	start "$1" vmm run --name "$1" --memory 192M --kernel "$GUEST/vmlinux" \
		--initrd "$GUEST/initramfs.img" \
		--cmdline "console=ttyS0 quiet loglevel=4 hostname=$1 weft.ip=eth1:$3" \
		--net "$4,mac=$2" --serial "unix=$T/$1.console" --control "$T/$1.sock"
}

# pmd_up: testpmd joins two vhost ports: port 0 listens at $T/t1.sock, port 1 connects to the VMM, which
# listens at $T/t2.sock.
pmd_up() {
	start pmd dpdk-testpmd --lcores '0@0-1,1@0-1' --no-pci --no-huge -m 128 \
		--file-prefix "pmd-$$" --vdev "net_vhost0,iface=$T/t1.sock" \
		--vdev "net_vhost1,iface=$T/t2.sock,client=1" -- --forward-mode=io \
		--total-num-mbufs=4096 --stats-period 1
	within 90 test -S "$T/t1.sock"
}

# testpmd NAME VDEV FORWARD-MODE [OPTION...]: DPDK's test forwarder on one virtual device; more
# options of the EAL from $EAL. It does not throw away what came before it began to forward.
testpmd() {
	local name=$1 vdev=$2 mode=$3 eal
	shift 3
	read -ra eal <<<"${EAL:-}"
	start "$name" dpdk-testpmd --lcores '0@0-1,1@0-1,2@0-1' --no-pci --no-huge -m 128 \
		--file-prefix "$name-$$" --vdev "$vdev" "${eal[@]}" -- --forward-mode="$mode" \
		--total-num-mbufs=4096 --stats-period 1 --no-lsc-interrupt --no-flush-rx "$@"
}

# testpmd_count NAME COUNTER: RX-packets or TX-packets of the last report.
testpmd_count() {
	grep -o "$2: [0-9]*" "$T/$1.log" | tail -n 1 | grep -o '[0-9]*$'
}

testpmd_above() {
	(($(testpmd_count "$1" "$2") > $3))
}

# --- labs -----------------------------------------------------------------------------------------

# lab_up FILE: apply a lab file and wait for its guests, as long as slow machines take; cleanup destroys it.
lab_up() {
	LAB_FILE=$1
	[[ -z ${WEFT_EMUHOST:-} ]] || "$INTEG/guest_lost.sh" watch
	netcfg apply -f "$1" --wait="$WAIT" >"$T/apply.log" 2>&1 || {
		echo "the lab $1 did not come up"
		exit 1
	}
}

# lab_explain: at a lab's first failure, note in $T/lab.state what its VMMs and guests were at. It fails
# where that was no failure of the lab's: the emulated host lost a guest.
lab_explain() {
	local file pids
	[[ -n $LAB_FILE && ! -e $T/lab.state ]] || return 0
	mapfile -t pids < <(lab_pids vmm)
	"$INTEG/vmm_state.sh" "${pids[@]}" >"$T/lab.state" 2>&1 || true
	while read -r file; do
		cp "$file" "$T/$(basename "$file").log"
	done < <(find "$XDG_RUNTIME_DIR" -name '*.serial')
	[[ -z ${WEFT_EMUHOST:-} ]] || ! "$INTEG/guest_lost.sh" "${pids[@]}"
}

# lab_down_hard: for cleanup; nothing of the lab stays, whatever state the test left it in.
lab_down_hard() {
	local pid
	find "$XDG_RUNTIME_DIR" -name '*.log' -exec cp -t "$T" {} + 2>/dev/null || true
	netcfg destroy -f "$LAB_FILE" >/dev/null 2>&1 || true
	for pid in $(lab_pids '(vmm|vswitch)' || true); do
		kill -9 "$pid" 2>/dev/null || true
	done
}

# node NAME CMD...: run a command in a node of the lab.
node() {
	local name=$1
	shift
	netcfg exec --timeout="$WAIT" "$name" -- "$@"
}

# tcp_intact FROM TO ADDRESS FILE COPY: TCP brings the file unharmed from FROM, whose ADDRESS it is, to TO.
# Both are commands that run a line of bash: 'node h1', 'bash -c'. They work in the background, and
# the end is looked for: a machine may be slow, only what hangs fails.
tcp_intact() {
	local from to take="cat </dev/tcp/$3/5001 && touch $5.whole && break; sleep 0.2"
	read -ra from <<<"$1"
	read -ra to <<<"$2"
	"${from[@]}" "timeout $WAIT busybox nc -l -p 5001 <$4 >/dev/null 2>&1 &"
	"${to[@]}" "rm -f $5.whole; for try in {1..300}; do $take; done >$5 2>/dev/null &"
	within 30 "${to[@]}" "test -e $5.whole" || {
		echo "the end of the file did not arrive"
		return 1
	}
	[[ $(sha256_of "$4" "${from[@]}") == "$(sha256_of "$5" "${to[@]}")" ]] || {
		echo "what arrived is another file"
		return 1
	}
}
sha256_of() { # FILE CMD...
	local file=$1
	shift
	"$@" "sha256sum <$file" | grep -oE '[0-9a-f]{64}'
}

# lab_pids PROGRAM: process ids of this test's lab.
lab_pids() {
	pgrep -f "^([^ ]*/)?$1 .*$XDG_RUNTIME_DIR"
}
