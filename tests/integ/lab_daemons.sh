#!/bin/bash
# Labs whose daemons do not do as they should: stopped, killed, asked for twice. Without KVM: the switch is
# ours, the vmm of each node is fake_vmm.py.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg jq python3
begin
mkdir "$T/bin"
ln -s "$BUILD/vswitch/vswitch" "$T/bin/vswitch"
ln -s "$INTEG/fake_vmm.py" "$T/bin/vmm"
touch "$T/bin/nfguest"
lab() {
	netcfg --bindir "$T/bin" "$@"
}
# lab_of NAME [NODE...]: its file, with one link from each node to a bridge.
lab_of() {
	local name=$1
	shift
	printf 'version: 1\nname: %s\ndefaults:\n  node: { kind: nfguest, cmdline: mode=idle }\nnodes:\n' "$name"
	printf '  %s: {}\n' "$@"
	printf 'bridges:\n  br0: {}\nlinks:\n'
	printf '  - { endpoints: [%s:eth1, br0] }\n' "$@"
}
pid_of() { # NAME: of its daemon
	cut -d' ' -f1 "$XDG_RUNTIME_DIR/weft/labs/$LAB/$1.pid"
}
node_state() { # NAME
	lab -j status | jq -r ".nodes[] | select(.name == \"$1\").state"
}

LAB=daemons
lab_of $LAB a b c >"$T/lab.yaml"
LAB_FILE=$T/lab.yaml
expect 'a lab comes up' lab apply -f "$T/lab.yaml" --wait="$WAIT"

# --- one that does not answer ---
kill -STOP "$(pid_of b)"
expect 'status goes on without a node that does not answer' lab status
expect 'its row says so' eval '[[ $(node_state b) == "no answer" ]]'
expect 'the others have theirs' eval '[[ $(node_state a)$(node_state c) == runningrunning ]]'
fails_with 'it is not well' 3 'no answer' lab status --check
fails_with 'nothing is planned without it' 4 "node 'b'.*not answer" lab plan -f "$T/lab.yaml"
kill -CONT "$(pid_of b)"
expect 'it answers again' eval '[[ $(node_state b) == running ]]'
kill -STOP "$(pid_of vswitch)"
expect 'status goes on without a switch that does not answer' \
	json '.vswitch == "no answer" and (.nodes | length) == 3 and .well == false' lab -j status
fails_with 'nothing is planned without it' 4 'vswitch.*not answer' lab plan -f "$T/lab.yaml"
kill -CONT "$(pid_of vswitch)"
kill -STOP "$(pid_of b)"
expect 'one that does not answer can be ended' lab node stop b --force
expect 'and started again' lab node start b

# --- why a node does not run ---
kill -KILL "$(pid_of b)"
fails_with 'of one that was killed no other words are taken for the reason' 1 \
	"node 'b': does not run, without an error" lab wait b
expect 'apply starts it again' lab apply -f "$T/lab.yaml"
sed 's/  c: {}/  c: { cmdline: fake=refused }/' "$T/lab.yaml" >"$T/refused.yaml"
fails_with 'of one that refuses its settings the error is told, not the hint' 1 \
	"node 'c': vmm ended at once: kernel 'k': it is none" lab apply -f "$T/refused.yaml" --allow restart
expect 'and the hint as a hint' grep -qx 'netcfg: hint: give it one' "$T/last.out"
expect 'the node comes back' lab apply -f "$T/lab.yaml" --allow restart
sed "s/name: $LAB/name: linux/; s/kind: nfguest, cmdline: mode=idle/image: i/" "$T/lab.yaml" >"$T/linux.yaml"
printf 'images:\n  i: { kernel: /dev/null }\n' >>"$T/linux.yaml"
fails_with 'a KVM that is not fit is told before anything starts' 1 \
	'no node can be started: KVM here is too slow' env FAKE_UNFIT=1 netcfg --bindir "$T/bin" apply -f "$T/linux.yaml"
expect 'and nothing did' test ! -e "$XDG_RUNTIME_DIR/weft/labs/linux"
lab_of denied a >"$T/denied.yaml"
expect 'but bare-metal guests run on it' env FAKE_UNFIT=1 netcfg --bindir "$T/bin" apply -f "$T/denied.yaml"
expect 'that lab goes' lab -q destroy denied
for slow in '' --slow-kvm; do
	fails_with "one that this user may not have is told for any guest ${slow:-at all}" 1 \
		'no node can be started: KVM: permission denied' \
		env FAKE_DENIED=1 netcfg --bindir "$T/bin" apply -f "$T/denied.yaml" $slow
