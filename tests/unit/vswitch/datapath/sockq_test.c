/* What the kernel does not take from a tap or a packet socket is dropped under the reason that it
 * gave, and what comes behind goes out. */
#include "sockq_setup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define SMALL   100
#define LARGE   9000 /* more than a slot: it is sent by itself */
#define N_SMALL 3

static uint8_t bytes[LARGE];
static struct dp_counters counters;
/* The kernel: it refuses the first of the frames that come, and takes all others. */
static int refusal;
static unsigned n_received;

int __wrap_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);

static bool refuses(void)
{
	if (!refusal)
		return false;
	errno = refusal;
	refusal = 0;
	return true;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	if (refuses())
		return -1;
	n_received += n;
	return (int)n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (refuses())
		return -1;
	n_received++;
	return (ssize_t)msg->msg_iov[0].iov_len;
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	if (refuses())
		return -1;
	n_received++;
	return (ssize_t)iov[0].iov_len;
}

static struct frame frame_of(uint32_t len)
{
	struct frame frame = {.len = len,
		.header_len = (uint16_t)(len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE),
		.rest_off = 12,
		.n_segs = 1};

	frame.tail_len = len - frame.header_len;
	frame.seg = (struct frame_seg){bytes + frame.header_len, frame.tail_len};
	return frame;
}

/*
 * Small frames, a large one and small ones again; the kernel refuses the first of them, or only the
 * large one.
 */
static void check(enum sockq_type kind, int error, bool of_large, enum drop_reason reason)
{
	static struct frame frames[2 * N_SMALL + 1];
	unsigned n = of_large ? 1 + N_SMALL : 2 * N_SMALL + 1, large = of_large ? 0 : N_SMALL;
	struct tx_burst tx = {
		.frames = frames, .todo = UINT64_MAX >> (FRAME_BURST - n), .counters = &counters};
	struct queue *q;

	assert_int_equal(sockq_create(kind, -1, &q), 0);
	for (unsigned i = 0; i < n; i++) {
		frames[i] = frame_of(i == large ? LARGE : SMALL);
		frames[i].segs = &frames[i].seg;
	}
	memset(&counters, 0, sizeof(counters));
	n_received = 0;
	refusal = error;
	queue_tx(q, &tx);
	assert_int_equal(tx.todo, 0);
	assert_int_equal(n_received, n - 1);
	assert_int_equal(counters.tx_frames, n - 1);
	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		assert_int_equal(counters.drops[i], i == reason ? 1 : 0);
	sockq_destroy(q);
}

static void refusals_have_reasons(void **state)
{
	static const struct {
		int error;
		enum drop_reason reason;
	} rows[] = {
		{EMSGSIZE, DROP_TX_MTU},
		{EIO, DROP_TX_NOT_RUNNING},
		{EBADFD, DROP_TX_NOT_RUNNING},
		{ENETDOWN, DROP_TX_NOT_RUNNING},
		{ENODEV, DROP_TX_NOT_RUNNING},
		{ENXIO, DROP_TX_NOT_RUNNING},
		{EINVAL, DROP_TX_OFFLOAD},
		{EAGAIN, DROP_TX_RING_FULL},
		{ENOBUFS, DROP_TX_RING_FULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int of_large = 0; of_large < 2; of_large++) {
			check(SOCKQ_TAP, rows[i].error, of_large, rows[i].reason);
			check(SOCKQ_PACKET, rows[i].error, of_large, rows[i].reason);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refusals_have_reasons)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
