#include "dev/virtio_blk.h"

#include "config.h"
#include "dev/virtio_pci.h"
#include "err.h"
#include "ev.h"
#include "fake_disk.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"
#include "small_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
#define SECTORS     64
#define BLK_F_FLUSH 9

struct blk_range {
	uint64_t sector;
	uint32_t n, flags;
};

struct rig {
	char path[64];
	struct config_disk config;
	struct dev_env env;
	struct virtio_blk *blk;
	struct fake_driver drv;
	uint64_t gpa; /* header at +0, status at +512, data at +4096 */
	uint8_t *data;
	struct vring_used_elem elem;
	unsigned n_full; /* calls of disk_full() */
};

static bool use_threads;                   /* both engines pass the same tests */
static disk_engine_open_fn *wanted_engine; /* instead of these two */
static const char *folder = "/tmp";

static void rig_start(struct rig *rig, uint64_t wanted)
{
	fake_driver_start(&rig->drv, &rig->env, virtio_blk_transport(rig->blk), wanted);
	rig->gpa = fake_driver_alloc(&rig->drv, 64 * 1024);
	rig->data = fake_machine_ram(&rig->env, rig->gpa + 4096, 1);
}

static void on_disk_full(void *ctx, const char *path, int r)
{
	struct rig *rig = ctx;

	assert_string_equal(path, rig->path);
	assert_int_equal(r, -ENOSPC);
	rig->n_full++;
}

static void rig_create(struct rig *rig, bool is_read_only, uint64_t wanted)
{
	uint8_t sector[512];
	int fd;

	*rig = (struct rig){0};
	(void)snprintf(rig->path, sizeof(rig->path), "%s/weft-blk-XXXXXX", folder);
	fd = mkstemp(rig->path);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < SECTORS; i++) {
		memset(sector, (int)i, sizeof(sector));
		assert_int_equal(write(fd, sector, sizeof(sector)), 512);
	}
	assert_int_equal(write(fd, "tail", 4), 4); /* beyond the last whole sector */
	(void)close(fd);
	log_set_level(LOG_ERR);
	(void)snprintf(rig->config.path, sizeof(rig->config.path), "%s", rig->path);
	memcpy(rig->config.serial, "twenty-bytes-serial-", 20);
	rig->config.read_only = is_read_only;
	rig->config.threads = use_threads;
	fake_machine_create(&rig->env);
	rig->env.disk_engine = wanted_engine;
	rig->env.disk_full = on_disk_full;
	rig->env.disk_full_ctx = rig;
	assert_int_equal(virtio_blk_create(&rig->env, &rig->config, &rig->blk, NULL), 0);
	assert_int_equal(virtio_blk_start(rig->blk, NULL, NULL), 0);
	rig_start(rig, wanted);
}

static void rig_destroy(struct rig *rig)
{
	pci_bus_destroy(rig->env.pci);
	virtio_blk_destroy(rig->blk);
	fake_machine_destroy(&rig->env);
	(void)unlink(rig->path);
}

static bool is_done(void *ctx)
{
	struct rig *rig = ctx;

	return fake_ring_get_used(&rig->drv.rings[0], &rig->elem);
}

static void submit(struct rig *rig, uint32_t type, uint64_t sector, uint32_t len)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header = {type, 0, sector};
	uint16_t direction = type == T_IN || type == T_GET_ID ? VRING_DESC_F_WRITE : 0;
	struct fake_seg segs[] = {
		{rig->gpa, sizeof(header), 0},
		{rig->gpa + 4096, len, direction},
		{rig->gpa + 512, 1, VRING_DESC_F_WRITE},
	};

	if (!len)
		segs[1] = segs[2];
	memcpy(fake_machine_ram(&rig->env, rig->gpa, sizeof(header)), &header, sizeof(header));
	(void)fake_ring_add(&rig->drv.rings[0], segs, len ? 3 : 2);
	fake_driver_kick(&rig->drv, 0);
}

static uint8_t request(struct rig *rig, uint32_t type, uint64_t sector, uint32_t len)
{
	uint8_t *status = fake_machine_ram(&rig->env, rig->gpa + 512, 1);

	*status = 0xee;
	submit(rig, type, sector, len);
	assert_true(fake_machine_run(&rig->env, is_done, rig, 3000));
	return *status;
}

