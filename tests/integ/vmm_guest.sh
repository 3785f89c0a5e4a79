#!/bin/bash
# What a Linux guest sees of the machine: memory types and start-up registers, the clock's interrupts,
# pause and reset.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg cpio
begin
cd "$ROOT"

# h1 gets the small guest's files, and behind them /guest_tool.
cp "$GUEST/initramfs.img" "$T/initrd"
truncate -s %4 "$T/initrd" # an archive behind it must begin so
(cd "$BUILD/tests/integ" && echo guest_tool | cpio -o -H newc --quiet) >>"$T/initrd"
cat >"$T/guest.yaml" <<EOF
version: 1
name: vmm-guest
images:
  tiny: { kernel: $GUEST/vmlinux, initrd: $GUEST/initramfs.img }
  more: { kernel: $GUEST/vmlinux, initrd: $T/initrd }
nodes:
  h1: { image: more, memory: 512M, vcpus: 2, ipv4: { eth1: 10.0.0.1/24 } }
  h2: { image: tiny, memory: 192M, ipv4: { eth1: 10.0.0.2/24 } }
bridges:
  br0: {}
links:
  - { endpoints: [h1:eth1, br0] }
  - { endpoints: [h2:eth1, br0] }
EOF
lab_up "$T/guest.yaml"

msr() { # CPU INDEX
	node h1 "modprobe msr; /guest_tool msr $1 $2" | grep -oE '0x[0-9a-f]+'
}
msr_is() { # INDEX VALUE, on both processors
	[[ $(msr 0 "$1") == "$2" && $(msr 1 "$1") == "$2" ]]
}
start_state() { # WHEN
	refuse "$1: the guest does not miss memory types" node h1 'dmesg | grep -i "mtrrs* disabled"'
	expect "$1: PAT is set up" node h1 'dmesg | grep -q "x86/PAT: Configuration.*WB.*WC.*UC-.*UC"'
	expect "$1: the PCI hole is uncacheable" \
		node h1 'grep -q "base=0x0*c0000000 .*1024MB.*uncachable" /proc/mtrr'
	expect "$1: strings are fast on every processor" msr_is 0x1a0 0x1
	expect "$1: memory types are on, write-back by default" msr_is 0x2ff 0xc06
}
start_state 'at start'

interrupts() { # so far, of line 8
	node h1 'grep rtc /proc/interrupts' | grep -oE '8:.*' | awk '{ print $2 + $3 }'
}
before=$(interrupts)
expect 'update interrupts and the alarm of the clock' node h1 /guest_tool rtc
expect 'they came by the line that ACPI promises' test "$(interrupts)" -gt "$before"

# --- pause and reset ------------------------------------------------------------------------------

state_is() { # NODE STATE
	netcfg --json node show "$1" | grep -q "\"$2\""
}
expect 'h1 is paused' netcfg node h1 pause
expect 'and shown so' state_is h1 paused
refuse 'it does not answer' node h2 ping -c1 -W2 10.0.0.1
expect 'it goes on' netcfg node h1 resume
expect 'and answers' within 30 node h2 ping -c1 -W2 10.0.0.1
expect 'paused again' netcfg node h1 pause
expect 'reset of a paused machine' netcfg node h1 restart
expect 'leaves it paused' state_is h1 paused
expect 'resumed' netcfg node h1 resume
expect 'it boots' within 300 node h1 true
expect 'with its network' within 30 node h2 ping -c1 -W2 10.0.0.1
start_state 'after a reset'
finish
