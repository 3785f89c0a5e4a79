#!/bin/bash
# A guest boots one kernel by kexec after the other, ten of them, while frames come in: the devices of
# the kernel before must have let go of the memory (PCI bus mastering is off), or it is written over.
# Before, it turns bus mastering off by itself. kexec_guest.c is all that runs in it, and looks.
# session limit 7200 s: eleven boots
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg cpio socat xz
begin
n_kexecs=${N_KEXECS:-10}
MAC=52:54:00:00:00:01

# The guest's files: itself, the kernel, the drivers in their order.
version=$(kernel_newest)
mkdir -p "$T/root"/{dev,proc,sys}
cp "$BUILD/tests/integ/kexec_guest" "$T/root/init"
cp "$GUEST/vmlinuz" "$T/root/vmlinuz"
n=0
while read -r _ file _; do
	n=$((n + 1))
	case $file in
	*.xz) xz -dc "$file" ;;
	*) cat "$file" ;;
	esac >"$T/root/$n.ko"
done < <(modprobe -aS "$version" --show-depends virtio_pci virtio_net | awk '!seen[$2]++')
(cd "$T/root" && find . | cpio -o -H newc --quiet) >"$T/initrd"
rm -r "$T/root"

# Two machines at a switch. What is written to h1.in is typed at h1's console.
switch_up
vs bridge add br0
for name in h1 h2; do
	vs port add "$name" bridge br0 type vhost-user path "$T/$name.net" mode server
done
# Without IPv6, which joins groups up to seconds after an interface is up: its driver then tells the device and
# spins for the answer, for ever if bus mastering has been turned off meanwhile.
start h1 vmm run --name h1 --memory 256M --kernel "$GUEST/vmlinux" --initrd "$T/initrd" \
	--cmdline 'console=ttyS0 quiet loglevel=4 ipv6.disable=1 weft.ip=eth1:10.0.0.1/24' \
	--net "vhost-user=$T/h1.net,mac=$MAC" --serial "unix=$T/h1.console,log=$T/h1.serial.log" \
	--control "$T/h1.sock"
vm h2 52:54:00:00:00:02 10.0.0.2/24 "vhost-user=$T/h2.net"
mkfifo "$T/h1.in"
exec {typed}<>"$T/h1.in"
expect 'h1 is there' within 60 test -S "$T/h1.console"
start typing socat -u "OPEN:$T/h1.in,rdonly" "UNIX-CONNECT:$T/h1.console"
said() { # TEXT
	grep -q "^$1" "$T/h1.serial.log"
}
h2() {
	ask "$T/h2.console" "$@"
}
# kernel_finds N RIGHT WRONG: it says one of them, and it is the right one.
kernel_finds() {
	expect "kernel $1 has looked" within 300 said "generation $1: .*\($2\|$3\)"
	expect "$2" said "generation $1: .*$2"
}
# So many frames, without waiting for an answer; the address is not asked for either. Less than a ring has
# buffers: those that the kernel before gave would else be used up before anybody looks.
frames() {
	h2 "ping -q -c $1 -i 0.01 -W 1 -s 1400 10.0.0.1 >/dev/null; true"
}

expect 'h2 boots' within 180 booted h2
h2 "ip neigh replace 10.0.0.1 lladdr $MAC dev eth1"
for ((i = 0; i <= n_kexecs; i++)); do
	expect "kernel $i boots" within 300 said "generation $i: memory is filled"
	frames 50
	echo >&"$typed"
	kernel_finds "$i" 'memory is whole' 'WRITTEN OVER'
	# The NIC is up at some time in it.
	with_frames() { # TEXT
		frames 30
		said "generation $i: $1"
	}
	if ((i == 0)); then
		expect 'bus mastering is turned off' within 300 with_frames 'bus mastering is off'
		frames 30
		echo >&"$typed"
		frames 30
		echo >&"$typed"
		kernel_finds "$i" 'no frame came in' 'FRAMES CAME IN'
	fi
	expect 'it receives' within 300 with_frames 'frames come in'
	((i == n_kexecs)) || {
		h2 "ping -q -c 100 -i 0.01 -W 1 -s 1400 10.0.0.1 >/dev/null &" >/dev/null # the number of the job
		echo >&"$typed"
	}
done
refuse 'no kernel complains' grep -E 'Bad page|BUG:|Oops|[Cc]orrupt' "$T/h1.serial.log"
finish
