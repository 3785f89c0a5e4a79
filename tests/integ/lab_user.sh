#!/bin/bash
# Labs of ordinary users, with /dev/kvm as Debian has it, for root and the group kvm: one who is not in it is told,
# one who is runs a guest of Linux from a file that she may only read, another one a lab of the same name at the same
# time, without a directory of his login. What needs more says what, and nothing of them stays.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg jq setpriv
((EUID == 0)) || skip 'it needs root, to be others'
# The device of the machine stays as it is.
[[ -n ${WEFT_OWN_MOUNTS:-} ]] || WEFT_OWN_MOUNTS=1 exec unshare --mount "$0"
begin
chmod 711 "$T" "$XDG_RUNTIME_DIR"

declare -A id=([ann]=64101 [bob]=64102 [eve]=64103)
group=64110
all_ids=$(printf '%s,' "${id[@]}")
at_end+=("pkill -9 -u ${all_ids%,} || true" "rm -rf /tmp/weft-${id[bob]}" 'umount "$T/dev"')
mkdir "$T/dev" "$T/the labs"
mount -t tmpfs -o mode=755 dev "$T/dev"
mknod -m 660 "$T/dev/kvm" c 10 232
chgrp "$group" "$T/dev/kvm"
mount --bind "$T/dev/kvm" /dev/kvm
for name in "${!id[@]}"; do
	install -d -m 700 -o "${id[$name]}" "$XDG_RUNTIME_DIR/$name" "$T/home of $name"
done

# user NAME CMD...: as after a login. Bob has the directory of Ann's login, as su leaves it.
user() {
	local runtime=$XDG_RUNTIME_DIR/$1 groups=(--groups "$group") uid=${id[$1]} home="$T/home of $1"
	[[ $1 != bob ]] || runtime=$XDG_RUNTIME_DIR/ann
	[[ $1 != eve ]] || groups=(--clear-groups)
	shift
	(
		umask 077
		cd "$home" && exec setpriv --reuid "$uid" --regid "$uid" "${groups[@]}" \
			env -i HOME="$home" PATH="$PATH" XDG_RUNTIME_DIR="$runtime" "$@"
	)
}
of_users() { # processes
	pgrep -a -u "${all_ids%,}"
}
user ann test -x "$BUILD/netcfg/netcfg" || skip "other users cannot reach $BUILD"
expect 'an image that root packed is for others, too' user ann test -r "$GUEST/vmlinux" -a -r "$GUEST/initramfs.img"

LAB_FILE="$T/the labs/linux.yaml"
cat >"$LAB_FILE" <<LAB
version: 1
name: same
images:
  tiny: { kernel: $GUEST/vmlinux, initrd: $GUEST/initramfs.img }
nodes:
  h1: { image: tiny, memory: 256M, ipv4: { eth1: 10.0.0.1/24 } }
bridges:
  br0: {}
links:
  - { endpoints: [h1:eth1, br0] }
LAB
bare="$T/the labs/bare.yaml" empty="$T/the labs/empty.yaml"
sed '/^images/,/tiny:/d; s/h1: .*/h1: { kind: nfguest, cmdline: mode=idle }/' "$LAB_FILE" >"$bare"
printf 'version: 1\nname: same\nbridges:\n  br1: {}\n' >"$empty"
chmod 755 "$T/the labs"
chmod 644 "$T/the labs"/*

for lab in "$LAB_FILE" "$bare"; do
	fails_with "who is not in the group kvm is told, for ${lab##*/}" 1 \
		'no node can be started: KVM: cannot open /dev/kvm: Permission denied' user eve netcfg apply -f "$lab"
	expect 'with what to do' grep -q 'hint: add your user to the group kvm' "$T/last.out"
done
expect 'and nothing was started' test ! -e "$XDG_RUNTIME_DIR/eve/weft/labs/same"

touch "$T/the labs/secret"
chmod 600 "$T/the labs/secret"
sed "s,$GUEST/vmlinux,secret," "$LAB_FILE" >"$T/the labs/secret.yaml"
fails_with 'an image that this user may not read' 2 'this user may not read it' \
	user ann netcfg validate "$T/the labs/secret.yaml"
chmod 644 "$T/the labs/secret"
sed "s,h1: {,& disk: secret\,," "$LAB_FILE" >"$T/the labs/disk.yaml"
fails_with 'a disk that this user may not write' 2 'a disk is read and written, which this user may not' \
	user ann netcfg validate "$T/the labs/disk.yaml"

[[ -z ${WEFT_EMUHOST:-} ]] || "$INTEG/guest_lost.sh" watch
expect 'one in the group kvm has a lab' user ann netcfg apply -f "$LAB_FILE"
expect 'another one, too, of the same name, in a directory of his own' user bob netcfg apply -f "$empty"
expect 'which is there' test -S "/tmp/weft-${id[bob]}/labs/same/vswitch.sock"
expect 'and is his' json 'map(.name) == ["br1"]' user bob netcfg -j bridge show
expect "Ann's guest is ready" user ann netcfg wait --timeout="$WAIT"
expect 'and does what she says' user ann netcfg exec --timeout="$WAIT" h1 -- ip address show eth1
expect 'her bridge is hers' json 'map(.name) == ["br0"]' user ann netcfg -j bridge show
expect 'all is well' within 30 user ann netcfg status --check
expect 'applying again finds no difference' user ann netcfg plan -f "$LAB_FILE" --exit-code
expect 'a cable is pulled' user ann netcfg link h1:eth1 down
expect 'and the file says otherwise' user ann netcfg apply -f "$LAB_FILE"
expect 'all is well again' within 30 user ann netcfg status --check
fails_with 'a port of the host says what it needs' 1 'hint: needs CAP_NET_ADMIN' \
	user ann netcfg port add host0 bridge br0 type tap
fails_with 'nobody looks into the labs of others' 1 'Permission denied' \
	user bob netcfg --run-dir "$XDG_RUNTIME_DIR/ann/weft" status
fails_with 'nor into one by its name' 1 'Permission denied' \
	user bob netcfg --run-dir "$XDG_RUNTIME_DIR/ann/weft" -L same node show
expect "destroy ends Bob's" user bob netcfg destroy
expect "and not Ann's" user ann netcfg status --check
expect 'hers, too' user ann netcfg destroy
refuse 'no process of them is left' of_users
expect 'and no socket' test -z "$(find "$XDG_RUNTIME_DIR" "/tmp/weft-${id[bob]}" -type s)"
LAB_FILE=
finish
