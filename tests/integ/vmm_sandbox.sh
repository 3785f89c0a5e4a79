#!/bin/bash
# A VM that runs is confined, thread by thread, and does its work all the same: network devices on
# both sides of a socket, disks, consoles, reset; and what a process in its place could try is refused by
# this kernel as well (tests/unit/vmm/sandbox_test.c), which may have layers that the build machine lacks.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm python3 unshare mount
# What is mounted here goes with this process.
[[ -n ${WEFT_OWN_MOUNTS:-} ]] || WEFT_OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
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

# vmm_call SOCKET METHOD: its reply, as JSON; fails where that is an error.
vmm_call() {
	python3 - "$1" "$2" <<'END'
import json, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
sock.sendall(json.dumps({"method": "net.weft.vmm." + sys.argv[2]}).encode() + b"\0")
data = b""
while not data.endswith(b"\0"):
    data += sock.recv(4096) or sys.exit(1)
print(data[:-1].decode())
sys.exit("error" in json.loads(data[:-1]))
END
}

truncate -s 16M "$T/disk"
# A second one, whose file system has room for a quarter of it.
mkdir "$T/small"
mount -t tmpfs -o size=4M tmpfs "$T/small" || skip 'no file system can be mounted'
truncate -s 16M "$T/small/disk"
mkdir "$T/run1"
start h1 vmm run --name h1 --memory 192M --vcpus 2 --kernel "$GUEST/vmlinux" --initrd "$GUEST/initramfs.img" \
	--cmdline "console=ttyS0 quiet loglevel=4 hostname=h1" --net "vhost-user=$T/none.sock,mode=client" \
	--net "vhost-user=$T/run1/h1.sock,mode=server" --disk "$T/disk" \
	--disk "$T/small/disk,aio=threads,serial=small" --console "unix=$T/run1/h1.hvc" \
	--serial "unix=$T/h1.console" --control "$T/run1/h1.sock.ctl"
expect 'a VM with everything boots' booted h1
expect 'each thread has a filter' all_threads Seccomp 2
expect 'each thread is without new privileges' all_threads NoNewPrivs 1
refuse 'it has /dev/kvm no more' bash -c "ls -l /proc/${PID[h1]}/fd | grep -q '/dev/kvm'"
expect 'its disk is written and synced' \
	ask "$T/h1.console" 'dd if=/dev/zero of=/dev/vda bs=64k count=64 conv=fsync 2>/dev/null'
expect 'its disk is read' ask "$T/h1.console" 'dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null'
expect 'disks are known by their serials' \
	ask "$T/h1.console" '[ "$(cat /sys/block/vda/serial /sys/block/vdb/serial | tr -d \\n)" = disksmall ]'
state() {
	vmm_call "$T/run1/h1.sock.ctl" Status
}
state_is() {
	grep -q "\"state\": *\"$1\"" <<<"$(state)"
}
pauses_again() {
	vmm_call "$T/run1/h1.sock.ctl" Resume && within 20 state_is paused
}
ask "$T/h1.console" 'dd if=/dev/urandom of=/tmp/data bs=64k count=96 2>/dev/null'
ask "$T/h1.console" '(dd if=/tmp/data of=/dev/vdb bs=64k conv=fsync 2>/tmp/err; echo $? >/tmp/status) &' >/dev/null
expect 'a full file system pauses the VM' within 60 state_is paused
expect 'and says why' grep -q 'small/disk.*No space left on device' <<<"$(state)"
expect 'and again as long as there is none' pauses_again
mount -o remount,size=24M "$T/small"
expect 'it goes on when there is' vmm_call "$T/run1/h1.sock.ctl" Resume
expect 'and its guest saw nothing of it' within 60 ask "$T/h1.console" 'grep -qx 0 /tmp/status'
expect 'what it wrote is there' ask "$T/h1.console" \
	'echo 3 >/proc/sys/vm/drop_caches; head -c 6291456 /dev/vdb | cmp - /tmp/data'
expect 'random numbers come' ask "$T/h1.console" 'dd if=/dev/hwrng of=/dev/null bs=64 count=1 2>/dev/null'
ask "$T/h1.console" '>/tmp/mark; (sleep 1; reboot -f) >/dev/null 2>&1 &' >/dev/null
expect 'it boots again after a reset' within 60 ask "$T/h1.console" '! test -e /tmp/mark'
expect 'it is still there' alive h1
kill -TERM "${PID[h1]}"
expect 'it ends' within 60 bash -c "! kill -0 ${PID[h1]} 2>/dev/null"
expect 'no call was forbidden' bash -c "! grep -q sandbox: '$T/h1.log'"
if [[ $(vmm check) == *'Landlock confines files     version'* ]]; then
	expect 'its sockets are gone' bash -c "! ls '$T/run1' | grep -q ."
fi
umount "$T/small"
finish
