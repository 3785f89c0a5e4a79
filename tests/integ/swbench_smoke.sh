#!/bin/bash
# swbench suite smoke against our switch, natively, and what it leaves behind: every verb came to a
# finding, and what does not depend on speed is right. Wrong arguments, Ctrl-C, thresholds, compare.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require python3 jq
(($(nproc) > 1)) || skip 'one core: tester and switch would share it'
begin
swbench() { "$ROOT/tools/swbench" "$@" --build "$BUILD"; }
# finding JQ: of the suite's result.
finding() { jq -e "$1" "$T/smoke/result.json" >/dev/null; }

# status_is STATUS CMD...: does the command end with it?
status_is() {
	local wanted=$1 got=0
	shift
	"$@" || got=$?
	((got == wanted))
}

# A busy machine may make trials invalid and fail what is about speed: exit status 1.
status=0
swbench suite smoke --share-cores --quiet --output "$T/smoke" >"$T/smoke.log" 2>&1 || status=$?
expect 'the suite ends by itself' eval '((status <= 1))'
expect 'it is complete' finding '.state == "complete"'
expect 'every verb came to a finding' finding '[.findings[].verb] == ["calibrate", "loss",
	"latency", "broadcast", "mac-capacity", "congestion", "errored", "reset"]'
expect 'no verb broke off' finding 'all(.findings[]; .rows | length > 0)'
expect 'the tester was measured first' finding '.calibration.pps > 0 and .trials[0].verb == "calibrate"'
expect 'results say that cores were shared' finding 'all(.trials[]; .shared)'
expect 'tester and switch counted the same frames' \
	finding 'any(.trials[]; .invalid | test("counted") | not)'
# told VERB JQ: it is so, or the machine was too busy for a trial of the verb to tell.
told() {
	finding "($2) or any(.trials[]; .verb == \"$1\" and (.invalid != \"\" or .tester_bound or .run_share < 0.99))"
}
expect '4,096 addresses are learned' told mac-capacity '.figures.mac_capacity == 4096'
expect 'bad frames are dropped, good ones pass' told errored '.figures.errored_wrong == 0'
expect 'no broadcast comes back' told broadcast 'any(.findings[]; .verb == "broadcast" and .passed)'
expect 'the switch comes back, however it was ended' \
	finding '.figures.reset_sigterm_ms > 0 and .figures.reset_sigkill_ms > 0'
expect 'nothing was damaged, doubled or out of order' \
	finding 'all(.trials[]; .corrupted + .duplicated + .reordered == 0)'
for file in trials.csv latency.hgrm junit.xml report.html report.md; do
	expect "$file is there" test -s "$T/smoke/$file"
done
expect 'the report is one file' eval '! grep -qE "(src|href)=[\"'\'']?[^#\"'\'']" "$T/smoke/report.html"'
expect 'a run is compared with itself' \
	eval '[[ $("$ROOT/tools/swbench" compare "$T/smoke" "$T/smoke") == *"| mac_capacity | "* ]]'

for place in same different; do
	mkdir "$T/$place"
	jq --arg place "$place cache" '.trials[] |= (.place = $place | .invalid = "")' "$T/smoke/result.json" >"$T/$place/result.json"
done
expect 'runs with the cores in one cache compare' \
	eval '! "$ROOT/tools/swbench" compare "$T/different" "$T/different" | grep -q "do not compare"'
expect 'runs with the cores in the same and in different ones do not' \
	eval '"$ROOT/tools/swbench" compare "$T/different" "$T/same" | grep -q "do not compare"'

# Devices in turns. A busy machine disturbs every window: there may be no figure, but there is a run.
expect 'a suite in turns ends by itself' swbench suite cycles rate tso --dut weft --trials 1 --duration 0.2 --quiet \
	--output "$T/turns"
# turns JQ: of its result.
turns() { jq -e "$1" "$T/turns/result.json" >/dev/null; }
expect 'its tables are findings' turns '.state == "complete" and [.findings[].verb] == ["cycles", "rate", "tso"]'
expect 'every load was run' turns '.runs | length == 8 and all(.result.windows | length > 0)'
expect 'a cycle is counted' turns '.figures.cycles_bridge_split > 0'
printf '%s\n' '# A document' '<!-- swbench: begin -->' '<!-- swbench: end -->' >"$T/doc.md"
expect 'the report goes into a document' swbench report "$T/turns" --into "$T/doc.md"
expect 'with its tables' grep -q '^### Rate, Mpps$' "$T/doc.md"

expect 'a size that there is not is refused' status_is 2 swbench mrr --size 20
expect 'a cache of cores that are shared is refused' status_is 2 swbench mrr --share-cores --cache same
expect 'a verb that there is not is refused' status_is 2 swbench nonsense
expect 'a threshold that is not met fails' status_is 1 swbench mrr --quick --trials 1 --share-cores --quiet --output "$T/limit" \
	--fail-if 'mrr_mpps<1e6'
expect 'the threshold is in the report' grep -q 'mrr_mpps&lt;' "$T/limit/junit.xml"

start soak "$ROOT/tools/swbench" mrr --duration 60 --share-cores --output "$T/partial" \
	--build "$BUILD"
expect 'a run begins' within 20 grep -q 'swbench: mrr' "$T/soak.log"
kill -s INT "${PID[soak]}" 2>/dev/null || true
status=0
wait "${PID[soak]}" || status=$?
unset 'PID[soak]'
expect 'Ctrl-C ends it' eval '((status == 130))'
expect 'and a partial report is written' \
	eval '[[ $(jq -r .state "$T/partial/result.json") == interrupted ]]'
finish
