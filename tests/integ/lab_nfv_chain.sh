#!/bin/bash
# The example of a service chain: swbench measures a Linux router and a forwarder behind it.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg vmm python3 jq
begin
PATH=$ROOT/tools:$PATH
lab_up "$ROOT/labs/nfv-chain.yaml"
cd "$T"
expect 'the steps of the example pass' \
	eval "sed 's|--share-cores|--share-cores --build $BUILD|' '$ROOT/labs/nfv-chain.yaml' |
		sed 's|\.\./build|$ROOT/build|g' >lab.yaml && netcfg test -f lab.yaml --quiet"
expect 'frames were routed' json '.figures.mrr_mpps > 0' cat nfv-chain-test/throughput/result.json
jq -r '"      measured: \(.figures.mrr_mpps) Mpps through router and forwarder"' nfv-chain-test/throughput/result.json
routed=$(node r1 cat /proc/net/snmp | awk '/^Ip: [0-9]/ { print $7 }')
expect 'the router counts them' test "$routed" -gt 100
expect 'destroy' netcfg destroy
finish