done
expect 'with the hint' grep -qx 'netcfg: hint: be in the group kvm' "$T/last.out"
expect 'and nothing started' test ! -e "$XDG_RUNTIME_DIR/weft/labs/denied"
sed 's,/dev/null,/nonexistent,' "$T/linux.yaml" >"$T/missing.yaml"
fails_with 'an image that is missing fails the plan' 2 'missing.yaml:.*nonexistent' lab plan -f "$T/missing.yaml"

# --- sockets that somebody serves ---
serve() { # NAME PATH
	start "$1" python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
time.sleep(10 ** 6)' "$2"
	within 30 test -S "$2"
}
serve ext "$T/ext.sock"
{
	lab_of taken a
	printf '  - { endpoints: [ext, br0] }\nports:\n  ext: { type: vhost-user, path: %s }\n' "$T/ext.sock"
} >"$T/taken.yaml"
taken="port 'ext': socket '$T/ext.sock': a running program serves it"
fails_with 'a socket that somebody serves is told before anything starts' 1 "$taken" lab apply -f "$T/taken.yaml"
expect 'and nothing did' test ! -e "$XDG_RUNTIME_DIR/weft/labs/taken"
fails_with 'by the plan as well' 1 "$taken" lab plan -f "$T/taken.yaml"
stop ext
expect 'a dead one is no matter' lab apply -f "$T/taken.yaml"
expect 'nor the one that the lab itself serves' lab plan -f "$T/taken.yaml" --exit-code
sed 's/  ext:/  new:/; s/\[ext,/[new,/' "$T/taken.yaml" >"$T/renamed.yaml"
expect 'whatever the port is called' lab apply -f "$T/renamed.yaml"
expect 'that lab goes' lab destroy taken
touch "$T/file"
sed "s,$T/ext.sock,$T/file," "$T/taken.yaml" >"$T/file.yaml"
fails_with 'a file in the place of a socket is told, too' 1 "port 'ext': .*something else is there" \
	lab plan -f "$T/file.yaml"
serve console "$XDG_RUNTIME_DIR/weft/labs/$LAB/d.console"
lab_of $LAB a b c d >"$T/more.yaml"
fails_with 'a console that somebody serves' 1 "node 'd': console '.*d.console': a running program serves it" \
	lab apply -f "$T/more.yaml"
expect 'is left alone' test -S "$XDG_RUNTIME_DIR/weft/labs/$LAB/d.console"
expect 'and nothing was done' lab plan -f "$T/lab.yaml" --exit-code
stop console

# --- a node that is waited for ---
lab_of mute m n | sed 's/  m: {}/  m: { cmdline: fake=mute }/' >"$T/mute.yaml"
LAB=mute
lab -q apply -f "$T/mute.yaml"
start waiting script -qfc "stty cols 80; exec netcfg --bindir $T/bin -L mute wait --timeout=86400" "$T/waiting"
expect 'a terminal is told who is waited for' within 10 grep -q 'waiting for m (1 of 2 ready), [0-9]*s' "$T/waiting"
stop waiting
fails_with 'elsewhere nothing is said before the end' 4 '^netcfg: error: node .m. not ready after 2 s' \
	lab -L mute wait --timeout=2
refuse 'and no progress' grep -q 'ready),' "$T/last.out"
expect 'that lab goes' lab -q destroy mute
LAB=daemons

