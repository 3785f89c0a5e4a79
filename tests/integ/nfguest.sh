#!/bin/bash
# The bare-metal guest in every mode under vmm, natively: frames of its own, frames sent back, between
# two ports and routed; split and packed rings, queue pairs; arguments that are wrong; and boots.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require python3 vswitch netcfg vmm
[[ -r /dev/kvm && -w /dev/kvm ]] || skip 'no /dev/kvm'
(($(nproc) > 1)) || skip 'one core: guest and tester would share it'
begin
switch_up
vs bridge add br0
python3 "$INTEG/nfguest.py" "$BUILD" "$T" >"$T/nfguest.txt" 2>&1 || true
while read -r word text; do
	case $word in
	ok) passed "$text" ;;
	*) failed "$word $text" ;;
	esac
done <"$T/nfguest.txt"
expect 'the image is smaller than 64 KiB' \
	eval '(($(stat -c %s "$BUILD/tools/nfguest/nfguest") < 65536))'
expect 'ten boots in a row' "$BUILD/tests/peer/boots" "$BUILD/vmm/vmm" \
	"$BUILD/tools/nfguest/nfguest" 10
finish