static void read_file(struct rig *rig, uint64_t offset, void *dst, size_t size)
{
	int fd = open(rig->path, O_RDONLY);

	assert_int_equal(pread(fd, dst, size, (off_t)offset), (ssize_t)size);
	(void)close(fd);
}

static void reads_and_writes_reach_the_file(void **state)
{
	struct rig rig;
	uint8_t sector[512];

	rig_create(&rig, false, UINT64_MAX);
	assert_int_equal(fake_read(&rig.drv, VIRTIO_PCI_DEVICE, 4), SECTORS);
	assert_int_equal(request(&rig, T_IN, 5, 1024), S_OK);
	assert_int_equal(rig.elem.len, 1025);
	assert_int_equal(rig.data[0], 5);
	assert_int_equal(rig.data[1023], 6);
	memset(rig.data, 0xab, 512);
	assert_int_equal(request(&rig, T_OUT, 9, 512), S_OK);
	assert_int_equal(rig.elem.len, 1);
	assert_int_equal(request(&rig, T_FLUSH, 0, 0), S_OK);
	read_file(&rig, 9 * 512, sector, 512);
	assert_int_equal(sector[511], 0xab);
	assert_int_equal(request(&rig, T_GET_ID, 0, 20), S_OK);
	assert_memory_equal(rig.data, "twenty-bytes-serial-", 20);
	rig_destroy(&rig);
}

static void changes_are_stable_without_flush(void **state)
{
	static const struct blk_range range = {0, 8, 0};
	static const struct {
		uint32_t type;
		unsigned len;
		enum disk_op_kind kind;
	} cases[] = {
		{T_OUT, 512, DISK_WRITE},
		{T_DISCARD, sizeof(range), DISK_PUNCH},
		{T_WRITE_ZEROES, sizeof(range), DISK_ZERO},
	};

	for (unsigned has_flush = 0; has_flush < 2; has_flush++) {
		struct rig rig;

		wanted_engine = fake_disk_engine;
		rig_create(&rig, false, UINT64_MAX & ~(has_flush ? 0 : VIRTIO_BIT(BLK_F_FLUSH)));
		wanted_engine = NULL;
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			fake_disk_answer(NULL);
			memcpy(rig.data, &range, sizeof(range));
			assert_int_equal(request(&rig, cases[i].type, 0, cases[i].len), S_OK);
			assert_int_equal(fake_disk.steps[0].step, cases[i].kind);
			if (cases[i].type == T_OUT) {
				assert_int_equal(fake_disk.n_steps, 1);
				assert_int_equal(fake_disk.steps[0].is_stable, !has_flush);
			} else {
				assert_int_equal(fake_disk.n_steps, has_flush ? 1 : 2);
				assert_true(has_flush || fake_disk.steps[1].step == DISK_FLUSH);
			}
		}
		fake_disk_answer(NULL);
		assert_int_equal(request(&rig, T_IN, 0, 512), S_OK);
		assert_false(fake_disk.steps[0].is_stable);
		rig_destroy(&rig);
	}
}

static void ranges_are_zeroed(void **state)
{
	struct rig rig;
	struct blk_range range = {8, 8, 0};
	uint8_t bytes[3 * 8 * 512], status;

	rig_create(&rig, false, UINT64_MAX);
	memcpy(rig.data, &range, sizeof(range));
	status = request(&rig, T_DISCARD, 0, sizeof(range));
	assert_true(status == S_OK || status == S_UNSUPP); /* as the file system can */
	if (status == S_OK) {
		read_file(&rig, 0, bytes, sizeof(bytes));
		assert_int_equal(bytes[7 * 512], 7);
		assert_int_equal(bytes[8 * 512], 0);
		assert_int_equal(bytes[15 * 512 + 511], 0);
		assert_int_equal(bytes[16 * 512], 16);
	}
	range.flags = 1;
	memcpy(rig.data, &range, sizeof(range));
	assert_int_equal(request(&rig, T_DISCARD, 0, sizeof(range)), S_UNSUPP);
	range.flags = 2;
	memcpy(rig.data, &range, sizeof(range));
	assert_int_equal(request(&rig, T_WRITE_ZEROES, 0, sizeof(range)), S_UNSUPP);
	range.flags = 0;
	range.sector = SECTORS - 4;
	memcpy(rig.data, &range, sizeof(range));
	assert_int_equal(request(&rig, T_WRITE_ZEROES, 0, sizeof(range)), S_IOERR);
	rig_destroy(&rig);
}

