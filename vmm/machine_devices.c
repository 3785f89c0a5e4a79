#include "machine_devices.h"

#include "console.h"
#include "dev/rtc.h"
#include "dev/serial.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_console.h"
#include "dev/virtio_net.h"
#include "dev/virtio_pci.h"
#include "dev/virtio_rng.h"
#include "err.h"
#include "ev.h"
#include "layout.h"
#include "pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct machine_devices {
	struct dev_env env;
	struct console *serial_console;
	struct serial *serial;
	struct rtc *rtc;
	struct pm *pm;
	struct virtio_net *nets[CONFIG_MAX_NETS];
	unsigned n_nets;
	struct virtio_blk *blks[CONFIG_MAX_DISKS];
	unsigned n_blks;
	struct console *virtio_console_console;
	struct virtio_console *virtio_console;
	struct virtio_rng *rng;
	struct ev_source *reset_timer; /* the deadline of begin_reset() */
};

static int machine_make_console(const struct config_console *config, const char *name,
	struct ev *ev, struct console **ret_console, struct err *err)
{
	int code = console_create(ev, name, ret_console);

	if (code < 0)
		return err_set(err, code, "%s: cannot make a console: %s", name, strerror(-code));
	for (unsigned i = 0; !code && i < config->n_sinks; i++)
		code = console_add_sink(*ret_console, &config->sinks[i], err);
	return code < 0 ? err_prefix(err, "%s", name) : 0;
}

static int machine_make_board(struct machine_devices *d, const struct config *config,
	pm_request_fn *pm_fn, void *pm_ctx, struct err *err)
{
	int code = pci_bus_create(d->env.pio, d->env.mmio, d->env.irq, &d->env.pci);

	if (code < 0)
		return err_set(err, code, "PCI: cannot make the bus: %s", strerror(-code));
	code = machine_make_console(&config->serial, "serial", d->env.ev, &d->serial_console, err);
	if (!code)
		code = serial_create(&d->env, LAYOUT_PIO_SERIAL, LAYOUT_GSI_SERIAL,
			d->serial_console, &d->serial, err);
	if (!code)
		code = rtc_create(&d->env, config->n_vcpus, &d->rtc, err);
	if (!code)
		code = pm_create(&d->env, pm_fn, pm_ctx, &d->pm, err);
	return code;
}

/* NICs first, so that their slots, and with them a guest's names, do not depend on the rest. */
static int machine_make_virtio(struct machine_devices *d, const struct config *config,
	struct err *err)
{
	int code = 0;

	for (unsigned i = 0; !code && i < config->n_nets; i++) {
		code = virtio_net_create(&d->env, &config->nets[i], &d->nets[i], err);
		if (code < 0)
			return err_prefix(err, "network device %u", i);
		d->n_nets++;
	}
	for (unsigned i = 0; !code && i < config->n_disks; i++) {
		code = virtio_blk_create(&d->env, &config->disks[i], &d->blks[i], err);
		if (code < 0)
			return err_prefix(err, "disk %u", i);
		d->n_blks++;
	}
	if (config->console.n_sinks) {
		code = machine_make_console(&config->console, "console", d->env.ev,
			&d->virtio_console_console, err);
		if (!code)
			code = virtio_console_create(&d->env, d->virtio_console_console,
				&d->virtio_console, err);
	}
	if (!code && config->rng)
		code = virtio_rng_create(&d->env, &d->rng, err);
	return code;
}

/* Calls fn for the transport of every virtio device. */
static void machine_each_virtio(struct machine_devices *d, void (*fn)(struct virtio_pci *vp))
{
	for (unsigned i = 0; i < d->n_nets; i++)
		fn(virtio_net_transport(d->nets[i]));
	for (unsigned i = 0; i < d->n_blks; i++)
		fn(virtio_blk_transport(d->blks[i]));
	if (d->virtio_console)
		fn(virtio_console_transport(d->virtio_console));
	if (d->rng)
		fn(virtio_rng_transport(d->rng));
}

static void machine_on_reset_deadline(void *ctx)
{
	machine_each_virtio(ctx, virtio_pci_abandon);
}

