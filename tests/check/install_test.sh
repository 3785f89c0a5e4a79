#!/bin/bash
# usage: install_test.sh BUILD
#
# What `meson install` installs is all that README.md names, and works where it is installed.
set -euo pipefail
build=$1
# shellcheck source=tests/check/check.sh
. "$(dirname -- "$0")/check.sh"

folder=$(mktemp -d)
trap 'netcfg destroy installed >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
# Where the build was told to install to.
eval "$(jq -r '.[] | select(.name | IN("prefix", "bindir", "datadir", "mandir")) |
	"\(.name)=\(.value | @sh)"' "$build/meson-info/intro-buildoptions.json")"
check 'it installs' meson install -C "$build" --destdir "$folder" --no-rebuild --quiet
# shellcheck disable=SC2154 # eval
bin=$folder$prefix/$bindir share=$folder$prefix/$datadir man=$folder$prefix/$mandir
export PATH=$bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
export XDG_RUNTIME_DIR=$folder/run XDG_CACHE_HOME=$folder/cache
mkdir -m 700 "$XDG_RUNTIME_DIR"

for program in vmm vswitch netcfg pktlab swbench weft-guest-image; do
	check "$program is there" test "$(command -v "$program")" = "$bin/$program"
	check "$program tells how it is used" "$program" --help
done
for page in netcfg.1 vmm.1 vswitch.1 pktlab.1 swbench.1 nfguest.1 weft-lab.5; do
	! command -v scdoc >/dev/null ||
		check "$page is there" test -s "$man/man${page#*.}/$page"
done
check 'nfguest is there' test -s "$share/weft/nfguest"

# shellcheck disable=SC2016 # it is for the other shell
completes='source "$1"; COMP_WORDS=(netcfg val) COMP_CWORD=1; _netcfg "$2"; [[ " ${COMPREPLY[*]} " == *" validate "* ]]'
check 'a shell completes' bash -c "$completes" - "$share/bash-completion/completions/netcfg" "$bin/netcfg"

# Links of the documents lead to what is installed beside them.
# shellcheck disable=SC2317 # check calls it
links() {
	local link missing=0
	for link in $(grep -o '](\([^)#:]*\))' "$share/doc/weft/README.md" | tr -d '](),'); do
		[[ -e $share/doc/weft/$link ]] || { echo "$link" && missing=1; }
	done
	return "$missing"
}
check 'the links of README.md hold' links

# scdoc takes a single backslash away, in examples as well: "\n" is read as n, and a line that goes on does not.
pages=$(cd -- "$(dirname -- "$0")/../../docs/man" && pwd)
# shellcheck disable=SC2317 # check calls it
examples() {
	awk '/^```/ { example = !example }
		{ text = $0; gsub(/\\\\/, "", text) }
		example && text ~ /\\/ { print FILENAME ":" FNR ": " $0; lost = 1 }
		END { exit lost }' "$pages"/*.scd
}
check 'examples of manual pages keep their backslashes' examples

cd "$folder"
cp -r "$share/weft/labs" .
mkdir -p build/guest
touch build/guest/{vmlinux,initramfs.img}
for lab in labs/*.yaml; do
	check "$lab is right" netcfg validate "$lab"
done
cat >lab.yaml <<'LAB'
version: 1
name: installed
bridges: { br0: {} }
ports: { one: { type: vhost-user, path: one.sock } }
links: [ { endpoints: [one, br0] } ]
LAB
check 'a lab is applied' netcfg apply -f lab.yaml
pid=$(sed 's/[^0-9].*//' "$XDG_RUNTIME_DIR"/weft/labs/installed/vswitch.pid)
check 'by the installed switch' test "/proc/$pid/exe" -ef "$bin/vswitch"
check 'and shown' netcfg status
check 'a port is added by hand' netcfg port add two bridge br0 type vhost-user path "$folder/two.sock"
check 'which the next apply would remove' grep -q 'port *two .* is removed' <(netcfg plan lab.yaml)
check 'and removes' netcfg apply lab.yaml
check 'as README.md says' test "$(netcfg -j port show | jq -r '.[].name')" = one
check 'the lab is destroyed' netcfg destroy
check 'swbench finds the programs' python3 -B -c '
import sys
tools = sys.argv[1]
sys.path.insert(0, tools + "/swbench.d")
import host, os
setup = host.Setup(tools + "/../build", [min(os.sched_getaffinity(0))] * 2)
setup.require("vswitch", "netcfg", "vmm", "pktlab")
assert os.path.exists(setup.nfguest), vars(setup)' "$share/weft/tools"
exit $bad
