/**
 * eth: ports on what the host has or can make: its interfaces, NICs, capture files.
 *
 * One life cycle for all of them (eth.c), two ways to the frames behind it:
 *   eth_sock.c  af-packet, veth, tap: a file descriptor with a virtio header (sockq.h). Checksums
 *               and segmentation pass; nothing of DPDK is started.
 *   eth_dpdk.c  nic, af-xdp, pcap, memif, dpdk: an Ethernet device of DPDK (eth_spec.h says which).
 *
 *   create      gone: deleted, unplugged
 *  --------> OPEN ------------------> GONE (last_error; tried again every ETH_RETRY_NS)
 *             | ^  link up/down          |
 *             v | (rings come and go)    | it is there again
 *           running <--------------------+
 *
 * What is not there when the port is made is an error; what goes away later comes back by itself.
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_PORT_ETH_H
#define WEFT_VSWITCH_PORT_ETH_H

#include "port.h"

/** The port types, for port.c's table. */
extern const struct port_ops eth_nic_ops, eth_af_xdp_ops, eth_af_packet_ops, eth_tap_ops,
	eth_veth_ops, eth_pcap_ops, eth_memif_ops, eth_dpdk_ops;

#endif
