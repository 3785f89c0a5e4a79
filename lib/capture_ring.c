#include "capture_ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int capture_reader_open(struct capture_reader *reader, int fd, uint64_t size)
{
	struct stat st;
	void *mem;

	*reader = (struct capture_reader){0};
	if (size < CAPTURE_RING_MIN || size & (size - 1) || size > UINT32_MAX)
		return -EPROTO;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size != CAPTURE_RING_HEADER_SIZE + size)
		return -EPROTO;
	mem = mmap(NULL, CAPTURE_RING_HEADER_SIZE + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		0);
	if (mem == MAP_FAILED)
		return -errno;
	reader->ring = mem;
	reader->bytes = (uint8_t *)mem + CAPTURE_RING_HEADER_SIZE;
	reader->size = size;
	reader->head = atomic_load_explicit(&reader->ring->head, memory_order_relaxed);
	return 0;
}

void capture_reader_close(struct capture_reader *reader)
{
	if (reader->ring)
		(void)munmap(reader->ring, CAPTURE_RING_HEADER_SIZE + reader->size);
	reader->ring = NULL;
}

/* Does a record of which that many bytes are left in the ring and published hold what it says? */
static bool is_sound(const struct capture_record *record, uint64_t left)
{
	if (record->size < sizeof(*record) || record->size % CAPTURE_RING_ALIGN ||
		record->size > left)
		return false;
	return !record->len ||
	       (record->n_bytes <= record->size - sizeof(*record) &&
		       record->n_bytes <= record->len && record->len <= CAPTURE_MAX_FRAME &&
		       record->point < CAPTURE_MAX_POINTS);
}

int capture_reader_next(struct capture_reader *reader, struct capture_record *ret,
	const uint8_t **ret_bytes)
{
	uint64_t end = atomic_load_explicit(&reader->ring->published, memory_order_acquire);

	/* At most one record fills the end of the ring, and a frame follows it. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = reader->head & (reader->size - 1), left = end - reader->head;

		if (!left)
			return 0;
		if (left > reader->size)
			return -EPROTO;
		if (left > reader->size - at)
			left = reader->size - at;
		/* What fills the end may be shorter than a record's head. */
		if (reader->size - at < sizeof(*ret)) {
			reader->head += reader->size - at;
			continue;
		}
		if (left < sizeof(*ret))
			return -EPROTO;
		memcpy(ret, reader->bytes + at, sizeof(*ret));
		if (!is_sound(ret, left))
			return -EPROTO;
		reader->head += ret->size;
		*ret_bytes = reader->bytes + at + sizeof(*ret);
		if (ret->len)
			return 1;
	}
	return end == reader->head ? 0 : -EPROTO;
}

void capture_reader_done(struct capture_reader *reader)
{
	atomic_store_explicit(&reader->ring->head, reader->head, memory_order_release);
}

bool capture_reader_sleep(struct capture_reader *reader)
{
	atomic_fetch_add_explicit(&reader->ring->n_sleeps, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&reader->ring->published, memory_order_acquire) == reader->head;
}

uint32_t capture_reader_n_points(const struct capture_reader *reader)
{
	uint32_t n = atomic_load_explicit(&reader->ring->n_points, memory_order_acquire);

	return n < CAPTURE_MAX_POINTS ? n : CAPTURE_MAX_POINTS;
}
