/*
 * A machine's devices as a whole. They are reset while back-ends hold on to the rings: all are told
 * at once, the loop answers meanwhile, and those that do not let go are dropped together. They are
 * paused: back-ends give the rings back, and the clock stays silent.
 */
#include "backend.h"
#include "bus.h"
#include "config.h"
#include "dev/virtio_net.h"
#include "dev/virtio_pci.h"
#include "ev.h"
#include "fake_machine.h"
#include "layout.h"
#include "log.h"
#include "machine_devices.h"
#include "ping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_NETS       8
#define DRIVER_BYTES (2u << 20) /* of RAM for each */
#define FEATURES                                                               \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		VIRTIO_BIT(VIRTIO_NET_F_CSUM))
#define P(bit) VIRTIO_BIT(VHOST_USER_PROTOCOL_F_##bit)

struct rig {
	char dir[32], paths[N_NETS][64], ctl[64];
	struct config *config;
	struct dev_env env;
	struct machine_devices *devices;
	struct backend backends[N_NETS];
	struct fake_driver drivers[N_NETS];
	struct ping ping;
	unsigned n_settles;
};

static void ignore_pm(void *ctx, enum pm_request request)
{
}

static void count_settle(void *ctx)
{
	((struct rig *)ctx)->n_settles++;
}

static struct virtio_pci *transport(struct rig *rig, unsigned i)
{
	return virtio_net_transport(machine_devices_net(rig->devices, i));
}

static void rig_create(struct rig *rig)
{
	*rig = (struct rig){.dir = "/tmp/weft-reset-XXXXXX"};
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->ctl, sizeof(rig->ctl), "%s/ctl", rig->dir);
	rig->config = calloc(1, sizeof(*rig->config));
	rig->config->n_vcpus = 1;
	rig->config->n_nets = N_NETS;
	fake_machine_create_bare(&rig->env);
	rig->env.settle = count_settle;
	rig->env.settle_ctx = rig;
	for (unsigned i = 0; i < N_NETS; i++) {
		(void)snprintf(rig->paths[i], sizeof(rig->paths[i]), "%s/%u", rig->dir, i);
		rig->config->nets[i] = (struct config_net){
			.server = true,
			.n_queue_pairs = 1,
			.queue_size = 64,
			.mac = {{2, 0, 0, 0, 0, (uint8_t)i}},
		};
		memcpy(rig->config->nets[i].path, rig->paths[i], sizeof(rig->paths[i]));
		rig->backends[i] = (struct backend){
			.path = rig->paths[i],
			.features = FEATURES,
			.protocol_features = P(REPLY_ACK) | P(MQ),
			.max_queue_pairs = 1,
		};
	}
	assert_int_equal(machine_devices_create(rig->config, &rig->env, ignore_pm, NULL,
				 &rig->devices, NULL),
		0);
	machine_devices_reset(rig->devices);
	ping_create(&rig->ping, rig->env.ev, rig->ctl);
}

static void rig_destroy(struct rig *rig)
{
	ping_destroy(&rig->ping);
	machine_devices_destroy(rig->devices);
	fake_machine_destroy(&rig->env);
	free(rig->config);
	assert_int_equal(rmdir(rig->dir), 0);
}

static bool all_run(void *ctx)
{
	struct rig *rig = ctx;

	for (unsigned i = 0; i < N_NETS; i++) {
		if (rig->backends[i].n_enabled != 2)
			return false;
	}
	return true;
}

static void start_all(struct rig *rig)
{
	for (unsigned i = 0; i < N_NETS; i++)
		fake_driver_start_at(&rig->drivers[i], &rig->env, transport(rig, i), FEATURES,
			FAKE_DRIVER_BASE + i * DRIVER_BYTES);
	assert_true(fake_machine_run(&rig->env, all_run, rig, 60000));
}

static unsigned count_quiet(struct rig *rig)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_NETS; i++)
		n += virtio_pci_is_quiet(transport(rig, i));
	return n;
}

