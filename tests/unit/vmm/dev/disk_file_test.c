/*
 * A disk's file: the same table of operations with io_uring and with threads, on a file system that
 * has room and on one that has not, with a look at what reaches the kernel; and an engine that
 * gives the answers that kernels seldom give.
 */
#include "cmocka_all.h"

#include "dev/disk_file.h"
#include "dev/disk_ring.h"
#include "dev/disk_threads.h"
#include "err.h"
#include "ev.h"
#include "fake_disk.h"
#include "log.h"
#include "small_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK      4096u
#define FILE_BYTES (64 * BLOCK)
#define N_MAX      16

struct rig {
	struct ev *ev;
	struct disk_file *file;
	char path[64];
	unsigned n_done, n_full;
	int full_code;
};

static void on_done(void *ctx, struct disk_op *ops)
{
	struct rig *rig = ctx;

	for (; ops; ops = ops->next)
		rig->n_done++;
}

static void on_full(void *ctx, int r)
{
	struct rig *rig = ctx;

	rig->n_full++;
	rig->full_code = r;
}

static void rig_create(struct rig *rig, disk_engine_open_fn *engine, const char *folder)
{
	struct disk_file_config config = {
		.path = rig->path,
		.n_max = N_MAX,
		.engine = engine,
		.done = on_done,
		.full = on_full,
		.ctx = rig,
	};
	struct err err = {0};
	int fd;

	*rig = (struct rig){0};
	(void)snprintf(rig->path, sizeof(rig->path), "%s/weft-disk-XXXXXX", folder);
	fd = mkstemp(rig->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FILE_BYTES), 0);
	(void)close(fd);
	assert_int_equal(ev_create(&rig->ev), 0);
	config.ev = rig->ev;
	if (disk_file_open(&config, &rig->file, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(disk_file_start(rig->file, NULL, NULL), 0);
}

static void rig_destroy(struct rig *rig)
{
	disk_file_close(rig->file);
	ev_destroy(rig->ev);
	(void)unlink(rig->path);
}

static void begin(struct rig *rig, struct disk_op *op)
{
	disk_file_submit(rig->file, op);
	disk_file_flush_submissions(rig->file);
}

/* Run the loop until n operations are over, or something is held when n is 0. */
static void wait_for(struct rig *rig, unsigned n)
{
	unsigned n_full = rig->n_full;

	for (int i = 0; i < 10000 && (n ? rig->n_done < n : rig->n_full == n_full); i++)
		assert_true(ev_run_once(rig->ev, 10) >= 0);
	assert_true(n ? rig->n_done >= n : rig->n_full > n_full);
}

static int finish(struct rig *rig, struct disk_op *op)
{
	rig->n_done = 0;
	begin(rig, op);
	wait_for(rig, 1);
	return op->result;
}

/* ---- Both engines ---- */

static uint8_t data[4][BLOCK];

/* A read or write of all of data, in four segments of unequal length. */
static struct disk_op transfer(enum disk_op_kind kind, uint64_t offset, struct iovec *segs)
{
	segs[0] = (struct iovec){data[0], 512};
	segs[1] = (struct iovec){data[0] + 512, BLOCK - 512};
	segs[2] = (struct iovec){data[1], BLOCK};
	segs[3] = (struct iovec){data[2], 2 * BLOCK};
	return (struct disk_op){
		.kind = kind, .offset = offset, .len = 4 * BLOCK, .segs = segs, .n_segs = 4};
}

static void check_operations(disk_engine_open_fn *engine)
{
	struct iovec segs[4];
	struct disk_op op;
	struct rig rig;

	rig_create(&rig, engine, "/tmp");
	for (unsigned stable = 0; stable < 2; stable++) {
		for (unsigned i = 0; i < 4; i++)
			memset(data[i], (int)(i + 1 + stable), BLOCK);
		op = transfer(DISK_WRITE, BLOCK, segs);
		op.is_stable = stable;
		assert_int_equal(finish(&rig, &op), 0);
		memset(data, 0, sizeof(data));
		op = transfer(DISK_READ, BLOCK, segs);
		assert_int_equal(finish(&rig, &op), 0);
		assert_int_equal(data[0][0], 1 + stable);
		assert_int_equal(data[3][BLOCK - 1], 4 + stable);
		op = (struct disk_op){.kind = DISK_FLUSH};
		assert_int_equal(finish(&rig, &op), 0);
		op = (struct disk_op){
			.kind = DISK_PUNCH, .is_stable = stable, .offset = 2 * BLOCK, .len = BLOCK};
		if (finish(&rig, &op) == -EOPNOTSUPP)
			continue; /* a file system that cannot */
		op = transfer(DISK_READ, BLOCK, segs);
		assert_int_equal(finish(&rig, &op), 0);
		assert_int_equal(data[0][BLOCK - 1], 1 + stable);
		assert_int_equal(data[1][0], 0);
		assert_int_equal(data[2][0], 3 + stable);
	}
	op = transfer(DISK_READ, FILE_BYTES - BLOCK, segs); /* the file ends within */
	assert_int_equal(finish(&rig, &op), -EIO);
	rig_destroy(&rig);
}

static void check_many(disk_engine_open_fn *engine)
{
	static uint8_t pages[N_MAX][BLOCK];
	struct disk_op ops[N_MAX];
	struct iovec segs[N_MAX];
	struct rig rig;

	rig_create(&rig, engine, "/tmp");
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < N_MAX; i++) {
			segs[i] = (struct iovec){pages[i], BLOCK};
			ops[i] = (struct disk_op){.kind = round % 2 ? DISK_READ : DISK_WRITE,
				.offset = i * BLOCK,
				.len = BLOCK,
				.segs = &segs[i],
				.n_segs = 1};
			disk_file_submit(rig.file, &ops[i]);
		}
		rig.n_done = 0;
		disk_file_flush_submissions(rig.file);
		if (round % 4 < 2)
			wait_for(&rig, N_MAX);
		else
			disk_file_drain(rig.file); /* reset or teardown */
		assert_int_equal(rig.n_done, N_MAX);
		for (unsigned i = 0; i < N_MAX; i++)
			assert_int_equal(ops[i].result, 0);
	}
	disk_file_submit(rig.file, &ops[0]); /* is in flight when the file is closed */
	rig_destroy(&rig);
}

