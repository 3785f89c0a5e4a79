#!/bin/bash
# The example lab with a NIC of the host: `netcfg apply` takes it from the kernel, a KVM guest
# and the wire's other end reach each other over a VLAN trunk, and `netcfg destroy` rebinds the NIC.
# shellcheck source=tests/integ/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integ/nic.sh
. "$(dirname -- "$0")/nic.sh"
wire_begin
# Untagged, the other end will be in another subnet than in VLAN 10.
ip -n far link add link "$wire" name v10 type vlan id 10
ip -n far address add 10.0.10.254/24 dev v10
ip -n far link set v10 up

# --- what stands in the way ----------------------------------------------------------------------

lab_file 's/, rebind: true//'
expect 'the file is valid' lab validate
fails_with 'without rebind, the NIC has to be bound before' 1 "hint: .*netcfg nic bind $pci" lab apply
ip address add 192.0.2.1/24 dev "$nic"
ip link set "$nic" up
lab_file ''
fails_with 'a NIC that the host needs is not taken' 1 "'$nic' has the only address" lab apply
expect 'it is still with the kernel' driver_is "$pci" e1000e
ip address flush dev "$nic"

# --- a trunk to the wire -------------------------------------------------------------------------

lab_up "$LAB_FILE"
expect 'apply took the NIC' driver_is "$pci" vfio-pci
refuse 'its interface is gone' has_iface "$pci"
expect 'its port runs' within 20 json \
	"any(.[]; .name == \"up0\" and .state == \"running\" and .dev == \"$pci\" and .driver == \"net_e1000_em\")" \
	netcfg -j port show
expect 'everything is well' within 10 lab status --check
expect 'a second apply has nothing to do' lab plan --exit-code
fails_with 'nor is the NIC another program'"'"'s' 1 'a program uses it' netcfg nic unbind "$pci"

expect 'the guest has the MTU of its cable' mtu_is 1500
expect 'VLAN 10 of the wire reaches h1' within 20 in_far busybox ping -c1 -W5 10.0.10.1
expect 'h1 reaches VLAN 10 of the wire' within 30 node h1 ping -c1 -W5 10.0.10.254
expect 'TCP to h1 and back to the wire, 4 MiB unharmed' transfers

ip -n far address add 10.0.10.253/24 dev "$wire"
refuse 'untagged frames stay out of VLAN 10' in_far busybox ping -I "$wire" -c2 -W1 10.0.10.1
ip -n far address del 10.0.10.253/24 dev "$wire"

# --- rebound -------------------------------------------------------------------------------------

expect 'destroy succeeds' lab destroy
expect 'the kernel has the NIC again' driver_is "$pci" e1000e
expect 'and its interface' within 10 has_iface "$pci"
finish
