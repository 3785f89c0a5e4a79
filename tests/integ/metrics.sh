#!/bin/bash
# Metrics of a switch, read by parsers that this project did not write, and by clients that do no such
# thing: valid in both formats, and the same numbers that netcfg shows.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg jq curl python3
/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || skip 'python3-prometheus-client is not installed'
begin
switch_up --metrics "unix:$T/m.sock"
vs bridge add br0
vs port add p0 bridge br0 path "$T/p0.sock" count all
for i in 1 2 3; do
	vs port add "p$i" bridge br0 path "$T/p$i.sock"
done
vs port add 'a"b\c' path "$T/odd.sock"
vs port add l2 path "$T/l2.sock"
vs link add 'l,{}' 'a"b\c' l2

# scrape CURL-OPTION...: the whole answer's body.
scrape() {
	curl -sf --unix-socket "$T/m.sock" "$@" http://switch/metrics
}

# --- what they are ---------------------------------------------------------------------------------

scrape -H 'Accept: application/openmetrics-text' >"$T/open.txt"
scrape >"$T/older.txt"
cat >"$T/parse.py" <<'PYTHON'
"""usage: parse.py FILE: the samples as JSON, by name and then by labels; fails on what is not OpenMetrics"""
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
found = {}
for family in text_string_to_metric_families(open(sys.argv[1], encoding="utf-8").read()):
    assert family.documentation, family.name
    for sample in family.samples:
        found.setdefault(sample.name, []).append({**sample.labels, "value": sample.value})
json.dump(found, sys.stdout)
PYTHON
expect 'it is OpenMetrics' eval '/usr/bin/python3 "$T/parse.py" "$T/open.txt" >"$T/open.json"'
expect 'the other format is no OpenMetrics' \
	eval '! /usr/bin/python3 "$T/parse.py" "$T/older.txt" >/dev/null 2>&1'
if command -v promtool >/dev/null; then
	expect 'it is what Prometheus reads, and finds nothing to complain about' \
		eval 'promtool check metrics <"$T/older.txt"'
fi
expect 'names are whole, whatever is in them' \
	json '[.weft_link_carrier[] | [.link, .a, .b]] == [["l,{}", "a\"b\\c", "l2"]]' cat "$T/open.json"

# --- the same numbers ------------------------------------------------------------------------------

stats() {
	vs -j port stats | jq -c '[.[] | [.name, .rx_frames, .tx_bytes]]'
}
expect 'counters are those of port stats' json "[.weft_port_rx_frames_total, .weft_port_tx_bytes_total] |
	transpose | map([.[0].port, .[0].value, .[1].value]) == $(stats)" cat "$T/open.json"
expect 'every reason to drop is there, of every port, before it happens' \
	json '[.weft_port_dropped_frames_total | group_by(.port)[] | length] | length == 6 and unique[0] > 20 and
		(unique | length) == 1' cat "$T/open.json"
expect 'sizes are those of the port that counts them' \
	json '[.weft_port_size_frames_total[] | .port] | length == 14 and unique == ["p0"]' cat "$T/open.json"
expect 'a state is one of its names' \
	json '[.weft_port_state[] | select(.port == "p1" and .value == 1) | .state] == ["listening"]' cat "$T/open.json"

# --- clients that are none -------------------------------------------------------------------------

for ((i = 0; i < 20; i++)); do
	start "idle$i" socat -u "UNIX-CONNECT:$T/m.sock" -
done
expect 'others are served beside many that say nothing' within 10 scrape
for ((i = 0; i < 20; i++)); do
	stop "idle$i"
done
expect 'and so is netcfg' vs port show

# --- where ----------------------------------------------------------------------------------------

fails_with 'addresses are of this host' 2 'is no address of this host alone' \
	vswitch --control "$T/x.sock" --metrics 0.0.0.0:9100
fails_with 'one address is for one' 1 'a running program serves it' \
	vswitch --control "$T/x.sock" --metrics "unix:$T/m.sock"
stop vswitch
expect 'its socket goes with it' test ! -e "$T/m.sock"
finish
