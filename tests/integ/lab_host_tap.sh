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
md5sum <"$T/sent" >"$T/want"
# A nc whose own input has ended takes one buffer and leaves.
node h1 '(sleep 100 | nc -l -p 5000 >/tmp/got) & sleep 1'
send() {
	timeout 60 busybox nc -w 20 10.0.0.1 5000 <"$T/sent"
}
guest_has_it() {
	node h1 'md5sum </tmp/got' | grep -qFf "$T/want"
}
host_has_it() {
	md5sum <"$T/back" | grep -qFf "$T/want"
}
expect 'the host sends a file' send
expect 'h1 has it unharmed' within 10 guest_has_it
start receiver bash -c "sleep 100 | busybox nc -l -p 5001 >'$T/back'"
sleep 1
expect 'h1 sends it back' node h1 'timeout 60 nc -w 20 10.0.0.254 5001 </tmp/got'
expect 'the host has it unharmed' within 10 host_has_it

expect 'destroy succeeds' netcfg destroy -f labs/host-tap.yaml
refuse 'the tap is gone' ip link show host0
finish
