#!/bin/bash
# The example lab whose bridge has a tap of this host: the host and KVM guests reach each other, a file
# goes over TCP unharmed both ways, with the offloads that both ends have, and the tap goes with the lab.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm vswitch netcfg ip busybox
begin
cd "$ROOT"
lab_up labs/host-tap.yaml
host_ping() {
	busybox ping -c 2 -W 2 "$1"
}
expect 'the host reaches h1' within 10 host_ping 10.0.0.1
expect 'the host reaches h2' within 10 host_ping 10.0.0.2
expect 'h2 reaches the host' node h2 ping -c 2 -W 2 10.0.0.254
expect 'everything is well' netcfg status --check
expect 'a second apply has nothing to do' netcfg plan -f labs/host-tap.yaml --exit-code

head -c 4M /dev/urandom >"$T/sent"
expect 'h1 has a file of the host unharmed' tcp_intact 'bash -c' 'node h1' 10.0.0.254 "$T/sent" /tmp/got
expect 'and the host has it back' tcp_intact 'node h1' 'bash -c' 10.0.0.1 /tmp/got "$T/back"

expect 'destroy succeeds' netcfg destroy -f labs/host-tap.yaml
refuse 'the tap is gone' ip link show host0
finish
