#!/bin/bash
# vmm's NICs on a back-end that this project did not write, DPDK testpmd, on a socket where it listens
# and on one where it connects: a Linux guest reaches a guest without an operating system through it,
# also after it was killed and started again under both. vmm_backends.sh has more of them.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
require vmm dpdk-testpmd python3
begin
pmd_up
vm h1 52:54:00:00:00:01 10.0.0.1/24 "vhost-user=$T/t1.sock,mode=client"
expect 'the guest boots' booted h1
# It polls, as the back-end does: beside both of them the first guest would boot slowly.
start echo vmm run --name echo --memory 32M --kernel "$BUILD/tools/nfguest/nfguest" \
	--cmdline 'mode=echo ip=10.0.0.2' --rng off --serial stdio \
	--net "vhost-user=$T/t2.sock,mac=52:54:00:00:00:02,mode=server"
reach() {
	ask "$T/h1.console" ping -c1 -W5 10.0.0.2
}
expect 'ping through testpmd, client and server' within 30 reach
stop pmd KILL
rm -f "$T/t1.sock"
pmd_up
expect 'ping after testpmd was killed and started again' within 30 reach
finish
