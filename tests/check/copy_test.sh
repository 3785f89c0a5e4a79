#!/bin/bash
# usage: copy_test.sh BUILD
#
# A tree copied without git: a build directory that came with it is made anew, one that was made in it
# stays, and the checks of the tree do not fail.
set -euo pipefail
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
build=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# shellcheck source=tests/check/check.sh
. "$(dirname -- "$0")/check.sh"

mkdir "$folder/copy"
tar -C "$root" --exclude=./.git --exclude='./build*' -cf - . | tar -C "$folder/copy" -xf -
cd "$folder/copy"
mkdir -p build/netcfg
cp -r "$build/meson-info" build/
touch build/build.ninja build/netcfg/netcfg
forget() { bash -c '. tools/common.sh && forget_foreign_build build'; }
forget >"$folder/said"
check 'a build directory from another place is named' grep -q 'making it anew' "$folder/said"
check 'and forgotten' test ! -e build
mkdir -p build/meson-info
sed "s|\"source\": \"[^\"]*\"|\"source\": \"$PWD\"|" "$build/meson-info/meson-info.json" >build/meson-info/meson-info.json
forget
check 'one from here stays' test -e build/meson-info
# 77: it needs git, and says so.
works() {
	local status=0
	"tools/check-$1" || status=$?
	((status == 0 || status == 77))
}
for name in layers names commit; do
	check "check-$name" works "$name"
done
exit $bad
