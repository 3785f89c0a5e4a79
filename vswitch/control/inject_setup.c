#include "inject_setup.h"

#include "datapath/sys.h"
#include "datapath/tag.h"
#include "feature/hold_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* No frame takes more, nor does what fills the end of the ring in front of one. */
#define MAX_RECORD (INJECT_MAX_LEN + 256)

int inject_create(struct inject **ret_inject)
{
	struct inject *inject = calloc(1, sizeof(*inject));
	int r = inject ? hold_create(INJECT_SIZE, &inject->hold) : -ENOMEM;

	if (r < 0) {
		free(inject);
		return r;
	}
	atomic_store_explicit(&inject->hold->max_frames, INJECT_MAX_FRAMES, memory_order_relaxed);
	inject->q.ops = &inject_ops;
	inject->q.wake_fd = inject->hold->out.wake_fd;
	*ret_inject = inject;
	return 0;
}

void inject_destroy(struct inject *inject)
{
	if (!inject)
		return;
	hold_destroy(inject->hold);
	free(inject);
}

uint64_t inject_n_frames(const struct inject *inject)
{
	return hold_n_frames(inject->hold);
}

static void load(struct frame *frame, const uint8_t *bytes, uint32_t len)
{
	uint32_t head = len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->header, bytes, head);
	frame->header_len = (uint16_t)head;
	frame->rest_off = 12;
	frame->len = len;
	frame->tail_len = len - head;
	frame->seg = (struct frame_seg){(uint8_t *)(uintptr_t)(bytes + head), len - head};
	frame->segs = &frame->seg;
	frame->n_segs = len > head;
}

/* Room for two more of the largest stays free, so that frames that are taken out and added again
 * find it, wherever the ring ends by then. */
static bool has_room(struct hold *hold, const struct frame *frame)
{
	uint64_t head = atomic_load_explicit(&hold->head, memory_order_acquire);

	return hold->tail - head + 3 * MAX_RECORD <= hold->size && hold_has_room(hold, frame);
}

int inject_add(struct inject *inject, const struct inject_frame *what)
{
	struct hold *hold = inject->hold;
	struct frame frame;
	int fd;

	load(&frame, what->bytes, what->len);
	if ((what->is_egress || what->is_patch) && !tag_strip(&frame))
		return -EINVAL;
	frame.vid = frame.tci & 0xfff;
	if (!has_room(hold, &frame))
		return -EAGAIN;
	(void)hold_add(hold, &frame, frame.rest_off != 12,
		inject_key(what->port_id, what->is_egress));
	hold_publish(hold);
	/* The worker asks to be woken up before it looks, and we look whether it asked behind what
	 * it would look at. */
	atomic_thread_fence(memory_order_seq_cst);
	fd = hold->in.ops->notify_fd(&hold->in);
	if (fd >= 0)
		sys_wake(fd);
	return 0;
}

void inject_sift(struct inject *inject, bool (*stays)(void *ctx, uint16_t port_id, bool is_egress),
	void *ctx)
{
	struct hold *hold = inject->hold;

	for (uint64_t n = inject_n_frames(inject); n > 0; n--) {
		uint8_t tail[INJECT_MAX_LEN];
		struct frame frame;
		const struct held *record;
		uint64_t key;
		bool is_tagged;

		hold_begin(hold);
		record = hold_receive(hold, &frame);
		key = record->due_tsc;
		is_tagged = record->is_tagged;
		frame_copy_tail(&frame, tail);
		frame.seg.hva = tail;
		hold_release(hold, 1);
		if (!stays(ctx, inject_key_port(key), inject_key_is_egress(key)))
			continue;
		(void)hold_add(hold, &frame, is_tagged, key);
		hold_publish(hold);
	}
}