static void check_no_room(disk_engine_open_fn *engine)
{
	struct disk_op op, other = {.kind = DISK_FLUSH};
	struct iovec segs[4], page = {data, BLOCK};
	struct rig rig;

	rig_create(&rig, engine, small_fs_folder());
	small_fs_fill();
	memset(data, 0x5a, sizeof(data));
	op = transfer(DISK_WRITE, 0, segs);
	begin(&rig, &op);
	wait_for(&rig, 0);
	assert_int_equal(rig.full_code, -ENOSPC);
	assert_int_equal(rig.n_done, 0);
	assert_int_equal(finish(&rig, &other), 0); /* others go on meanwhile */
	rig.n_done = 0;
	disk_file_retry(rig.file); /* still no room */
	wait_for(&rig, 0);
	assert_int_equal(rig.n_done, 0);
	small_fs_make_room();
	disk_file_retry(rig.file);
	wait_for(&rig, 1);
	assert_int_equal(op.result, 0);
	memset(data, 0, sizeof(data));
	op = transfer(DISK_READ, 0, segs);
	assert_int_equal(finish(&rig, &op), 0);
	assert_int_equal(data[0][0], 0x5a);
	assert_int_equal(data[3][BLOCK - 1], 0x5a);
	/* what is held does not hold up a reset */
	small_fs_fill();
	rig.n_done = 0;
	op = (struct disk_op){
		.kind = DISK_WRITE, .offset = 32 * BLOCK, .len = BLOCK, .segs = &page, .n_segs = 1};
	begin(&rig, &op);
	wait_for(&rig, 0);
	disk_file_cancel(rig.file);
	wait_for(&rig, 1);
	assert_int_equal(op.result, -ECANCELED);
	/* nor the end */
	op = (struct disk_op){
		.kind = DISK_WRITE, .offset = 32 * BLOCK, .len = BLOCK, .segs = &page, .n_segs = 1};
	begin(&rig, &op);
	wait_for(&rig, 0);
	small_fs_make_room();
	rig_destroy(&rig);
}

static void operations_work_by_io_uring(void **state)
{
	if (disk_ring_probe() < 0)
		skip();
	check_operations(disk_ring_engine);
	check_many(disk_ring_engine);
}

static void operations_work_by_threads(void **state)
{
	check_operations(disk_threads_engine);
	check_many(disk_threads_engine);
}

/* Forbid io_uring to this process, as a kernel without it does. */
static bool forbid_io_uring(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool is_done =
		filter &&
		!seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0) &&
		!seccomp_load(filter);

	seccomp_release(filter);
	return is_done && disk_ring_probe() == -ENOSYS;
}

