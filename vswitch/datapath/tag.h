/**
 * tag: which VLAN a frame is in, and whether a port lets it in or out.
 *
 * Roles of ports (access, trunk, native-...) are gone by the time a frame comes: the control thread
 * has turned them into member VLANs, the VLAN of untagged frames and a few flags (snapshot.h).
 * VLAN 0 is the one of frames that belong to none.
 *   in:  untagged or priority-tagged (VID 0) -> pvid, if the port takes untagged frames;
 *        tagged -> its VID, if the port takes tagged frames; then membership is checked
 *   out: members only; VLAN 0 leaves untagged; the pvid as the port says; every other VLAN tagged
 *        inner: a frame in whose data another tag follows keeps one in front of it (its VLAN's, or
 *        a priority tag in VLAN 0) where it would leave a port of tagged VLANs untagged: the
 *        receiver would take the inner tag for the frame's VLAN, which is how a sender hops from a
 *        native VLAN into one that it may not be in
 * The priority of a tag that was taken off is kept for a receiver that gets one.
 * Source: IEEE 802.1Q-2018, 6.9 "Support of the EISS", 8.6.2 "Ingress filtering", 8.6.4 "Egress
 * filtering", 9.6 "VLAN Tag Control Information".
 */
#ifndef WEFT_VSWITCH_DATAPATH_TAG_H
#define WEFT_VSWITCH_DATAPATH_TAG_H

#include "drop.h"
#include "frame.h"
#include "snapshot.h"

#define TAG_LEN 4
/** Not a reason to drop. */
#define TAG_PASS DROP_N_REASONS

static inline uint16_t frame_ether_type(const struct frame *frame)
{
	return (uint16_t)(frame->header[12] << 8 | frame->header[13]);
}

/** Take an 802.1Q tag off into frame->tci. False when the frame ends inside it or its offload
 * header points into it. */
static inline bool tag_strip(struct frame *frame)
{
	struct virtio_net_hdr_v1 *hdr = &frame->hdr;

	frame->tci = 0;
	if (frame_ether_type(frame) != ETHER_TYPE_VLAN)
		return true;
	if (frame->len < ETHER_HDR_LEN + TAG_LEN)
		return false;
	frame->tci = (uint16_t)(frame->header[14] << 8 | frame->header[15]);
	frame->rest_off = 12 + TAG_LEN;
	frame->len -= TAG_LEN;
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (hdr->csum_start < ETHER_HDR_LEN + TAG_LEN)
			return false;
		hdr->csum_start -= TAG_LEN;
		hdr->hdr_len -= hdr->hdr_len >= TAG_LEN ? TAG_LEN : 0;
	}
	return true;
}

/* Header bytes with a tag put in. */
#define TAG_MAX_HEADER (FRAME_HEADER_SIZE + TAG_LEN)

/** Put header bytes src[len], which go on at `rest` behind the addresses, to dst[TAG_MAX_HEADER] as
 *  they are on a wire, with the tag of tci or without one. Returns how many. */
static inline uint32_t tag_put_header(uint8_t *dst, const uint8_t *src, uint32_t len, uint32_t rest,
	bool is_tagged, uint16_t tci)
{
	uint32_t at = 12;

	if (len <= rest) {
		memcpy(dst, src, len < at ? len : at);
		return len < at ? len : at;
	}
	memcpy(dst, src, at);
	if (is_tagged) {
		const uint8_t tag[TAG_LEN] = {ETHER_TYPE_VLAN >> 8, ETHER_TYPE_VLAN & 0xff,
			(uint8_t)(tci >> 8), (uint8_t)tci};

		memcpy(dst + at, tag, TAG_LEN);
		at += TAG_LEN;
	}
	memcpy(dst + at, src + rest, len - rest);
	return at + len - rest;
}

/** By the rules of the port it came from, set the vid of a frame that came with the tag of
 *  frame->tci (0: none, or one without a VLAN). TAG_PASS or a drop reason. */
static inline enum drop_reason tag_classify(const struct dp_port *port, struct frame *frame)
{
	uint16_t vid = frame->tci & 0xfff;
	if (!vid) {
		if (!(port->flags & DP_PORT_UNTAGGED))
			return DROP_RX_UNTAGGED;
		vid = port->pvid;
	} else if (!(port->flags & DP_PORT_TAGGED)) {
		return DROP_RX_TAGGED;
	}
	if (!vlan_set_has(port->vlans, vid))
		return DROP_RX_VLAN;
	frame->vid = vid;
	frame->tci = (uint16_t)((frame->tci & 0xf000) | vid);
	return TAG_PASS;
}

/** The same of a frame whose tag, if it has one, is in its bytes. */
static inline enum drop_reason tag_ingress(const struct dp_port *port, struct frame *frame)
{
	return tag_strip(frame) ? tag_classify(port, frame) : DROP_RX_TOO_SHORT;
}

/** May frames of vid leave by port? */
static inline bool tag_is_member(const struct dp_port *port, uint16_t vid)
{
	return vlan_set_has(port->vlans, vid);
}

/** Was a tag taken off in front of another one? */
static inline bool tag_has_inner(const struct frame *frame)
{
	uint32_t at = frame->rest_off;

	return at != 12 && at + 2u <= frame->header_len &&
	       (frame->header[at] << 8 | frame->header[at + 1]) == ETHER_TYPE_VLAN;
}

/** The same of a canonical frame (frame.h): its tag is in tci, if is_tagged. */
static inline enum drop_reason tag_ingress_canonical(const struct dp_port *port,
	struct frame *frame, bool is_tagged)
{
	if (is_tagged)
		return tag_classify(port, frame);
	if (!tag_has_inner(frame)) {
		frame->tci = 0;
		return tag_classify(port, frame);
	}
	/* The tag inside is now the first, and there is one place to take tags off from. */
	frame->header_len -= TAG_LEN;
	frame->rest_off = 12;
	memmove(frame->header + 12, frame->header + 12 + TAG_LEN, frame->header_len - 12u);
	return tag_ingress(port, frame);
}

/** Do they carry a tag when they do? Those with another tag inside may all the same. */
static inline bool tag_is_tagged(const struct dp_port *port, uint16_t vid)
{
	return vid && (vid != port->pvid || port->flags & DP_PORT_PVID_TAGGED);
}

#endif
