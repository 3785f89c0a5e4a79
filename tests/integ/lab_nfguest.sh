#!/bin/bash
# A lab of guests without Linux, natively: two forwarders in a row between ports of the tester, netcfg
# test measures what passes, and says what fails.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vswitch netcfg vmm python3 jq
[[ -r /dev/kvm && -w /dev/kvm ]] || skip 'no /dev/kvm'
(($(nproc) > 1)) || skip 'one core: tester and guests would share it'
begin
PATH=$ROOT/tools:$PATH
cd "$T"
cat >lab.yaml <<EOF
version: 1
name: chain
nodes:
  fw1..2: { kind: nfguest, cmdline: mode=fwd }
ports:
  in:  { type: vhost-user, path: in.sock, mode: server }
  out: { type: vhost-user, path: out.sock, mode: server }
links:
  - endpoints: [in, fw1:eth1]
  - endpoints: [fw1:eth2, fw2:eth1]
  - endpoints: [fw2:eth2, out]
test:
  - name: rate
    swbench: mrr --quick --trials 1 --share-cores --build $BUILD
    ports: [in, out]
  - name: limit
    swbench: mrr --quick --trials 1 --share-cores --build $BUILD --fail-if mrr_mpps<1000
    ports: [in, out]
EOF
lab_up lab.yaml
expect 'forwarders are ready at once' netcfg wait fw1 fw2
expect 'their console says so' eval 'netcfg console fw1 --log | grep -q "\"mode\":\"fwd\",\"ready\":1"'
expect 'a second apply has nothing to do' netcfg plan -f lab.yaml --exit-code
expect 'a dry run shows the command' \
	eval 'netcfg test -f lab.yaml --dry-run | grep -q "swbench mrr .*--dut external --socket .*in.sock"'
status=0
netcfg test -f lab.yaml --quiet >test.log 2>&1 || status=$?
expect 'a test with a step that fails fails' eval '((status == 1))'
expect 'a step that is met is ok' grep -qx 'ok    rate' test.log
expect 'one that is not is named' grep -q '^FAIL  limit: status 1$' test.log
expect 'frames passed both guests' json '.figures.mrr_mpps > 0 and
	all(.trials[]; .corrupted + .duplicated + .misrouted == 0)' cat chain-test/rate/result.json
expect 'JSON has both' json 'map([.name, .passed]) == [["rate", true], ["limit", false]]' \
	eval 'netcfg test -f lab.yaml --quiet --json 2>/dev/null || true'
expect 'a guest is asked to end by its power button' netcfg node stop fw1
expect 'and does' within 20 eval 'netcfg console fw1 --log | grep -q "\"exit\":"'
expect 'destroy' netcfg destroy
fails_with 'a test of a lab that does not run' 1 "lab 'chain': does not run" netcfg test -f lab.yaml
fails_with 'a lab without a test' 1 'has no test' netcfg test -f "$ROOT/labs/direct.yaml"
LAB_FILE=
finish
