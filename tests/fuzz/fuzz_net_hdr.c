/*
 * Any virtio header on any frame, to receivers with and without offloads, tagged and not: nothing
 * is touched beyond the frame, which sanitizers see since what its buffers hold besides is
 * poisoned; every frame is counted, what a receiver without offloads gets asks for nothing, and
 * what one with offloads is asked to sum up lies in its frame. Input: options, header, frame.
 */
#include "fuzz.h"
#include "rig.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

/* Of a ring's buffers, the switch may touch what the driver sent; on: from now on. */
static void fence_buffers(const struct fe_ring *ring, bool on)
{
	const struct vring_packed_desc *packed = ring->desc;
	const struct vring_desc *split = ring->desc;

	if (!on) {
		ASAN_UNPOISON_MEMORY_REGION(ring->bufs, (size_t)ring->size * FE_BUF_SIZE);
		return;
	}
	ASAN_POISON_MEMORY_REGION(ring->bufs, (size_t)ring->size * FE_BUF_SIZE);
	for (unsigned i = 0; i < ring->size; i++) {
		uint64_t gpa = ring->packed ? packed[i].addr : split[i].addr;
		uint32_t len = ring->packed ? packed[i].len : split[i].len;

		if (len)
			ASAN_UNPOISON_MEMORY_REGION(ring->bufs + (gpa - ring->bufs_gpa), len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[FE_FRAME_MAX], got[FE_FRAME_MAX];
	struct virtio_net_hdr_v1 hdr, out;
	struct rig *rig;
	size_t len;
	int n;

	if (size < 3 + sizeof(hdr))
		return 0;
	rig = rig_create(3, data[0] & 7, RIG_FEATURES | RIG_OFFLOADS);
	if (data[0] & 8)
		rig_set_features(rig, 0, RIG_FEATURES);
	rig_set_features(rig, 2, RIG_FEATURES);
	if (data[0] & 16)
		rig_access(rig, 1, 10);
	if (data[0] & 32)
		rig_access(rig, 2, 10);
	memcpy(&hdr, data + 3, sizeof(hdr));
	len = size - 3 - sizeof(hdr);
	memset(frame, data[2], sizeof(frame));
	memcpy(frame, data + 3 + sizeof(hdr), len < sizeof(frame) ? len : sizeof(frame));
	len += (size_t)data[1] * 32; /* large frames out of short inputs */
	if (len > 9000)
		len = 9000;
	if (data[0] & 64)
		len = 65000;
	rig_send_hdr(rig, 0, &hdr, frame, len);
	fence_buffers(&rig->port[0].send, true);
	(void)rig_run(rig, 0);
	fence_buffers(&rig->port[0].send, false);
	while ((n = rig_receive(rig, 1, &out, got, sizeof(got))) > 0)
		if (out.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
			(out.csum_start < ETHER_HDR_LEN ||
				out.csum_start + out.csum_offset + 2 > n))
			abort();
	while (rig_receive(rig, 2, &out, got, sizeof(got)) > 0)
		if (out.flags || out.gso_type)
			abort();
	if (!rig_counts_add_up(rig) || fe_ring_pending(&rig->port[0].send))
		abort();
	for (unsigned i = 0; i < 3; i++)
		if (vring_is_broken(&rig->port[i].rx) || vring_is_broken(&rig->port[i].tx))
			abort();
	rig_destroy(rig);
	return 0;
}
