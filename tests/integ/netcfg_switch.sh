#!/bin/bash
# Commands to a switch that runs, as people type them: several names, a bridge with its ports, events
# that say what changed, tables on terminals.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg jq script
begin
switch_up
vs bridge add br0
for i in 1 2 3 4; do
	vs port add "p$i" bridge br0 path "$T/p$i.sock" tag 10
done
names() {
	vs -j port show "$@" | jq -r '[.[].name] | join(" ")'
}

# --- several names --------------------------------------------------------------------------------

expect 'one table of two ports, as they are named' test "$(names p3 p1)" = 'p3 p1'
fails_with 'one of them is none' 1 "port 'p9' not found" vs port show p1 p9
expect 'two ports go down' vs port down p1 p2
expect 'both, and no others' json '[.[] | .enabled] == [false, false, true, true]' vs -j port show
fails_with 'what fails for one' 1 "port 'p9' not found" vs port del p1 p9 p2
expect 'is done for the others' test "$(names)" = 'p3 p4'

# --- events ---------------------------------------------------------------------------------------

start watch vs port watch
# shellcheck disable=SC2034 # the line below counts it
mtu=1400
# Until it hears, since nothing says that it listens.
# shellcheck disable=SC2016
within 10 eval 'vs port set p3 mtu $((mtu++)); [[ -s $T/watch.log ]]'
vs port set p3 tag 20
vs port set p4 trunks 10,20 native 10
expect 'an event says what changed' within 5 grep -qx 'port p3 changed: tag 10 -> 20' "$T/watch.log"
expect 'and all of it' within 5 grep -q 'port p4 changed: .*tag 10 -> -.*trunks - -> 10,20' "$T/watch.log"
stop watch
start json vs -j monitor
start some vs monitor br port
# Until both hear, as above.
# shellcheck disable=SC2016
within 10 eval 'vs port set p3 mtu $((mtu++)); [[ -s $T/json.log && -s $T/some.log ]]'
vs bridge add last
expect 'events are JSON lines' within 10 eval 'jq -e "select(.object == \"bridge\" and .name == \"last\")" "$T/json.log"'
expect 'numbered without a gap' json '[.[].seq] | . == [range(.[0]; .[0] + length)]' jq -s . "$T/json.log"
expect 'of some objects, by short names' within 10 grep -qx 'bridge last added' "$T/some.log"
vs bridge del last
fails_with 'a command is no object' 2 "monitor: 'apply' is no object" vs monitor apply
stop json
stop some

# --- rates ----------------------------------------------------------------------------------------

expect 'rates are there after two seconds' within 10 \
	json '.[] | select(.name == "p3") | .rx_bits_1s == 0 and .tx_frames_10s == 0' vs -j port stats --rate
expect 'and live in a pipe, a table each time' \
	eval '(timeout -s INT "$WAIT" netcfg -S "$T/vs.sock" port show p3 --rate -w0.1 || true) | grep -m3 -c "^PORT .*IN-BIT/S" | grep -qx 3'

# --- tables ---------------------------------------------------------------------------------------

# on_terminal COLUMNS COMMAND: what it prints on one, without colours.
on_terminal() {
	script -qec "stty cols $1; $2" /dev/null </dev/null | sed 's/\x1b\[[0-9]*m//g' | tr -d '\r'
}
vs port add far type af-packet dev nosuch0 bridge br0 >/dev/null 2>&1 || true
vs port add away mode client path "$T/a-path-of-some-length/that-nobody-made.sock" bridge br0
for table in 'port show' 'port stats' 'port stats --rate' 'bridge show' 'link show' 'vlan show' 'fdb show' 'worker show'; do
	expect "$table: a terminal of 80 columns holds it" \
		test -z "$(on_terminal 80 "netcfg -S $T/vs.sock $table" | grep -v '^away: ' | LC_ALL=C.UTF-8 grep -E '^.{81}')"
done
expect 'what is wrong with a port stands below' \
	eval 'vs port show | grep -q "^away: .*that-nobody-made.sock failed: No such file"'
expect 'states have colours there' \
	test -n "$(script -qec "netcfg -S $T/vs.sock port show" /dev/null </dev/null | grep -F $'\e[31mdown')"
expect 'and none elsewhere' test -z "$(vs port show | grep -F $'\e')"

# --- completion -----------------------------------------------------------------------------------

# offers LINE: what bash has at its end, which it cuts at = and : as well.
offers() {
	bash -c 'source <(netcfg completion bash)
		COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=0 COMP_WORDS=("${1##*[ =:]}")
		[[ $1 != *= ]] || COMP_WORDS=(=)
		_netcfg netcfg
		printf "%s\n" "${COMPREPLY[@]}" | paste -sd" "' - "$1"
}
expect 'names are those of the switch that the line means' \
	test "$(offers "netcfg -S $T/vs.sock port show aw")" = away
expect 'where they belong' test "$(offers "netcfg -S $T/vs.sock port set p3 bridge ")" = br0
expect 'verbs, behind an option and its value' test "$(offers 'netcfg -L x port dr')" = drops
expect 'values' test "$(offers 'netcfg port set p3 vlan-mode native-')" = 'native-tagged native-untagged'
expect 'what stands behind = alone is completed' test "$(offers 'netcfg --color=ne')" = never
expect 'and after it' test "$(offers 'netcfg --color=')" = 'auto always never'
touch "$T/a lab.yaml"
expect 'files, as they are called' test "$(offers "netcfg apply $T/a")" = "$T/a lab.yaml"
expect 'nothing where nothing may stand' test -z "$(offers 'netcfg port add ')"

# --- again and again ----------------------------------------------------------------------------

start watched script -qfc "stty cols 80 rows 10; exec netcfg -S $T/vs.sock -w=0.2 bridge show" "$T/watched"
expect 'a table is shown' within 10 grep -q br0 "$T/watched"
vs bridge add later
expect 'and again when something changed' within 10 grep -q later "$T/watched"
stop watched
expect 'each frame is drawn over the one before' \
	eval "grep -o \$'\\e\\[H' '$T/watched' | wc -l | grep -qv '^[01]\$'"
expect 'under a line that says what it is' grep -q 'every 0.2 s: netcfg bridge show' "$T/watched"
vs bridge del later
expect 'elsewhere it is appended, plain' eval '[[ $(vs -w=0.1 bridge show | head -n 40 | grep -c "^BRIDGE") -gt 1 ]]'
expect 'without escapes' eval '! vs -w=0.1 bridge show | head -n 40 | grep -qF $'"'\\e'"
fails_with 'what shows nothing is not done again and again' 2 "'add' is nothing to show again" vs -w bridge add twice
fails_with 'nor is what never ends' 2 "prints events as they come" vs -w port watch

# --- a bridge with its ports ----------------------------------------------------------------------

fails_with 'a bridge with ports stays' 1 'hint: .*bridge del br0 --force' vs bridge del br0
vs bridge add br1
vs port add other bridge br1 path "$T/other.sock"
expect 'it goes with its ports' vs bridge del br0 --force
expect 'and with no others' test "$(names)" = other
finish
