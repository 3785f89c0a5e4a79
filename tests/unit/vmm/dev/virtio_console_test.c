#include "dev/virtio_console.h"

#include "console.h"
#include "dev/virtio_pci.h"
#include "ev.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { RX = 0, TX = 1 };

/* A console with one client attached by a Unix socket. */
struct rig {
	char dir[32];
	struct console_sink_config sink;
	struct dev_env env;
	struct console *console;
	struct virtio_console *dev;
	struct fake_driver drv;
	uint64_t gpa;
	int client;
	struct vring_used_elem elem;
	char seen[256];
	size_t n_seen;
};

static void rig_create(struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	*rig = (struct rig){.dir = "/tmp/weft-con-XXXXXX", .sink = {.kind = CONSOLE_UNIX}};
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->sink.path, sizeof(rig->sink.path), "%s/c", rig->dir);
	log_set_level(LOG_ERR);
	fake_machine_create(&rig->env);
	assert_int_equal(console_create(rig->env.ev, "test", &rig->console), 0);
	assert_int_equal(console_add_sink(rig->console, &rig->sink, NULL), 0);
	assert_int_equal(virtio_console_create(&rig->env, rig->console, &rig->dev, NULL), 0);
	fake_driver_start(&rig->drv, &rig->env, virtio_console_transport(rig->dev), UINT64_MAX);
	rig->gpa = fake_driver_alloc(&rig->drv, 8192);
	rig->client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memcpy(addr.sun_path, rig->sink.path, strlen(rig->sink.path) + 1);
	assert_int_equal(connect(rig->client, (struct sockaddr *)&addr, sizeof(addr)), 0);
	fake_machine_idle(&rig->env, 10);
}

static void rig_destroy(struct rig *rig)
{
	(void)close(rig->client);
	pci_bus_destroy(rig->env.pci);
	virtio_console_destroy(rig->dev);
	console_destroy(rig->console);
	fake_machine_destroy(&rig->env);
	(void)unlink(rig->sink.path);
	(void)rmdir(rig->dir);
}

static bool has_input(void *ctx)
{
	struct rig *rig = ctx;

	return fake_ring_get_used(&rig->drv.rings[RX], &rig->elem);
}

static bool has_seen_hello(void *ctx)
{
	struct rig *rig = ctx;
	ssize_t n = read(rig->client, rig->seen + rig->n_seen, sizeof(rig->seen) - 1 - rig->n_seen);

	rig->n_seen += n > 0 ? (size_t)n : 0;
	return strstr(rig->seen, "hello, world\n");
}

static void output_reaches_the_client(void **state)
{
	struct rig rig;

	rig_create(&rig);
	memcpy(fake_machine_ram(&rig.env, rig.gpa, 64), "hello, world\n", 13);
	(void)fake_ring_add(&rig.drv.rings[TX],
		(struct fake_seg[]){{rig.gpa, 6, 0}, {rig.gpa + 6, 7, 0}}, 2);
	fake_driver_kick(&rig.drv, TX);
	assert_true(fake_machine_run(&rig.env, has_seen_hello, &rig, 1000));
	assert_true(fake_ring_get_used(&rig.drv.rings[TX], &rig.elem));
	rig_destroy(&rig);
}

/* Longer than what one turn writes: all of it comes, over several turns. */
static bool is_written(void *ctx)
{
	struct rig *rig = ctx;
	static char buf[65536];

	while (read(rig->client, buf, sizeof(buf)) > 0)
		;
	return fake_ring_get_used(&rig->drv.rings[TX], &rig->elem);
}

static void long_output_takes_several_turns(void **state)
{
	struct rig rig;
	uint64_t gpa;

	rig_create(&rig);
	gpa = fake_driver_alloc(&rig.drv, 8 << 20);
	memset(fake_machine_ram(&rig.env, gpa, 8 << 20), '.', 8 << 20);
	memcpy(fake_machine_ram(&rig.env, gpa + (8 << 20) - 13, 13), "hello, world\n", 13);
	(void)fake_ring_add(&rig.drv.rings[TX],
		(struct fake_seg[]){{gpa, 1, 0}, {gpa + 1, (8 << 20) - 1, 0}}, 2);
	fake_driver_kick(&rig.drv, TX);
	assert_true(ev_run_once(rig.env.ev, 0) >= 0);
	assert_false(fake_ring_get_used(&rig.drv.rings[TX], &rig.elem)); /* others come first */
	assert_true(fake_machine_run(&rig.env, is_written, &rig, 30000));
	rig_destroy(&rig);
}

static void input_waits_for_buffers(void **state)
{
	struct rig rig;

	rig_create(&rig);
	assert_int_equal(write(rig.client, "abcdef", 6), 6);
	fake_machine_idle(&rig.env, 20);
	assert_false(has_input(&rig));
	(void)fake_ring_add(&rig.drv.rings[RX], &(struct fake_seg){rig.gpa, 4, VRING_DESC_F_WRITE},
		1);
	fake_driver_kick(&rig.drv, RX);
	assert_true(fake_machine_run(&rig.env, has_input, &rig, 1000));
	assert_int_equal(rig.elem.len, 4);
	(void)fake_ring_add(&rig.drv.rings[RX],
		&(struct fake_seg){rig.gpa + 4, 64, VRING_DESC_F_WRITE}, 1);
	fake_driver_kick(&rig.drv, RX);
	assert_true(fake_machine_run(&rig.env, has_input, &rig, 1000));
	assert_int_equal(rig.elem.len, 2);
	assert_memory_equal(fake_machine_ram(&rig.env, rig.gpa, 6), "abcdef", 6);
	rig_destroy(&rig);
}

static void input_buffer_without_room_breaks_the_device(void **state)
{
	struct rig rig;

	rig_create(&rig);
	(void)fake_ring_add(&rig.drv.rings[RX], &(struct fake_seg){rig.gpa, 4, 0}, 1);
	fake_driver_kick(&rig.drv, RX);
	assert_int_equal(write(rig.client, "x", 1), 1);
	fake_machine_idle(&rig.env, 20);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15 | 0x40);
	rig_destroy(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_reaches_the_client),
		cmocka_unit_test(long_output_takes_several_turns),
		cmocka_unit_test(input_waits_for_buffers),
		cmocka_unit_test(input_buffer_without_room_breaks_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