# --- commands in a node ---
lab_of shell s | sed 's/mode=idle/fake=shell/' >"$T/shell.yaml"
LAB=shell
lab -q apply -f "$T/shell.yaml"
in_s() {
	lab -L shell exec "$@"
}
# What a person sees of the console: as a terminal that does what the stream says.
seen() {
	python3 - "$XDG_RUNTIME_DIR/weft/labs/shell/s.serial" <<'PY'
import re, sys
data = open(sys.argv[1], "rb").read().decode()
lines, row = [""], 0
for part in re.findall(r"\x1b_[^\x1b]*\x1b\\|\x1b\[[0-9;]*[A-Za-z]|.", data.replace("\r", ""), re.S):
    if part.startswith("\x1b_") or part.endswith("[6n"):
        continue
    if part == "\x1b[A":
        row -= 1
    elif part == "\x1b[2K":
        lines[row] = ""
    elif part == "\n":
        row += 1
        lines[row:] = lines[row:] or [""]
    else:
        lines[row] += part
print("\n".join(lines))
PY
}
expect 'exec passes on what a command prints' eval '[[ $(in_s s -- echo it works) == "it works" ]]'
fails_with 'and its status' 7 '' in_s s 'echo out; exit 7 # at the end'
expect 'a command of several lines, with a tab' eval '[[ $(in_s s "printf \"a\\tb\"
echo c") == "a	bc" ]]'
fails_with 'one that does not end' 4 'did not end in 1 s' in_s --timeout=1 s -- sleep 1000
expect 'leaves a shell that echoes and takes the next' eval 'in_s s -- stty -a -F /dev/tty | grep -qw -- "echo"'
lab -L shell console s <<<'echo "typed by hand"' >"$T/console.txt"
expect 'nothing of all that is seen on the console but what was asked for' \
	eval '! seen | grep -E "stty -echo|printf|eval" && seen | grep -x "it works"'
# It is asked more than once, and finds all at a time.
shell=$(pgrep -P "$(cut -d' ' -f1 "$XDG_RUNTIME_DIR/weft/labs/shell/s.pid")" -f 'ash -i')
kill -STOP "$shell"
start late netcfg --bindir "$T/bin" -L shell exec --timeout="$WAIT" s -- echo at last
sleep 5
kill -CONT "$shell"
wait "${PID[late]}" || true
unset 'PID[late]'
expect 'a shell that is late to answer does the command' grep -qx 'at last' "$T/late.log"
expect 'and takes nothing of what was typed meanwhile for one' eval '! seen | grep "not found"'
expect 'what a person types is' eval 'seen | grep "echo \"typed by hand\"$"'
expect 'that lab goes' lab -q destroy shell
LAB=daemons

# --- a switch that was killed ---
kill -KILL "$(pid_of vswitch)"
expect 'the plan is to start it, not to add what it brings back' \
	json '[.changes[] | [.object, .name, .change]] == [["switch", "vswitch", "~"]]' lab -j plan -f "$T/lab.yaml"
expect 'apply does' lab apply -f "$T/lab.yaml"
expect 'and nothing is left to do' lab plan -f "$T/lab.yaml" --exit-code

# --- another lab of the same name ---
mkdir "$T/other"
lab_of $LAB x y >"$T/other/lab.yaml"
fails_with 'another file with the name of a lab that runs stops none of its nodes' 1 \
	"lab '$LAB': it runs from '$T/lab.yaml', and its nodes would stop: a, b, c" lab apply -f "$T/other/lab.yaml"
expect 'and changes nothing' lab plan -f "$T/lab.yaml" --exit-code
lab_of $LAB a b >"$T/fewer.yaml"
mv "$T/fewer.yaml" "$T/lab.yaml"
fails_with 'neither does the same file without a node' 1 "lab '$LAB': nodes would stop: c" lab apply -f "$T/lab.yaml"
expect 'the plan says what it costs' \
	json '.cost == "stop" and any(.changes[]; .name == "c" and .cost == "stop")' lab -j plan -f "$T/lab.yaml"
expect 'with leave it does' lab apply -f "$T/lab.yaml" --allow stop
expect 'and the node is gone' json '[.nodes[].name] == ["a", "b"]' lab -j status

# --- the run directory is taken away, as the end of a login does ---
daemons() { # how many run
	pgrep -cf -- "--control $XDG_RUNTIME_DIR/weft/labs/"
}
rm -r "$XDG_RUNTIME_DIR/weft"
gone="lab '$LAB': its run directory was removed while it ran, and these still run: .*vswitch \\("
fails_with 'the plan says which daemons still run' 1 "$gone" lab plan -f "$T/lab.yaml"
fails_with 'apply starts no second set' 1 "$gone" lab apply -f "$T/lab.yaml"
expect 'and leaves no directory' test ! -e "$XDG_RUNTIME_DIR/weft/labs/$LAB"
fails_with 'status says so, too' 1 "$gone" lab status $LAB
expect 'status lists it' eval 'lab status | grep -q "still run: .*vswitch ("'
expect 'with what to do' eval "lab status | grep -qF 'end them: \`netcfg destroy $LAB\`'"
fails_with 'it is not well' 3 '' lab status --check
expect 'programs are told, too' json \
	'.lab == "daemons" and .well == false and ([.orphans[].name] | sort) == ["a", "b", "vswitch"]' lab -j status
