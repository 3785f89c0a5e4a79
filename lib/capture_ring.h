/**
 * capture_ring: captured frames on their way from the switch to who asked for them.
 *
 * Data model. A memfd that the switch makes, seals against being resized, and hands to the reader
 * together with an eventfd. First the struct below; from CAPTURE_RING_HEADER_SIZE on a ring of
 * bytes, whose size is a power of two. Positions only grow. Each frame is a record that lies in one
 * piece; where the end of the ring is too near, a record without a frame fills it.
 *
 * The reader maps it writable, for it says how far it has read. What it writes there decides about
 * nothing but whether there is room for another record: the switch keeps positions and counts of
 * its own, and a position that cannot be makes a full ring. Nobody waits: what finds no room is
 * lost and counted. The reader takes no length on trust either: its switch may be anybody's.
 *
 * Sleeping: the reader adds one to n_sleeps, then a full fence, then looks once more; the switch
 * signals the eventfd once for each value of n_sleeps.
 *
 * Times are of the processors' clock (TSC), which the reader turns into those of the wall.
 *
 * Threads: one writer at a time, one reader. Limits: CAPTURE_MAX_POINTS ports in one capture, ever.
 */
#ifndef WEFT_LIB_CAPTURE_RING_H
#define WEFT_LIB_CAPTURE_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_MAX_POINTS  1024
#define CAPTURE_MAX_REASONS 64
#define CAPTURE_RING_ALIGN  8u
#define CAPTURE_RING_MIN    (UINT64_C(1) << 18)
/** No frame is longer: 64 KiB of IP below Ethernet and two tags. */
#define CAPTURE_MAX_FRAME (65535 + 26)

/** A port that is captured. Names are there before the first frame. */
struct capture_point {
	char name[64];
	char description[192];
	_Atomic uint64_t received; /* frames that passed the filter, those that were lost too */
	_Atomic uint64_t lost;     /* of them: the ring was full */
};

struct capture_ring {
	/* Of the switch. */
	alignas(64) _Atomic uint64_t published; /* behind the last record */
	_Atomic uint32_t n_points;
	/* Of the reader. */
	alignas(64) _Atomic uint64_t head; /* behind the last that it is done with */
	_Atomic uint32_t n_sleeps;
	/* Of the switch. */
	alignas(64) char reasons[CAPTURE_MAX_REASONS][32]; /* why frames were dropped, by number */
	struct capture_point points[CAPTURE_MAX_POINTS];
};

#define CAPTURE_RING_HEADER_SIZE ((sizeof(struct capture_ring) + 4095) / 4096 * 4096)

/* Flags of a record. */
#define CAPTURE_OUT     0x01 /* on its way to the port; else from it */
#define CAPTURE_DROPPED 0x02 /* for the reason */

struct capture_record {
	uint64_t tsc;
	uint32_t size;    /* of the record, a multiple of CAPTURE_RING_ALIGN */
	uint32_t len;     /* of the frame as on the wire; 0: it fills the end of the ring */
	uint32_t n_bytes; /* of the frame that are here */
	uint16_t point;
	uint8_t flags;
	uint8_t reason;
	uint8_t bytes[];
};

/** What a reader has of a ring. */
struct capture_reader {
	struct capture_ring *ring; /* mapped */
	uint8_t *bytes;
	uint64_t size, head;
};

/** Map a ring of that size, as the switch said, that fd (borrowed) holds. 0, -EPROTO (it does not),
 *  or -errno. */
int capture_reader_open(struct capture_reader *reader, int fd, uint64_t size);
void capture_reader_close(struct capture_reader *reader);
/**
 * The next record with a frame, checked, or NULL: there is none. It stays until
 * capture_reader_done(). A copy of its head is in ret: what the switch writes later changes nothing
 * of it.
 * returns  1, 0, or -EPROTO: the ring holds nonsense
 */
int capture_reader_next(struct capture_reader *reader, struct capture_record *ret,
	const uint8_t **ret_bytes);
/** What was returned so far is done with. */
void capture_reader_done(struct capture_reader *reader);
/** Ask for a signal with the next record. False: there is one already. */
bool capture_reader_sleep(struct capture_reader *reader);
/** Number of ports so far, and one of them. */
uint32_t capture_reader_n_points(const struct capture_reader *reader);

#endif
