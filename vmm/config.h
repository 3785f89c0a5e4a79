/**
 * config: what a VM is made of, as the user asked for it. args.c fills it, machine.c builds from
 * it.
 *
 * Plain values with fixed buffers, valid on their own; nothing here refers to a running VM.
 */
#ifndef WEFT_VMM_CONFIG_H
#define WEFT_VMM_CONFIG_H

#include "console.h"
#include "ether.h"
#include "metrics_server.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_NAME_SIZE   64
#define CONFIG_PATH_SIZE   4096
#define CONFIG_SOCKET_SIZE 108 /* sun_path */
#define CONFIG_MAX_VCPUS   64
#define CONFIG_MAX_NETS    26
#define CONFIG_MAX_DISKS   8
#define CONFIG_MAX_SINKS   8
#define CONFIG_SERIAL_SIZE 21 /* 20 bytes: VIRTIO_BLK_T_GET_ID */
#define CONFIG_MAX_QUEUES  16 /* queue pairs of one net device */

struct config_net {
	char path[CONFIG_SOCKET_SIZE]; /* vhost-user socket */
	bool server;                   /* we listen; otherwise we connect and retry */
	struct ether_addr48 mac;       /* never zero: args.c derives one from name and index */
	uint16_t n_queue_pairs;        /* 1..CONFIG_MAX_QUEUES */
	uint16_t queue_size;           /* power of two, 64..1024 */
	uint16_t mtu;                  /* 0 = not offered */
	uint32_t speed_mbps;           /* of VIRTIO_NET_F_SPEED_DUPLEX; 10000 by default */
	bool packed;                   /* offer VIRTIO_F_RING_PACKED */
	bool offload;                  /* offer checksum and segmentation offload */
};

struct config_disk {
	char path[CONFIG_PATH_SIZE];
	char serial[CONFIG_SERIAL_SIZE]; /* what the guest reads; no two disks have the same */
	bool read_only;
	bool threads; /* and not io_uring */
};

struct config_console {
	struct console_sink_config sinks[CONFIG_MAX_SINKS];
	unsigned n_sinks;
};

struct config {
	char name[CONFIG_NAME_SIZE];
	unsigned n_vcpus;
	uint64_t memory_bytes;
	bool hugepages;
	bool slow_kvm;    /* run even if `vmm check` would say unfit */
	bool exit_status; /* vmm's exit status is the guest's */
	bool rng;
	bool seccomp;
	char digest[65]; /* opaque to us: whoever started the VM finds it again in its status */
	char kernel[CONFIG_PATH_SIZE];
	char initrd[CONFIG_PATH_SIZE]; /* "" = none */
	char cmdline[CONFIG_PATH_SIZE];
	char control[CONFIG_SOCKET_SIZE]; /* "" = none */
	struct metrics_address metrics;   /* text "" = none are served */
	struct config_console serial;
	struct config_console console; /* virtio-console; no sinks = no device */
	struct config_net nets[CONFIG_MAX_NETS];
	unsigned n_nets;
	struct config_disk disks[CONFIG_MAX_DISKS];
	unsigned n_disks;
};

#endif
