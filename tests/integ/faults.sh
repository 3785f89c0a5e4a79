#!/bin/bash
# What the tester finds in a switch with planted faults: each one, by its name, and nothing else.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require python3 netcfg
(($(nproc) > 1)) || skip 'one core: switch and tester would share it'
begin
python3 "$INTEG/faults.py" "$BUILD" "$T" >"$T/faults.txt" 2>"$T/faults.log" || true
while read -r word text; do
	case $word in
	ok) passed "$text" ;;
	*) failed "$word $text" ;;
	esac
done <"$T/faults.txt"
expect 'all faults were tried' test "$(grep -c 'found' "$T/faults.txt")" = 7
finish