static void wrong_requests_fail_alone(void **state)
{
	struct rig rig;

	rig_create(&rig, false, UINT64_MAX);
	assert_int_equal(request(&rig, T_IN, SECTORS, 512), S_IOERR);
	assert_int_equal(request(&rig, T_IN, SECTORS - 1, 1024), S_IOERR);
	assert_int_equal(request(&rig, T_IN, UINT64_MAX, 512), S_IOERR);
	assert_int_equal(request(&rig, T_IN, UINT64_MAX / 512 + 1, 512), S_IOERR);
	assert_int_equal(request(&rig, T_IN, 0, 100), S_IOERR);
	assert_int_equal(request(&rig, T_OUT, SECTORS, 512), S_IOERR);
	assert_int_equal(request(&rig, 99, 0, 512), S_UNSUPP);
	assert_int_equal(request(&rig, T_IN, SECTORS - 1, 512), S_OK);
	assert_int_equal(truncate(rig.path, 512), 0); /* the file shrinks under us */
	assert_int_equal(request(&rig, T_IN, 5, 512), S_IOERR);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15);
	rig_destroy(&rig);
}

static void read_only_disk_is_not_written(void **state)
{
	struct rig rig;
	uint8_t byte;

	rig_create(&rig, true, UINT64_MAX);
	assert_true(rig.drv.features & VIRTIO_BIT(5));
	assert_int_equal(request(&rig, T_OUT, 3, 512), S_IOERR);
	assert_int_equal(request(&rig, T_DISCARD, 0, 16), S_IOERR);
	assert_int_equal(request(&rig, T_IN, 3, 512), S_OK);
	read_file(&rig, 3 * 512, &byte, 1);
	assert_int_equal(byte, 3);
	rig_destroy(&rig);
}

static void buffer_without_status_breaks_the_device(void **state)
{
	struct rig rig;
	struct fake_seg seg = {0};

	rig_create(&rig, false, UINT64_MAX);
	seg = (struct fake_seg){rig.gpa, 16, 0};
	(void)fake_ring_add(&rig.drv.rings[0], &seg, 1);
	fake_driver_kick(&rig.drv, 0);
	fake_machine_idle(&rig.env, 20);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15 | 0x40);
	rig_start(&rig, UINT64_MAX); /* reset heals */
	assert_int_equal(request(&rig, T_IN, 0, 512), S_OK);
	rig_destroy(&rig);
}

/* What is in flight then ends with the reset: the ring is not touched any more. */
static void broken_device_completes_nothing(void **state)
{
	struct rig rig;
	struct fake_seg seg;

	rig_create(&rig, false, UINT64_MAX);
	seg = (struct fake_seg){rig.gpa, 16, 0};
	submit(&rig, T_IN, 0, 32 * 512);
	(void)fake_ring_add(&rig.drv.rings[0], &seg, 1); /* without a status */
	fake_driver_kick(&rig.drv, 0);
	fake_machine_idle(&rig.env, 50);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15 | 0x40);
	fake_driver_reset(&rig.drv);
	assert_int_equal(rig.drv.rings[0].used->idx, 0);
	rig_start(&rig, UINT64_MAX);
	assert_int_equal(request(&rig, T_IN, 0, 512), S_OK);
	rig_destroy(&rig);
}

/* Nor is anything begun that stands behind what broke it. */
static void broken_device_begins_nothing(void **state)
{
	struct fake_seg seg;
	struct rig rig;

	wanted_engine = fake_disk_engine;
	rig_create(&rig, false, UINT64_MAX);
	wanted_engine = NULL;
	fake_disk_answer(NULL);
	seg = (struct fake_seg){rig.gpa, 16, 0};
	submit(&rig, T_OUT, 0, 512);
	(void)fake_ring_add(&rig.drv.rings[0], &seg, 1); /* without a status */
	submit(&rig, T_OUT, 0, 512);
	fake_machine_idle(&rig.env, 50);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15 | 0x40);
	assert_int_equal(fake_disk.n_steps, 1);
	assert_int_equal(rig.drv.rings[0].used->idx, 0);
	rig_destroy(&rig);
}