fails_with 'a command on the only lab says why there is none' 1 "$gone" lab node show
lab_of beside z >"$T/beside.yaml"
expect 'another lab starts' lab apply -f "$T/beside.yaml"
labs_shown() {
	lab -j status | jq -r '"\(.lab) \(.orphans | length)"' | paste -sd,
}
expect 'and stands in the list, too' eval '[[ $(labs_shown) == "beside 0,daemons 3" ]]'
expect 'it goes' lab destroy beside
expect 'they run still' eval '(($(daemons) == 3))'
expect 'destroy ends them' eval "lab destroy $LAB | grep -q 'its run directory was gone'"
expect 'all of them' eval '(($(daemons) == 0))'
expect 'of a lab that is gone destroy says so' eval "lab destroy $LAB | grep -q 'does not run'"
start contained unshare --mount python3 -c 'import time; time.sleep(3600)' \
	--control "$XDG_RUNTIME_DIR/weft/labs/$LAB/contained.sock"
expect 'a daemon in a container is there' within 20 pgrep -f -- '^[^ ]*python3[^ ]* -c .*/contained.sock'
expect 'the lab starts again beside it' lab apply -f "$T/lab.yaml"
expect 'destroy' lab destroy
expect 'lets it be' kill -0 "${PID[contained]}"
stop contained
LAB_FILE=

# --- a user whose switch may make taps ---
# Of a program with capabilities of its file (setcap) /proc shows its user less.
if ((EUID == 0)); then
	chmod 755 "$T"
	mkdir -p "$T/user/bin" "$T/user/run"
	cp "$BUILD/netcfg/netcfg" "$BUILD/vswitch/vswitch" "$INTEG/fake_vmm.py" "$T/lab.yaml" "$T/user/bin/"
	mv "$T/user/bin/fake_vmm.py" "$T/user/bin/vmm"
	touch "$T/user/bin/nfguest"
	chown -R 65534 "$T/user"
	chmod 700 "$T/user/run"
	python3 -c 'import os, struct, sys # cap_net_admin, cap_net_raw, effective
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 12 | 1 << 13, 0, 0, 0))' \
		"$T/user/bin/vswitch"
	user() {
		setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_RUNTIME_DIR="$T/user/run" "$@"
	}
	of_user() { # PATTERN of a daemon
		pgrep -u 65534 -f -- "--control $T/user/run/weft/labs/$LAB/$1"
	}
	expect 'a lab of an ordinary user comes up' user "$T/user/bin/netcfg" apply "$T/user/bin/lab.yaml"
	rm -r "$T/user/run/weft"
	expect 'its switch is named, too, when its run directory is gone' \
		eval 'user "$T/user/bin/netcfg" status | grep -q "still run: .*vswitch ("'
	expect 'and ended' user "$T/user/bin/netcfg" destroy "$LAB"
	refuse 'with all others' of_user ''
	pkill -u 65534 -f -- "--control $T/user/run" || true
fi

# --- a disk without room, at any moment of the start ---
# full_disk FREE: apply in a file system of its own that has so many pages left; whatever runs then is known by its
# pid file, and once there is room a second apply does the rest.
full_disk() {
	local dir=$XDG_RUNTIME_DIR name
	mount -t tmpfs -o size=512k none "$dir"
	head -c $((512 * 1024 - 4096 * $1)) /dev/zero >"$dir/filler"
	if lab -q apply -f "$T/lab.yaml" 2>"$T/full.err"; then
		printf 'with %s pages there is room\n' "$1"
	else
		grep -q 'error:' "$T/full.err"
	fi
	for name in $(pgrep -f -- "--control $dir/weft/labs/"); do
		grep -q "^$name " "$dir/weft/labs/$LAB/"*.pid
	done
	rm "$dir/filler"
	lab -q apply -f "$T/lab.yaml"
	[[ $(lab -j status | jq '[.nodes[] | select(.state == "running")] | length') == 2 ]]
	lab -q destroy
	! pgrep -f -- "--control $dir/weft/labs/"
}
if unshare --user --map-root-user --mount true 2>/dev/null; then
	export -f full_disk lab
	export T LAB
	for free in {0..8}; do
		expect "with room for $free pages nothing runs that is not known" \
			unshare --user --map-root-user --mount bash -euc "full_disk $free"
	done
fi
finish
