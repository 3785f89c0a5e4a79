/**
 * virtq: the driver's half of a virtqueue, split or packed, polled. One descriptor a buffer.
 *
 * Data model: a queue has `size` buffers, each known by an id. An id is either the device's or the
 * driver's. The buffer behind an id may be exchanged while it is the driver's, which is how a frame
 * moves from one port to another without being copied.
 * The device is not believed: an id that is not its own, or a length beyond the buffer, breaks the
 * queue, which is then left alone.
 * Source: VIRTIO 1.2, 2.7 "Split Virtqueues", 2.8 "Packed Virtqueues". No EVENT_IDX, no INDIRECT.
 */
#ifndef WEFT_TOOLS_NFGUEST_VIRTQ_H
#define WEFT_TOOLS_NFGUEST_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>

#define VIRTQ_BUF 2048u
#define VIRTQ_MAX 1024u

struct virtq {
	void *desc, *driver, *device; /* the three areas */
	volatile uint16_t *notify;
	uint16_t number, size;
	bool packed, writable; /* writable: by the device, which receives */
	bool broken;
	uint16_t next_avail, next_used; /* split: free-running; packed: slots */
	bool wrap_avail, wrap_used;
	uint16_t n_free;
	uint16_t free[VIRTQ_MAX]; /* ids that are the driver's, of a queue that sends */
	bool is_out[VIRTQ_MAX];   /* ids that are the device's */
	uint8_t *bufs[VIRTQ_MAX];
};

/** Take memory for areas and buffers; false: there is none. */
bool virtq_init(struct virtq *q, uint16_t number, uint16_t size, bool packed, bool writable);
/** Give the device buffer id with len bytes; virtq_publish() makes it look. */
void virtq_post(struct virtq *q, uint16_t id, uint32_t len);
void virtq_publish(struct virtq *q);
/** The next buffer that the device returned: false if there is none. */
bool virtq_get_used(struct virtq *q, uint16_t *ret_id, uint32_t *ret_len);
/** An id to send with; false if all are the device's. */
bool virtq_get_free(struct virtq *q, uint16_t *ret_id);
/** Put three segments as one request and wait for the answer: the control queue, used once. */
void virtq_command(struct virtq *q, const uint32_t lens[3]);

#endif
