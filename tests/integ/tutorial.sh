#!/bin/bash
# What docs/tutorial.md has people type works, in its order, and what it says that comes does come.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg tcpdump python3
begin
# A tree to write in.
mkdir "$T/tree" && cp -r "$ROOT/labs" "$T/tree" && ln -s "$ROOT/build" "$T/tree/build"
cd "$T/tree"
LAB_FILE=labs/direct.yaml
while IFS=$'\t' read -r status command; do
	[[ $status == ok ]] && said=true || said=false
	expect "$command" "$said"
done < <(python3 "$INTEG/tutorial.py" "$ROOT/docs/tutorial.md" "$WAIT" "$T/tutorial.log")
expect 'it was read to its end' grep -qx 'end' "$T/tutorial.log"
cat "$T/tutorial.log"
finish
