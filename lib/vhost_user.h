/**
 * vhost_user: the wire format of the vhost-user protocol, as spoken by the switch (back-end), the
 * VMM (front-end) and the peers in tests.
 *
 * Messages are a 12-byte header and `size` bytes of payload, host byte order, on a Unix stream
 * socket; file descriptors travel beside the header as SCM_RIGHTS. A payload is copied into one of
 * these structs only after its size was checked.
 * Source: "Vhost-user Protocol" of QEMU's interoperability specifications, by message name.
 */
#ifndef WEFT_LIB_VHOST_USER_H
#define WEFT_LIB_VHOST_USER_H

#include <stddef.h>
#include <stdint.h>

#define VHOST_USER_VERSION      0x1
#define VHOST_USER_VERSION_MASK 0x3
#define VHOST_USER_REPLY        (1u << 2)
#define VHOST_USER_NEED_REPLY   (1u << 3)
#define VHOST_USER_MAX_FDS      8
#define VHOST_USER_MAX_PAYLOAD  1024
#define VHOST_USER_MAX_REGIONS  8  /* in one SET_MEM_TABLE */
#define VHOST_USER_MAX_SLOTS    32 /* what our back-end grants with CONFIGURE_MEM_SLOTS */
#define VHOST_USER_CONFIG_SIZE  256

/** Bit 30 of the virtio features: protocol features are understood. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
/** Bit 26 of the virtio features: log dirty pages. */
#define VHOST_F_LOG_ALL 26

enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_RARP = 2,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_NET_MTU = 4,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
};

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
};

/** Requests of the back-end, on the channel of SET_BACKEND_REQ_FD. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
};

struct vhost_user_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* payload bytes */
};
_Static_assert(sizeof(struct vhost_user_hdr) == 12, "vhost-user header");

/** SET_VRING_NUM, SET/GET_VRING_BASE, SET_VRING_ENABLE: num is the value. */
struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

/** Packed rings: bits of num in SET/GET_VRING_BASE. */
#define VHOST_USER_PACKED_BASE_WRAP (1u << 15)

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags; /* bit 0 = log writes to the used ring */
	uint64_t desc;  /* front-end's addresses, as in the memory table's user_addr */
	uint64_t used;
	uint64_t avail;
	uint64_t log; /* guest physical */
};
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "vhost-user vring address");

/** u64 payload of SET_VRING_KICK/CALL/ERR: bits 0-7 the ring, bit 8 = no fd. */
#define VHOST_USER_VRING_IDX_MASK 0xff
#define VHOST_USER_VRING_NOFD     (1u << 8)

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};
_Static_assert(sizeof(struct vhost_user_region) == 32, "vhost-user memory region");

struct vhost_user_mem_table {
	uint32_t n_regions;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_MAX_REGIONS];
};

/** ADD_MEM_REG, REM_MEM_REG. */
struct vhost_user_mem_reg {
	uint64_t padding;
	struct vhost_user_region region;
};
_Static_assert(sizeof(struct vhost_user_mem_reg) == 40, "vhost-user single region");

struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VHOST_USER_CONFIG_SIZE];
};

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem_table mem;
	struct vhost_user_mem_reg mem_reg;
	struct vhost_user_config config;
	uint8_t bytes[VHOST_USER_MAX_PAYLOAD];
};

struct vhost_user_msg {
	struct vhost_user_hdr hdr;
	union vhost_user_payload payload;
};
_Static_assert(offsetof(struct vhost_user_msg, payload) % 4 == 0, "payload follows the header");

#endif