static void hung_backends_are_dropped_together(void **state)
{
	unsigned n_answers = 0, n_quiet = 0;
	struct rig rig;

	rig_create(&rig);
	for (unsigned i = 0; i < N_NETS; i++) {
		rig.backends[i].fault = FAULT_SILENT;
		rig.backends[i].fault_request = VHOST_USER_GET_VRING_BASE;
		rig.backends[i].n_faulty = 1;
		backend_start(&rig.backends[i]);
	}
	start_all(&rig);
	machine_devices_begin_reset(rig.devices);
	assert_false(machine_devices_is_quiet(rig.devices));
	while (!machine_devices_is_quiet(rig.devices)) {
		/* Two rounds answer a question, whatever the devices wait for. */
		ping_ask(&rig.ping);
		for (unsigned round = 0; round < 3; round++) {
			assert_true(ev_run_once(rig.env.ev, 10) >= 0);
			if (count_quiet(&rig) != n_quiet) {
				n_quiet = count_quiet(&rig);
				assert_int_equal(n_quiet, N_NETS); /* in one round */
			}
		}
		assert_true(ping_is_answered(&rig.ping));
		n_answers++;
	}
	assert_true(n_answers);
	assert_int_equal(rig.n_settles, N_NETS);
	machine_devices_reset(rig.devices);
	for (unsigned i = 0; i < N_NETS; i++)
		assert_int_equal(virtio_pci_bar_read(transport(&rig, i), 0x14, 1), 0);
	start_all(&rig); /* on their second connection they behave */
	for (unsigned i = 0; i < N_NETS; i++)
		fake_driver_reset(&rig.drivers[i]);
	for (unsigned i = 0; i < N_NETS; i++)
		backend_stop(&rig.backends[i]);
	rig_destroy(&rig);
}

static bool none_runs(void *ctx)
{
	struct rig *rig = ctx;

	for (unsigned i = 0; i < N_NETS; i++) {
		if (rig->backends[i].n_running)
			return false;
	}
	return true;
}

static bool clock_interrupts(void *ctx)
{
	return fake_machine_line(LAYOUT_GSI_RTC);
}

static void set_clock_register(struct rig *rig, unsigned at, unsigned value)
{
	bus_write(rig->env.pio, 0x70, 1, at);
	bus_write(rig->env.pio, 0x71, 1, value);
}

/* Takes the clock's interrupt away until the next. */
static void acknowledge_clock(struct rig *rig)
{
	bus_write(rig->env.pio, 0x70, 1, 12);
	(void)bus_read(rig->env.pio, 0x71, 1);
}

/* Whoever looks at a paused machine finds its memory and devices as they are. */
static void a_pause_stops_every_device(void **state)
{
	struct rig rig;

	rig_create(&rig);
	for (unsigned i = 0; i < N_NETS; i++)
		backend_start(&rig.backends[i]);
	start_all(&rig);
	set_clock_register(&rig, 10, 0x26); /* 1,024 times a second */
	set_clock_register(&rig, 11, 0x42);
	for (unsigned round = 0; round < 3; round++) {
		assert_true(fake_machine_run(&rig.env, clock_interrupts, NULL, 1000));
		machine_devices_set_paused(rig.devices, true);
		acknowledge_clock(&rig);
		assert_true(fake_machine_run(&rig.env, none_runs, &rig, 5000));
		fake_machine_idle(&rig.env, 20);
		assert_false(fake_machine_line(LAYOUT_GSI_RTC));
		assert_true(none_runs(&rig));
		machine_devices_set_paused(rig.devices, false);
		assert_true(fake_machine_run(&rig.env, all_run, &rig, 5000));
	}
	for (unsigned i = 0; i < N_NETS; i++)
		fake_driver_reset(&rig.drivers[i]);
	for (unsigned i = 0; i < N_NETS; i++)
		backend_stop(&rig.backends[i]);
	rig_destroy(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hung_backends_are_dropped_together),
		cmocka_unit_test(a_pause_stops_every_device),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
