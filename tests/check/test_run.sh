#!/bin/bash
# The parts of tools/test: what is left behind is told, thing by thing, and what comes of a session
# counts for each of its tests.
set -euo pipefail
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
bad=0
check() { # TEXT CMD...
	local text=$1
	shift
	if "$@"; then
		printf 'ok    %s\n' "$text"
	else
		printf 'FAIL  %s\n' "$text"
		bad=1
	fi
}

# runs PID: what was started in the background is itself by now, with its own environment.
runs() {
	until [[ $(<"/proc/$1/comm") == sleep ]]; do
		sleep 0.01
	done
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# --- what is left behind --------------------------------------------------------------------------

export WEFT_TEST_RUN=$$-of-check
unset WEFT_TEST_ALONE
leftovers=$root/tools/test.d/leftovers
"$leftovers" note "$folder/before"
check 'nothing is left where nothing was' test -z "$("$leftovers" list "$folder/before" 0)"
sleep 600 &
pid=$!
runs $pid
check 'a process is, by its environment' test "$("$leftovers" list "$folder/before" 0)" = 'process sleep 600 '
kill $pid
wait $pid 2>/dev/null || true
WEFT_TEST_RUN=other sleep 600 &
pid=$!
runs $pid
check 'that of another run is not' test -z "$("$leftovers" list "$folder/before" 0)"
kill $pid

if ((EUID == 0)) && unshare --net --mount true 2>/dev/null; then
	export WEFT_TEST_ALONE=yes
	unshare --net --mount bash -c '
		"$1" note "$2/before"
		mkdir "$2/mounted"
		mount -t tmpfs left "$2/mounted"
		ip link add left0 type dummy 2>/dev/null || ip tuntap add dev left0 mode tap
		: >/dev/shm/left-$$
		"$1" list "$2/before" 0
		rm /dev/shm/left-$$' - "$leftovers" "$folder" >"$folder/list"
	check 'a mount is' grep -qx "mount $folder/mounted" "$folder/list"
	check 'an interface is' grep -qx 'interface left0' "$folder/list"
	check 'a file of shared memory is' grep -qx 'file /dev/shm/left-[0-9]*' "$folder/list"
	check 'and nothing else' test "$(grep -vc '^file /tmp/' "$folder/list")" = 3 # /tmp is everybody's here
fi

# --- results --------------------------------------------------------------------------------------

mkdir "$folder/meson-logs"
cat >"$folder/meson-logs/testlog.json" <<'LOG'
{"name": "one", "result": "OK", "duration": 1.5, "stdout": "ok 1 - fine\n", "stderr": ""}
{"name": "two", "result": "FAIL", "duration": 2, "stdout": "ok 1 - a\nnot ok 2 - b\n", "stderr": ""}
{"name": "three", "result": "SKIP", "duration": 0.1, "stdout": ""}
{"name": "session", "result": "FAIL", "duration": 9, "stdout": "session: x begins\nok    a\nsession: x passed 4\nsession: y begins\nFAIL  c\nsession: y failed 5\n"}
{"name": "dead", "result": "TIMEOUT", "duration": 9, "stdout": "session: z begins\nok    a\nsession: z passed 4\nsession: w begins\n"}
LOG
"$root/tools/test.d/results" "$folder" "$folder/results" "$folder/failures"
check 'each test counts, and each of a session' test "$(cut -f 1,2 "$folder/results" | tr '\t\n' ' ,')" = \
	'passed 1.5,failed 2.0,skipped 0.1,passed 4.0,failed 5.0,passed 4.0,failed 9.0,'
check 'a failure names its checks' grep -qx '    not ok 2 - b' "$folder/failures"
check 'in a session, those of its own test' test "$(grep -c FAIL "$folder/failures")" = 1
exit $bad
