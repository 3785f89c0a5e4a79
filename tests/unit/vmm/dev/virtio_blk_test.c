#include "dev/virtio_blk.h"

#include "config.h"
#include "dev/virtio_pci.h"
#include "err.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"

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
#define SECTORS 64

struct rig {
	char path[32];
	struct config_disk config;
	struct dev_env env;
	struct virtio_blk *blk;
	struct fake_driver drv;
	uint64_t gpa; /* header at +0, status at +512, data at +4096 */
	uint8_t *data;
	struct vring_used_elem elem;
};

static void rig_start(struct rig *rig, uint64_t wanted)
{
	fake_driver_start(&rig->drv, &rig->env, virtio_blk_transport(rig->blk), wanted);
	rig->gpa = fake_driver_alloc(&rig->drv, 64 * 1024);
	rig->data = fake_machine_ram(&rig->env, rig->gpa + 4096, 1);
}

static void rig_create(struct rig *rig, bool is_read_only, uint64_t wanted)
{
	uint8_t sector[512];
	int fd;

	*rig = (struct rig){.path = "/tmp/weft-blk-XXXXXX"};
	fd = mkstemp(rig->path);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < SECTORS; i++) {
		memset(sector, (int)i, sizeof(sector));
		assert_int_equal(write(fd, sector, sizeof(sector)), 512);
	}
	assert_int_equal(write(fd, "tail", 4), 4); // beyond the last whole sector
	(void)close(fd);
	log_set_level(LOG_ERR);
	(void)snprintf(rig->config.path, sizeof(rig->config.path), "%s", rig->path);
	rig->config.read_only = is_read_only;
	fake_machine_create(&rig->env);
	assert_int_equal(virtio_blk_create(&rig->env, &rig->config, &rig->blk, NULL), 0);
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

	return fake_ring_take(&rig->drv.rings[0], &rig->elem);
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
	assert_memory_equal(
		rig.data, strrchr(rig.path, '/') + 1, strlen(strrchr(rig.path, '/') + 1));
	rig_destroy(&rig);
}

static void writes_are_synced_without_flush(void **state)
{
	struct rig rig;

	rig_create(&rig, false, VIRTIO_BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(request(&rig, T_OUT, 0, 512), S_OK);
	rig_destroy(&rig);
}

static void ranges_are_zeroed(void **state)
{
	struct rig rig;
	struct {
		uint64_t sector;
		uint32_t n, flags;
	} range = {8, 8, 0};
	uint8_t bytes[3 * 8 * 512], status;

	rig_create(&rig, false, UINT64_MAX);
	memcpy(rig.data, &range, sizeof(range));
	status = request(&rig, T_DISCARD, 0, sizeof(range));
	assert_true(status == S_OK || status == S_UNSUPP); // as the file system can
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
	assert_int_equal(truncate(rig.path, 512), 0); // the file shrinks under us
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
	rig_start(&rig, UINT64_MAX); // reset heals
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
	(void)fake_ring_add(&rig.drv.rings[0], &seg, 1); // without a status
	fake_driver_kick(&rig.drv, 0);
	fake_machine_idle(&rig.env, 50);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15 | 0x40);
	fake_driver_reset(&rig.drv);
	assert_int_equal(rig.drv.rings[0].used->idx, 0);
	rig_start(&rig, UINT64_MAX);
	assert_int_equal(request(&rig, T_IN, 0, 512), S_OK);
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
		cmocka_unit_test(writes_are_synced_without_flush),
		cmocka_unit_test(ranges_are_zeroed),
		cmocka_unit_test(wrong_requests_fail_alone),
		cmocka_unit_test(read_only_disk_is_not_written),
		cmocka_unit_test(buffer_without_status_breaks_the_device),
		cmocka_unit_test(broken_device_completes_nothing),
		cmocka_unit_test(second_writer_is_refused),
		cmocka_unit_test(missing_file_is_an_error),
		cmocka_unit_test(reset_waits_for_what_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
