/**
 * ether: MAC addresses, VLAN ids and VLAN sets, and how people write them.
 *
 * Pure functions; the only header of lib that the data path may include.
 * Source: IEEE 802.1Q-2018, 9.6 "VLAN Tag Control Information": VID 0 means "priority tagged, no
 * VLAN" and 4095 is reserved, so that a VLAN is 1..4094.
 */
#ifndef WEFT_LIB_ETHER_H
#define WEFT_LIB_ETHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETHER_ADDR_LEN      6
#define ETHER_HDR_LEN       14
#define ETHER_MIN_MTU       68
#define ETHER_MAX_MTU       65535
#define ETHER_TYPE_VLAN     0x8100 /* IEEE 802.1Q C-tag */
#define ETHER_TYPE_QINQ     0x88a8 /* IEEE 802.1Q S-tag */
#define VLAN_MIN            1
#define VLAN_MAX            4094
#define VLAN_NONE           0
#define ETHER_ADDR_STR_SIZE 18

struct ether_addr48 {
	uint8_t bytes[ETHER_ADDR_LEN];
};

static inline bool ether_addr_is_multicast(const struct ether_addr48 *mac)
{
	return mac->bytes[0] & 1;
}

static inline bool ether_addr_is_zero(const struct ether_addr48 *mac)
{
	return !(mac->bytes[0] | mac->bytes[1] | mac->bytes[2] | mac->bytes[3] | mac->bytes[4] |
		 mac->bytes[5]);
}

/** 48-bit number, first byte on the wire most significant. */
static inline uint64_t ether_addr_to_u64(const struct ether_addr48 *mac)
{
	uint64_t v = 0;

	for (int i = 0; i < ETHER_ADDR_LEN; i++)
		v = v << 8 | mac->bytes[i];
	return v;
}

static inline struct ether_addr48 ether_addr_from_u64(uint64_t v)
{
	struct ether_addr48 mac;

	for (int i = ETHER_ADDR_LEN - 1; i >= 0; i--, v >>= 8)
		mac.bytes[i] = v & 0xff;
	return mac;
}

/** Parse aa:bb:cc:dd:ee:ff, aa-bb-..., aabb.ccdd.eeff (any case). 0 or -EINVAL. */
int ether_addr_parse(const char *text, struct ether_addr48 *ret_mac);
/** Lower case with colons. Returns buf. */
const char *ether_addr_format(const struct ether_addr48 *mac, char buf[ETHER_ADDR_STR_SIZE]);

/** A set of VLAN ids, one bit each; bits 0 and 4095 are never set. */
struct vlan_set {
	uint64_t words[64];
};

static inline bool vlan_set_has(const struct vlan_set *set, uint16_t vid)
{
	return set->words[(vid >> 6) & 63] >> (vid & 63) & 1;
}

void vlan_set_clear(struct vlan_set *set);
void vlan_set_fill(struct vlan_set *set); /* every VLAN 1..4094 */
void vlan_set_add(struct vlan_set *set, uint16_t first, uint16_t last);
void vlan_set_del(struct vlan_set *set, uint16_t first, uint16_t last);
bool vlan_set_equal(const struct vlan_set *a, const struct vlan_set *b);
unsigned vlan_set_count(const struct vlan_set *set);
/** set becomes: what either has; what both have; what it has and other lacks. */
void vlan_set_unite(struct vlan_set *set, const struct vlan_set *other);
void vlan_set_intersect(struct vlan_set *set, const struct vlan_set *other);
void vlan_set_subtract(struct vlan_set *set, const struct vlan_set *other);

/** Parse one VLAN id in 1..4094. 0, -EINVAL (no number) or -ERANGE. */
int vlan_parse(const char *text, uint16_t *ret_vid);
/**
 * Parse "10,20-29", "all" or "" (the empty set).
 * returns  0, -EINVAL (syntax; first > last), -ERANGE (id not in 1..4094); ret_at, where not NULL,
 *          is the offset of the part at fault
 */
int vlan_set_parse(const char *text, struct vlan_set *ret_set, size_t *ret_at);
/**
 * Write ranges ("10,20-29", "all") into buf; returns the length that was needed, as snprintf().
 * VLAN_SET_STR_SIZE holds any set.
 */
#define VLAN_SET_STR_SIZE 12288
size_t vlan_set_format(const struct vlan_set *set, char *buf, size_t size);
/**
 * The same for a line of text: what does not fit ends in "...", and "none" is the empty set.
 * Returns buf; size >= 5.
 */
const char *vlan_set_format_short(const struct vlan_set *set, char *buf, size_t size);
/** The next range at or after *vid; false when there is none. Walk: for (vid = 1; next(...);). */
bool vlan_set_next_range(const struct vlan_set *set, uint16_t *vid, uint16_t *ret_first,
	uint16_t *ret_last);

#endif