/* In a process of its own, which may not fail as a test does: 0, or which step did not work. */
static int write_without_io_uring(struct rig *rig)
{
	struct iovec seg = {data, BLOCK};
	struct disk_op op = {.kind = DISK_WRITE, .len = BLOCK, .segs = &seg, .n_segs = 1};
	struct disk_file_config config = {
		.path = rig->path, .n_max = N_MAX, .done = on_done, .full = on_full, .ctx = rig};

	if (!forbid_io_uring())
		return 1;
	if (ev_create(&rig->ev))
		return 2;
	config.ev = rig->ev;
	if (disk_file_open(&config, &rig->file, NULL) || disk_file_start(rig->file, NULL, NULL))
		return 3;
	begin(rig, &op);
	for (unsigned i = 0; i < 10000 && !rig->n_done; i++)
		(void)ev_run_once(rig->ev, 10);
	disk_file_close(rig->file);
	ev_destroy(rig->ev);
	return rig->n_done == 1 && !op.result ? 0 : 4;
}

/* Then threads do the work, and nobody waits for a disk. */
static void threads_work_where_there_is_no_io_uring(void **state)
{
	struct rig rig = {.path = "/tmp/weft-disk-XXXXXX"};
	int fd = mkstemp(rig.path), status;
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FILE_BYTES), 0);
	(void)close(fd);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(write_without_io_uring(&rig));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)unlink(rig.path);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void no_room_holds_by_io_uring(void **state)
{
	if (disk_ring_probe() < 0)
		skip();
	check_no_room(disk_ring_engine);
}

static void no_room_holds_by_threads(void **state)
{
	check_no_room(disk_threads_engine);
}

/* ---- What the kernel is asked ---- */

static char asked[16]; /* a letter for each thing, in order */

static void note(char what)
{
	size_t n = strlen(asked);

	if (n + 1 < sizeof(asked))
		asked[n] = what;
}

static void note_write(int flags)
{
	note(flags & RWF_DSYNC ? 'W' : 'w');
}

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
ssize_t __real_pwritev64v2(int fd, const struct iovec *segs, int n, off_t offset, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *segs, int n, off_t offset, int flags);
int __real_fallocate64(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_io_uring_submit(struct io_uring *ring)
{
	const struct io_uring_sq *sq = &ring->sq;

	for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
		const struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];

		if (sqe->opcode == IORING_OP_WRITEV)
			note_write((int)sqe->rw_flags);
		else if (sqe->opcode == IORING_OP_FALLOCATE)
			note('a');
		else if (sqe->opcode == IORING_OP_FSYNC)
			note('s');
	}
	return __real_io_uring_submit(ring);
}

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *segs, int n, off_t offset, int flags)
{
	note_write(flags);
	return __real_pwritev64v2(fd, segs, n, offset, flags);
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len)
{
	note('a');
	return __real_fallocate64(fd, mode, offset, len);
}

int __wrap_fdatasync(int fd)
{
	note('s');
	return __real_fdatasync(fd);
}

static void check_stable(disk_engine_open_fn *engine)
{
	static const struct {
		enum disk_op_kind kind;
		bool is_stable;
		const char *want;
	} cases[] = {
		{DISK_WRITE, false, "w"},
		{DISK_WRITE, true, "W"},
		{DISK_FLUSH, false, "s"},
		{DISK_READ, true, ""},
		{DISK_PUNCH, false, "a"},
		{DISK_PUNCH, true, "as"},
	};
	struct iovec segs[4];
	struct rig rig;

	rig_create(&rig, engine, "/tmp");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct disk_op op = {.kind = cases[i].kind, .len = BLOCK};

		if (op.kind == DISK_WRITE || op.kind == DISK_READ)
			op = transfer(op.kind, 0, segs);
		op.is_stable = cases[i].is_stable;
		memset(asked, 0, sizeof(asked));
		if (finish(&rig, &op) == -EOPNOTSUPP)
			continue; /* a file system that cannot */
		assert_int_equal(op.result, 0);
		if (strcmp(asked, cases[i].want) != 0)
			fail_msg("case %zu: asked '%s', not '%s'", i, asked, cases[i].want);
	}
	rig_destroy(&rig);
}

static void the_kernel_is_asked_for_stable_storage(void **state)
{
	check_stable(disk_threads_engine);
	if (disk_ring_probe() >= 0)
		check_stable(disk_ring_engine);
}

/* ---- Answers of an engine ---- */

