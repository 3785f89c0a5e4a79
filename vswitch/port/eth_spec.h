/**
 * eth_spec: what each port type is in DPDK's words.
 *
 * Pure: from the settings of a port to the device's name and arguments (devargs). Nothing is
 * opened.
 *
 *   nic      the PCI address; the NIC is bound to vfio-pci (pci_bind.h)
 *   af-xdp   net_af_xdp: the interface stays the host's; its frames come here past the host's stack
 *   pcap     net_pcap: replays as fast as it is polled; for ever: from memory (loop)
 *   memif    net_memif: client and server as the operator says
 *   dpdk     whatever the operator writes
 *
 * Source: DPDK 22.11, "Network Interface Controller Drivers".
 */
#ifndef WEFT_VSWITCH_PORT_ETH_SPEC_H
#define WEFT_VSWITCH_PORT_ETH_SPEC_H

#include "ctl_vswitch.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct eth_spec {
	char name[64];      /* as DPDK calls the device: "net_pcap3", "0000:03:00.0" */
	char devargs[640];  /* name and arguments */
	const char *ifname; /* interface of the host whose link is the port's; NULL: the device's;
			       borrowed from conf */
	bool takes_any_len; /* it chains buffers, and tells a largest frame that it need not have */
};

/**
 * id makes names unique; n_queues is what the operator wants.
 * returns  0, -EINVAL with err set: a value cannot be said in devargs
 */
int eth_spec_of(const struct ctl_port *conf, unsigned id, uint16_t n_queues,
	struct eth_spec *ret_spec, struct err *err);

#endif
