#!/bin/bash
# A kernel boots by kexec ten times while frames come in all the time: the devices of the kernel before
# it must have let go of the memory, or it is written over. The kernels take no care of that.
# session limit 7200 s: eleven boots
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg cpio
begin
cd "$ROOT"
n_kexecs=${N_KEXECS:-10}
tool_initrd "$T/initrd" "$GUEST/vmlinuz" # and a kernel
two_guests_up vmm-kexec

# Frames of all sizes for h1, whoever listens there: the address of h1 must not be asked for.
mac=$(node h1 cat /sys/class/net/eth1/address | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}')
node h2 "ip neigh replace 10.0.0.1 lladdr $mac dev eth1
	for size in 56 1400 8000; do ping -i 0.05 -s \$size 10.0.0.1 >/dev/null 2>&1 & done"
kernel_is() { # NUMBER in the command line of the kernel that runs
	node h1 "grep -q 'generation=$1\$' /proc/cmdline"
}
# The next kernel gets all that this one got. In the background: packing takes longer than a command may, and
# whatever the shell has in flight, the kernel goes at once.
kexec() { # NUMBER
	node h1 "(cd / && printf '%s\\n' guest_tool vmlinuz initrd | cpio -o -H newc >/tmp/more && cat initrd /tmp/more >/tmp/all &&
		cmdline=\$(sed 's/ generation=.*//' /proc/cmdline) &&
		exec /guest_tool kexec /vmlinuz /tmp/all \"\$cmdline generation=$1\") </dev/null >/dev/console 2>&1 &"
}
for ((i = 1; i <= n_kexecs; i++)); do
	kexec "$i"
	expect "kernel $i boots by kexec under traffic" within 300 kernel_is "$i"
	expect "and is reached" within 30 node h2 ping -c1 -W2 10.0.0.1
done
refuse 'nothing was written over' node h1 'dmesg | grep -E "Bad page|BUG:|Oops|[Cc]orrupt"'
finish