/* What ends during a pause is given back after it. */
static void paused_device_completes_later(void **state)
{
	struct rig rig;

	wanted_engine = fake_disk_engine;
	rig_create(&rig, false, UINT64_MAX);
	wanted_engine = NULL;
	for (unsigned i = 0; i < 3; i++) {
		fake_disk_answer(NULL);
		submit(&rig, T_IN, 0, 512);
		while (!fake_disk.n_steps)
			assert_true(ev_run_once(rig.env.ev, 10) >= 0);
		virtio_pci_set_paused(virtio_blk_transport(rig.blk), true);
		fake_machine_idle(&rig.env, 20);
		assert_false(is_done(&rig));
		virtio_pci_set_paused(virtio_blk_transport(rig.blk), false);
		assert_true(fake_machine_run(&rig.env, is_done, &rig, 3000));
	}
	rig_destroy(&rig);
}

static bool all_are_in_flight(void *ctx)
{
	const struct fake_ring *ring = &((struct rig *)ctx)->drv.rings[0];

	return fake_disk.n_steps >= VIRTIO_BLK_MAX_IN_FLIGHT ||
	       fake_disk.n_steps == ring->avail->idx;
}

static bool all_are_back(void *ctx)
{
	const struct fake_ring *ring = &((struct rig *)ctx)->drv.rings[0];

	return ring->used->idx == ring->avail->idx;
}

/* A guest makes one chain available again and again, which costs it nothing: no more are begun than
 * there are requests, and the rest waits for them. */
static void requests_in_flight_are_bounded(void **state)
{
	const unsigned n = VIRTIO_BLK_MAX_IN_FLIGHT + FAKE_RING_SIZE / 2;
	struct fake_ring *ring;
	struct rig rig;

	wanted_engine = fake_disk_engine;
	rig_create(&rig, false, UINT64_MAX);
	wanted_engine = NULL;
	fake_disk_answer(NULL);
	fake_disk_hold(true);
	ring = &rig.drv.rings[0];
	submit(&rig, T_FLUSH, 0, 0);
	for (unsigned i = 1; i < n; i++) {
		ring->avail->ring[i % ring->size] = ring->avail->ring[0];
		ring->avail->idx++;
		fake_driver_kick(&rig.drv, 0);
		assert_true(fake_machine_run(&rig.env, all_are_in_flight, &rig, 3000));
	}
	fake_machine_idle(&rig.env, 20);
	assert_int_equal(fake_disk.n_steps, VIRTIO_BLK_MAX_IN_FLIGHT);
	assert_int_equal(ring->used->idx, 0);
	fake_disk_hold(false);
	assert_true(fake_machine_run(&rig.env, all_are_back, &rig, 3000));
	assert_int_equal(fake_disk.n_steps, n);
	rig_destroy(&rig);
}

static void second_writer_is_refused(void **state)
{
	struct rig rig;
	struct virtio_blk *other;
	struct err err = {0};

	rig_create(&rig, false, UINT64_MAX);
	assert_int_equal(virtio_blk_create(&rig.env, &rig.config, &other, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "in use by another process"));
	rig_destroy(&rig);
}

