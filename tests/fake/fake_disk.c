#include "fake_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static const int all[] = {FAKE_ALL};

struct fake_disk fake_disk;
static const int *next_answer = all;
static struct disk_op *ended;
static int event;
static bool is_holding;

static void signal_end(void)
{
	static const uint64_t one = 1;

	assert_int_equal(write(event, &one, sizeof(one)), sizeof(one));
}

static int fake_start(void *engine, disk_enter_fn *enter_fn, void *enter_ctx)
{
	return 0;
}

static bool fake_submit(void *engine, struct disk_op *op)
{
	unsigned i = fake_disk.n_steps;

	if (fake_disk.n_refusals) {
		fake_disk.n_refusals--;
		return false;
	}
	assert_true(i < FAKE_DISK_MAX_STEPS);
	fake_disk.steps[i].step = op->step;
	fake_disk.steps[i].offset = op->offset;
	fake_disk.steps[i].len = op->len;
	fake_disk.steps[i].is_stable = op->is_stable;
	fake_disk.steps[i].n_bytes = 0;
	for (unsigned s = 0; s < op->n_segs; s++)
		fake_disk.steps[i].n_bytes += op->segs[s].iov_len;
	fake_disk.n_steps++;
	if (*next_answer != FAKE_ALL)
		op->result = *next_answer++;
	else
		op->result = op->step == DISK_READ || op->step == DISK_WRITE ? (int)op->len : 0;
	op->next = ended;
	ended = op;
	signal_end();
	return true;
}

static bool fake_flush(void *engine)
{
	return true;
}

static struct disk_op *fake_take(void *engine)
{
	struct disk_op *ops = is_holding ? NULL : ended;

	if (!is_holding)
		ended = NULL;
	return ops;
}

static void fake_destroy(void *engine)
{
	assert_null(ended);
}

void fake_disk_answer(const int *answers)
{
	next_answer = answers ? answers : all;
	fake_disk.n_steps = 0;
}

void fake_disk_hold(bool on)
{
	is_holding = on;
	if (!on)
		signal_end();
}

int fake_disk_engine(int fd, int event_fd, unsigned n_max, struct disk_engine *ret)
{
	static const struct disk_engine_ops ops = {
		fake_start, fake_submit, fake_flush, fake_take, fake_destroy};

	event = event_fd;
	is_holding = false; /* whatever a test that failed left */
	*ret = (struct disk_engine){&ops, NULL};
	return 0;
}
