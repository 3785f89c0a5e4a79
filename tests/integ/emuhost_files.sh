#!/bin/bash
# An emulated host that stays in the background has each command see the files of its directory as they are when
# it begins, whatever commands before it have seen.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require qemu-system-x86_64 zstd cpio
((EUID == 0)) || skip 'the kernel of this machine is readable by root only'
begin
host=files-$$
emuhost() {
	"$ROOT/tools/emuhost" --name "$host" --chdir "$T/files" "$@"
}
at_end+=('"$ROOT/tools/emuhost" --name "$host" --stop')
mkdir "$T/files" "$T/files/below"
echo before >"$T/files/a"
echo before >"$T/files/below/b"
expect 'an emulated host starts' emuhost --daemon
# says WORDS: what a command there sees of the files. It may take as long as the machine takes.
says() {
	[[ $(emuhost --exec bash -c 'cat a below/b c 2>/dev/null' | paste -sd' ') == "$1" ]]
}
expect 'a command sees files' says 'before before'
echo after_ >"$T/files/a" # of the same size
echo 'and this is longer than it was' >"$T/files/below/b"
expect 'the next one sees them as they are now' says 'after_ and this is longer than it was'
echo new >"$T/files/c"
expect 'and one that was not there' says 'after_ and this is longer than it was new'
rm "$T/files/a"
expect 'and not one that is gone' says 'and this is longer than it was new'
mv "$T/files/c" "$T/files/a"
expect 'or has another name' says 'new and this is longer than it was'
expect 'what a command wrote is there for the next' emuhost --exec bash -c 'echo inside >d'
echo other >"$T/files/e"
expect 'also where something else changed' emuhost --exec grep -qx inside d
refuse 'and nowhere outside' test -e "$T/files/d"
finish