int machine_devices_create(const struct config *config, const struct dev_env *env,
	pm_request_fn *pm_fn, void *pm_ctx, struct machine_devices **ret_devices, struct err *err)
{
	struct machine_devices *d = calloc(1, sizeof(*d));
	int code;

	if (!d)
		return err_set(err, -ENOMEM, "machine: out of memory");
	d->env = *env;
	code = ev_add_timer(env->ev, machine_on_reset_deadline, d, &d->reset_timer);
	if (code < 0)
		(void)err_set(err, code, "machine: cannot make a timer: %s", strerror(-code));
	else
		code = machine_make_board(d, config, pm_fn, pm_ctx, err);
	if (!code)
		code = machine_make_virtio(d, config, err);
	if (code < 0) {
		machine_devices_destroy(d);
		return code;
	}
	*ret_devices = d;
	return 0;
}

int machine_devices_start(
	struct machine_devices *d, disk_enter_fn *enter_fn, void *enter_ctx, struct err *err)
{
	int code = 0;

	for (unsigned i = 0; !code && i < d->n_blks; i++) {
		code = virtio_blk_start(d->blks[i], enter_fn, enter_ctx);
		if (code < 0)
			return err_set(err, code, "disk %u: cannot start its threads: %s", i,
				strerror(-code));
	}
	return code;
}

void machine_devices_retry_disks(struct machine_devices *d)
{
	for (unsigned i = 0; i < d->n_blks; i++)
		virtio_blk_retry(d->blks[i]);
}

void machine_devices_settle(struct machine_devices *d)
{
	uint64_t deadline_ns = ev_now_ns() + MACHINE_SETTLE_MS * UINT64_C(1000000);

	for (unsigned i = 0; i < d->n_nets; i++)
		virtio_net_settle(d->nets[i], deadline_ns);
}

void machine_devices_begin_reset(struct machine_devices *d)
{
	machine_each_virtio(d, virtio_pci_begin_reset);
	ev_timer_set(d->reset_timer, MACHINE_RESET_MS * UINT64_C(1000000), 0);
}

bool machine_devices_is_quiet(struct machine_devices *d)
{
	bool is_quiet = true;

	for (unsigned i = 0; i < d->n_nets; i++)
		is_quiet = is_quiet && virtio_pci_is_quiet(virtio_net_transport(d->nets[i]));
	for (unsigned i = 0; i < d->n_blks; i++)
		is_quiet = is_quiet && virtio_pci_is_quiet(virtio_blk_transport(d->blks[i]));
	return is_quiet; // the others touch rings only when they are kicked
}

static void machine_pause_virtio(struct virtio_pci *vp)
{
	virtio_pci_set_paused(vp, true);
}

static void machine_resume_virtio(struct virtio_pci *vp)
{
	virtio_pci_set_paused(vp, false);
}

void machine_devices_set_paused(struct machine_devices *d, bool is_paused)
{
	machine_each_virtio(d, is_paused ? machine_pause_virtio : machine_resume_virtio);
	rtc_set_paused(d->rtc, is_paused);
}

void machine_devices_reset(struct machine_devices *d)
{
	ev_timer_stop(d->reset_timer);
	pci_bus_reset(d->env.pci); // and each PCI device by its pci_dev_ops
	serial_reset(d->serial);
	rtc_reset(d->rtc);
	pm_reset(d->pm);
}

void machine_devices_destroy(struct machine_devices *d)
{
	if (!d)
		return;
	ev_del(d->reset_timer);
	pci_bus_destroy(d->env.pci);
	for (unsigned i = 0; i < d->n_nets; i++)
		virtio_net_destroy(d->nets[i]);
	for (unsigned i = 0; i < d->n_blks; i++)
		virtio_blk_destroy(d->blks[i]);
	virtio_console_destroy(d->virtio_console);
	console_destroy(d->virtio_console_console);
	virtio_rng_destroy(d->rng);
	pm_destroy(d->pm);
	rtc_destroy(d->rtc);
	serial_destroy(d->serial);
	console_destroy(d->serial_console);
	free(d);
}

struct pm *machine_devices_pm(struct machine_devices *d)
{
	return d->pm;
}

struct virtio_net *machine_devices_net(struct machine_devices *d, unsigned i)
{
	return d->nets[i];
}
