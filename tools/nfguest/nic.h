/**
 * nic: one virtio network device, polled, with its queue pairs and counters.
 * Source: VIRTIO 1.2, 3.1 "Device Initialization", 5.1 "Network Device".
 */
#ifndef WEFT_TOOLS_NFGUEST_NIC_H
#define WEFT_TOOLS_NFGUEST_NIC_H

#include "pci.h"
#include "virtq.h"

#define NIC_HDR       12u /* struct virtio_net_hdr of a modern device */
#define NIC_MAX_PAIRS 16u

/** Every frame that is not sent on is counted under one of these. */
struct nic_counts {
	uint64_t rx, tx, rx_bytes, tx_bytes;
	uint64_t tx_full;  /* no room in the ring */
	uint64_t consumed; /* the mode answers or sends on others only */
	uint64_t not_ip, ttl;
	uint64_t short_frame;
};

struct nic {
	struct pci_nic pci;
	uint8_t mac[6];
	unsigned n_pairs;
	bool packed;
	struct virtq rx[NIC_MAX_PAIRS], tx[NIC_MAX_PAIRS];
	struct nic_counts counts;
};

enum nic_ring { NIC_ANY, NIC_SPLIT, NIC_PACKED };

/** NULL, or what is wrong. NIC_ANY takes packed rings where they are offered at once. */
const char *nic_start(struct nic *nic, unsigned n_pairs, enum nic_ring ring);

#endif