static void short_transfers_go_on(void **state)
{
	static const int shorts[] = {100, -EINTR, 412, 512, -EAGAIN, BLOCK, 1, FAKE_ALL};
	struct iovec segs[4];
	struct disk_op op = transfer(DISK_WRITE, BLOCK, segs);
	struct rig rig;
	uint64_t done = 0;

	rig_create(&rig, fake_disk_engine, "/tmp");
	fake_disk_answer(shorts);
	op.is_stable = true;
	assert_int_equal(finish(&rig, &op), 0);
	assert_int_equal(fake_disk.n_steps, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(fake_disk.steps[i].offset, BLOCK + done);
		assert_int_equal(fake_disk.steps[i].len, 4 * BLOCK - done);
		assert_int_equal(fake_disk.steps[i].n_bytes, 4 * BLOCK - done);
		assert_true(fake_disk.steps[i].is_stable); /* each part of it */
		done += shorts[i] > 0 && i < 7 ? (uint64_t)shorts[i] : 0;
	}
	rig_destroy(&rig);
}

static void wrong_answers_are_errors(void **state)
{
	static const struct {
		int answers[2];
		int result;
	} cases[] = {
		{{0, FAKE_ALL}, -EIO},
		{{4 * BLOCK + 1, FAKE_ALL}, -EIO},
		{{-EIO, FAKE_ALL}, -EIO},
		{{-EFBIG, FAKE_ALL}, -EFBIG},
		{{-EBADF, FAKE_ALL}, -EBADF},
	};
	struct iovec segs[4];
	struct rig rig;

	rig_create(&rig, fake_disk_engine, "/tmp");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct disk_op op = transfer(DISK_WRITE, 0, segs);

		fake_disk_answer(cases[i].answers);
		assert_int_equal(finish(&rig, &op), cases[i].result);
		assert_int_equal(fake_disk.n_steps, 1);
	}
	rig_destroy(&rig);
}

static void an_answer_that_never_changes_is_an_error(void **state)
{
	static int again[FAKE_DISK_MAX_STEPS];
	struct iovec segs[4];
	struct disk_op op = transfer(DISK_READ, 0, segs);
	struct rig rig;

	for (unsigned i = 0; i < FAKE_DISK_MAX_STEPS; i++)
		again[i] = i % 2 ? -EAGAIN : -EINTR;
	rig_create(&rig, fake_disk_engine, "/tmp");
	fake_disk_answer(again);
	assert_true(finish(&rig, &op) < 0);
	assert_true(fake_disk.n_steps < 100);
	rig_destroy(&rig);
}

static void ranges_are_stable_when_they_have_to_be(void **state)
{
	static const int retried[] = {-EINTR, 0, -EINTR, FAKE_ALL}, bad[] = {0, -EIO, FAKE_ALL};
	struct rig rig;

	rig_create(&rig, fake_disk_engine, "/tmp");
	for (enum disk_op_kind kind = DISK_PUNCH; kind <= DISK_ZERO; kind++) {
		struct disk_op op = {.kind = kind, .len = BLOCK};

		fake_disk_answer(retried);
		assert_int_equal(finish(&rig, &op), 0);
		assert_int_equal(fake_disk.n_steps, 2); /* no flush follows */
		op.is_stable = true;
		fake_disk_answer(retried);
		assert_int_equal(finish(&rig, &op), 0);
		assert_int_equal(fake_disk.n_steps, 4);
		assert_int_equal(fake_disk.steps[1].step, kind);
		assert_int_equal(fake_disk.steps[2].step, DISK_FLUSH);
		assert_int_equal(fake_disk.steps[3].step, DISK_FLUSH);
		fake_disk_answer(bad);
		assert_int_equal(finish(&rig, &op), -EIO);
	}
	rig_destroy(&rig);
}

static void only_what_needs_room_is_held(void **state)
{
	static const int full[] = {-ENOSPC, FAKE_ALL}, quota[] = {-EDQUOT, FAKE_ALL};
	static const int half[] = {BLOCK, -ENOSPC, FAKE_ALL}, flushed[] = {0, -ENOSPC, FAKE_ALL};
	struct iovec segs[4];
	struct disk_op op;
	struct rig rig;

	rig_create(&rig, fake_disk_engine, "/tmp");
	op = transfer(DISK_READ, 0, segs);
	fake_disk_answer(full);
	assert_int_equal(finish(&rig, &op), -ENOSPC);
	op = (struct disk_op){.kind = DISK_FLUSH};
	fake_disk_answer(full);
	assert_int_equal(finish(&rig, &op), -ENOSPC); /* a second one could say that all is well */
	op = (struct disk_op){.kind = DISK_ZERO, .len = BLOCK, .is_stable = true};
	fake_disk_answer(flushed);
	assert_int_equal(finish(&rig, &op), -ENOSPC);
	assert_int_equal(rig.n_full, 0);

	op = (struct disk_op){.kind = DISK_PUNCH, .len = BLOCK};
	fake_disk_answer(quota);
	rig.n_done = 0;
	begin(&rig, &op);
	wait_for(&rig, 0);
	assert_int_equal(rig.full_code, -EDQUOT);
	disk_file_retry(rig.file);
	wait_for(&rig, 1);
	assert_int_equal(op.result, 0);

	op = transfer(DISK_WRITE, 0, segs);
	fake_disk_answer(half);
	rig.n_done = 0;
	begin(&rig, &op);
	wait_for(&rig, 0);
	disk_file_retry(rig.file);
	wait_for(&rig, 1);
	assert_int_equal(op.result, 0);
	assert_int_equal(fake_disk.n_steps, 3);
	assert_int_equal(fake_disk.steps[2].offset, BLOCK); /* not what was written before */
	rig_destroy(&rig);
}

