#!/bin/bash
# A lab with a NIC of the host is changed: the trunk becomes an access port with jumbo frames, and
# its guest, begun anew, has the larger MTU.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/nic.sh
. "$(dirname -- "$0")/nic.sh"
wire_begin

lab_file ''
lab_up "$LAB_FILE"
ip -n far link set "$wire" mtu 9000
ip -n far address add 10.0.10.254/24 dev "$wire"
lab_file 's/trunk-vlans: \[10, 20\]/access-vlan: 10/; s/mtu: 1500/mtu: 9000/'
expect 'the port becomes an access port, with jumbo frames' lab apply --allow restart --wait="$WAIT"
expect 'then there is nothing to do' lab plan --exit-code
expect 'the guest has the new MTU' mtu_is 9000
expect 'h1 reaches the wire, untagged' within 20 node h1 ping -c1 -W5 10.0.10.254
expect 'the largest packet gets through' within 30 node h1 ping -c1 -W5 -s 8972 10.0.10.254
expect 'both ways' within 30 in_far busybox ping -c1 -W5 -s 8972 10.0.10.1
expect 'TCP, likewise' transfers

expect 'destroy succeeds' lab destroy
finish