static void missing_file_is_an_error(void **state)
{
	struct config_disk config = {.path = "/nonexistent/disk"};
	struct virtio_blk *blk;
	struct dev_env env;
	struct err err = {0};

	fake_machine_create(&env);
	assert_int_equal(virtio_blk_create(&env, &config, &blk, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/disk"));
	(void)snprintf(config.path, sizeof(config.path), "/tmp");
	assert_true(virtio_blk_create(&env, &config, &blk, &err) < 0);
	pci_bus_destroy(env.pci);
	fake_machine_destroy(&env);
}

static bool is_full(void *ctx)
{
	return ((struct rig *)ctx)->n_full > 0;
}

static void a_write_without_room_waits_for_it(void **state)
{
	static const struct blk_range all = {0, 32, 0};
	struct rig rig;
	uint8_t byte;

	folder = small_fs_folder();
	rig_create(&rig, false, UINT64_MAX);
	folder = "/tmp";
	assert_int_equal(request(&rig, T_DISCARD, 0, 0), S_IOERR); /* no range */
	memcpy(rig.data, &all, sizeof(all));
	assert_int_equal(request(&rig, T_DISCARD, 0, 16), S_OK); /* tmpfs can */
	small_fs_fill();
	memset(rig.data, 0x77, 8192);
	submit(&rig, T_OUT, 0, 8192);
	assert_true(fake_machine_run(&rig.env, is_full, &rig, 30000));
	assert_false(is_done(&rig)); /* the guest sees nothing of it */
	small_fs_make_room();
	virtio_blk_retry(rig.blk);
	assert_true(fake_machine_run(&rig.env, is_done, &rig, 30000));
	assert_int_equal(*(uint8_t *)fake_machine_ram(&rig.env, rig.gpa + 512, 1), S_OK);
	read_file(&rig, 8191, &byte, 1);
	assert_int_equal(byte, 0x77);
	/* a reset does not wait for room */
	assert_int_equal(request(&rig, T_DISCARD, 0, 0), S_IOERR);
	memcpy(rig.data, &all, sizeof(all));
	assert_int_equal(request(&rig, T_DISCARD, 0, 16), S_OK);
	small_fs_fill();
	for (unsigned i = 0; i < 2; i++) {
		rig.n_full = 0;
		submit(&rig, T_OUT, 0, 512);
		assert_true(fake_machine_run(&rig.env, is_full, &rig, 30000));
		if (i) {
			fake_machine_reset(&rig.env,
				(struct virtio_pci *[]){virtio_blk_transport(rig.blk)}, 1);
			assert_int_equal(fake_read(&rig.drv, 0x14, 1), 0);
		} else {
			fake_driver_reset(&rig.drv);
		}
		rig_start(&rig, UINT64_MAX);
		assert_int_equal(request(&rig, T_IN, 40, 512), S_OK);
	}
	submit(&rig, T_OUT, 0, 512);
	fake_machine_idle(&rig.env, 1);
	small_fs_make_room();
	rig_destroy(&rig); /* nor does the end */
}

static void reset_waits_for_what_is_in_flight(void **state)
{
	struct rig rig;

	rig_create(&rig, false, UINT64_MAX);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10; i++)
			submit(&rig, T_IN, 0, 32 * 512);
		if (round % 2)
			fake_machine_idle(&rig.env, 1);
		if (round % 4 < 2) {
			fake_driver_reset(&rig.drv);
		} else {
			fake_machine_reset(&rig.env,
				(struct virtio_pci *[]){virtio_blk_transport(rig.blk)}, 1);
			assert_int_equal(fake_read(&rig.drv, 0x14, 1), 0);
		}
		rig_start(&rig, UINT64_MAX);
	}
	assert_int_equal(request(&rig, T_IN, 1, 512), S_OK);
	rig_destroy(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes_reach_the_file),
		cmocka_unit_test(changes_are_stable_without_flush),
		cmocka_unit_test(ranges_are_zeroed),
		cmocka_unit_test(wrong_requests_fail_alone),
		cmocka_unit_test(read_only_disk_is_not_written),
		cmocka_unit_test(buffer_without_status_breaks_the_device),
		cmocka_unit_test(broken_device_completes_nothing),
		cmocka_unit_test(broken_device_begins_nothing),
		cmocka_unit_test(paused_device_completes_later),
		cmocka_unit_test(requests_in_flight_are_bounded),
		cmocka_unit_test(second_writer_is_refused),
		cmocka_unit_test(missing_file_is_an_error),
		cmocka_unit_test(a_write_without_room_waits_for_it),
		cmocka_unit_test(reset_waits_for_what_is_in_flight),
	};
	int n_failed =
		cmocka_run_group_tests_name("by default", tests, small_fs_setup, small_fs_teardown);

	use_threads = true;
	return n_failed +
	       cmocka_run_group_tests_name("by threads", tests, small_fs_setup, small_fs_teardown);
}