static void what_is_cancelled_does_not_go_on(void **state)
{
	static const int half[] = {BLOCK, FAKE_ALL}, full[] = {-ENOSPC, FAKE_ALL};
	struct iovec segs[4];
	struct disk_op op = transfer(DISK_WRITE, 0, segs);
	struct rig rig;

	rig_create(&rig, fake_disk_engine, "/tmp");
	fake_disk_answer(half);
	begin(&rig, &op);
	disk_file_cancel(rig.file);
	wait_for(&rig, 1);
	assert_int_equal(op.result, -ECANCELED);
	assert_int_equal(fake_disk.n_steps, 1);
	op = transfer(DISK_WRITE, 0, segs);
	fake_disk_answer(full);
	rig.n_done = 0;
	begin(&rig, &op);
	disk_file_drain(rig.file);
	assert_int_equal(rig.n_done, 1);
	assert_int_equal(rig.n_full, 0);
	op = transfer(DISK_WRITE, 0, segs); /* the next one is not meant */
	fake_disk_answer(half);
	assert_int_equal(finish(&rig, &op), 0);
	rig_destroy(&rig);
}

static void an_engine_that_takes_nothing_is_asked_again(void **state)
{
	struct iovec segs[4];
	struct disk_op op = transfer(DISK_WRITE, 0, segs);
	struct rig rig;

	rig_create(&rig, fake_disk_engine, "/tmp");
	fake_disk_answer(NULL);
	fake_disk.n_refusals = 3;
	assert_int_equal(finish(&rig, &op), 0); /* and nothing else is in flight */
	op = transfer(DISK_WRITE, 0, segs);
	fake_disk.n_refusals = 3;
	rig.n_done = 0;
	begin(&rig, &op);
	disk_file_drain(rig.file);
	assert_int_equal(rig.n_done, 1);
	rig_destroy(&rig);
}

/* A guest would take the container for its disk, and write into it. */
static void containers_are_refused(void **state)
{
	static const struct {
		const char *name;
		off_t at;
		const char *magic;
	} cases[] = {{"qcow2", 0, "QFI\xfb"}, {"vmdk", 0, "KDMV"}, {"vhdx", 0, "vhdxfile"},
		{"vdi", 64, "\x7f\x10\xda\xbe"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[] = "/tmp/weft-disk-XXXXXX";
		struct disk_file_config config = {.path = path, .n_max = N_MAX};
		struct disk_file *file = NULL;
		struct err err = {0};
		size_t len = strlen(cases[i].magic);
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, cases[i].magic, len, cases[i].at), len);
		assert_int_equal(ev_create(&config.ev), 0);
		assert_int_equal(disk_file_open(&config, &file, &err), -EINVAL);
		assert_non_null(strstr(err.msg, cases[i].name));
		ev_destroy(config.ev);
		(void)close(fd);
		(void)unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_work_by_io_uring),
		cmocka_unit_test(operations_work_by_threads),
		cmocka_unit_test(threads_work_where_there_is_no_io_uring),
		cmocka_unit_test(no_room_holds_by_io_uring),
		cmocka_unit_test(no_room_holds_by_threads),
		cmocka_unit_test(the_kernel_is_asked_for_stable_storage),
		cmocka_unit_test(short_transfers_go_on),
		cmocka_unit_test(wrong_answers_are_errors),
		cmocka_unit_test(an_answer_that_never_changes_is_an_error),
		cmocka_unit_test(ranges_are_stable_when_they_have_to_be),
		cmocka_unit_test(containers_are_refused),
		cmocka_unit_test(only_what_needs_room_is_held),
		cmocka_unit_test(what_is_cancelled_does_not_go_on),
		cmocka_unit_test(an_engine_that_takes_nothing_is_asked_again),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, small_fs_setup, small_fs_teardown);
}
