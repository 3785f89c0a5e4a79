#!/bin/bash
# A VM that runs is confined, thread by thread, and does its work all the same: network devices on
# both sides of a socket, disks, consoles, reset; and what a process in its place could try is refused by
# this kernel as well (tests/unit/vmm/sandbox_test.c), which may have layers that the build machine lacks.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch
begin

if [[ -x $BUILD/tests/unit/vmm/vmm_sandbox_test ]]; then
	expect 'every attempt from inside is refused' "$BUILD/tests/unit/vmm/vmm_sandbox_test"
	"$BUILD/tests/unit/vmm/vmm_sandbox_test" 2>&1 | grep -i 'skipped\|before version' || true
fi
vmm check || true

status_of() { # FIELD: of every thread of the VM
	sed -n "s/^$1:[ \t]*//p" /proc/"${PID[h1]}"/task/*/status | sort -u | tr '\n' ' '
}
all_threads() { # FIELD VALUE
	[[ $(status_of "$1") == "$2 " ]]
}

truncate -s 16M "$T/disk"
mkdir "$T/run1"
start h1 vmm run --name h1 --memory 192M --vcpus 2 --kernel "$GUEST/vmlinux" --initrd "$GUEST/initramfs.img" \
	--cmdline "console=ttyS0 quiet loglevel=4 hostname=h1" --net "vhost-user=$T/none.sock,mode=client" \
	--net "vhost-user=$T/run1/h1.sock,mode=server" --disk "$T/disk" --console "unix=$T/run1/h1.hvc" \
	--serial "unix=$T/h1.console" --control "$T/run1/h1.sock.ctl"
expect 'a VM with everything boots' booted h1
expect 'each thread has a filter' all_threads Seccomp 2
expect 'each thread is without new privileges' all_threads NoNewPrivs 1
refuse 'it has /dev/kvm no more' bash -c "ls -l /proc/${PID[h1]}/fd | grep -q '/dev/kvm'"
expect 'its disk is written and synced' \
	ask "$T/h1.console" 'dd if=/dev/zero of=/dev/vda bs=64k count=64 conv=fsync 2>/dev/null'
expect 'its disk is read' ask "$T/h1.console" 'dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null'
expect 'random numbers come' ask "$T/h1.console" 'dd if=/dev/hwrng of=/dev/null bs=64 count=1 2>/dev/null'
ask "$T/h1.console" '>/tmp/mark; (sleep 1; reboot -f) >/dev/null 2>&1 &'
expect 'it boots again after a reset' within 60 ask "$T/h1.console" '! test -e /tmp/mark'
expect 'it is still there' alive h1
kill -TERM "${PID[h1]}"
expect 'it ends' within 60 bash -c "! kill -0 ${PID[h1]} 2>/dev/null"
expect 'no call was forbidden' bash -c "! grep -q sandbox: '$T/h1.log'"
if ((UID == 0)) && vmm check | grep -q 'Landlock.*version'; then
	expect 'its sockets are gone' bash -c "! ls '$T/run1' | grep -q ."
fi
finish
