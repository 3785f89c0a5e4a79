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

/* NICs, disks, and what every machine has. */
#define MAX_DEVICES (CONFIG_MAX_NETS + CONFIG_MAX_DISKS + 8)

struct machine_device {
	const struct device_ops *ops;
	void *device;
};

struct machine_devices {
	struct dev_env env;
	struct machine_device list[MAX_DEVICES]; /* in the order of making */
	unsigned n;
	struct pm *pm;
	struct virtio_net *nets[CONFIG_MAX_NETS];
	struct ev_source *reset_timer; /* the deadline of begin_reset() */
};

static void destroy_console(void *device)
{
	console_destroy(device);
}

/* A console is made before the device that uses it, and ends after it. */
static const struct device_ops console_ops = {.destroy = destroy_console};

static void add_device(struct machine_devices *d, const struct device_ops *ops, void *device)
{
	d->list[d->n++] = (struct machine_device){ops, device};
}

static int make_console(struct machine_devices *d, const struct config_console *config,
	const char *name, struct console **ret_console, struct err *err)
{
	int r = console_create(d->env.ev, name, ret_console);

	if (r < 0)
		return err_set(err, r, "%s: cannot make a console: %s", name, strerror(-r));
	add_device(d, &console_ops, *ret_console);
	for (unsigned i = 0; !r && i < config->n_sinks; i++)
		r = console_add_sink(*ret_console, &config->sinks[i], err);
	return r < 0 ? err_prefix(err, "%s", name) : 0;
}

static int make_serial(struct machine_devices *d, const struct config *config, struct err *err)
{
	struct console *console;
	struct serial *serial;
	int r = make_console(d, &config->serial, "serial", &console, err);

	if (!r)
		r = serial_create(&d->env, LAYOUT_PIO_SERIAL, LAYOUT_GSI_SERIAL, console, &serial,
			err);
	if (!r)
		add_device(d, &serial_device_ops, serial);
	return r;
}

static int make_board(struct machine_devices *d, const struct config *config, pm_request_fn *pm_fn,
	void *pm_ctx, struct err *err)
{
	struct rtc *rtc;
	int r = pci_bus_create(d->env.pio, d->env.mmio, d->env.irq, &d->env.pci);

	if (r < 0)
		return err_set(err, r, "PCI: cannot make the bus: %s", strerror(-r));
	r = make_serial(d, config, err);
	if (!r)
		r = rtc_create(&d->env, config->n_vcpus, &rtc, err);
	if (r)
		return r;
	add_device(d, &rtc_device_ops, rtc);
	r = pm_create(&d->env, pm_fn, pm_ctx, &d->pm, err);
	if (!r)
		add_device(d, &pm_device_ops, d->pm);
	return r;
}

static int make_virtio_console(struct machine_devices *d, const struct config *config,
	struct err *err)
{
	struct virtio_console *device;
	struct console *console;
	int r = make_console(d, &config->console, "console", &console, err);

	if (!r)
		r = virtio_console_create(&d->env, console, &device, err);
	if (!r)
		add_device(d, &virtio_console_device_ops, device);
	return r;
}

/* NICs first, so that their slots, and with them a guest's names, do not depend on the rest. */
static int make_virtio(struct machine_devices *d, const struct config *config, struct err *err)
{
	struct virtio_blk *blk;
	struct virtio_rng *rng;
	int r = 0;

	for (unsigned i = 0; i < config->n_nets; i++) {
		r = virtio_net_create(&d->env, &config->nets[i], &d->nets[i], err);
		if (r < 0)
			return err_prefix(err, "network device %u", i);
		add_device(d, &virtio_net_device_ops, d->nets[i]);
	}
	for (unsigned i = 0; i < config->n_disks; i++) {
		r = virtio_blk_create(&d->env, &config->disks[i], &blk, err);
		if (r < 0)
			return err_prefix(err, "disk %u", i);
		add_device(d, &virtio_blk_device_ops, blk);
	}
	if (config->console.n_sinks)
		r = make_virtio_console(d, config, err);
	if (r || !config->rng)
		return r;
	r = virtio_rng_create(&d->env, &rng, err);
	if (!r)
		add_device(d, &virtio_rng_device_ops, rng);
	return r;
}

/* Calls fn for the transport of every virtio device. */
static void each_virtio(struct machine_devices *d, void (*fn)(struct virtio_pci *vp))
{
	for (unsigned i = 0; i < d->n; i++) {
		const struct machine_device *item = &d->list[i];

		if (item->ops->transport)
			fn(item->ops->transport(item->device));
	}
}

static void on_reset_deadline(void *ctx)
{
	each_virtio(ctx, virtio_pci_abandon);
}

int machine_devices_create(const struct config *config, const struct dev_env *env,
	pm_request_fn *pm_fn, void *pm_ctx, struct machine_devices **ret_devices, struct err *err)
{
	struct machine_devices *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(err, -ENOMEM, "machine: out of memory");
	d->env = *env;
	r = ev_add_timer(env->ev, on_reset_deadline, d, &d->reset_timer);
	if (r < 0)
		(void)err_set(err, r, "machine: cannot make a timer: %s", strerror(-r));
	else
		r = make_board(d, config, pm_fn, pm_ctx, err);
	if (!r)
		r = make_virtio(d, config, err);
	if (r < 0) {
		machine_devices_destroy(d);
		return r;
	}
	*ret_devices = d;
	return 0;
}

int machine_devices_start(struct machine_devices *d, disk_enter_fn *enter_fn, void *enter_ctx,
	struct err *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < d->n; i++) {
		if (d->list[i].ops->start)
			r = d->list[i].ops->start(d->list[i].device, enter_fn, enter_ctx, err);
	}
	return r;
}

void machine_devices_retry(struct machine_devices *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		if (d->list[i].ops->retry)
			d->list[i].ops->retry(d->list[i].device);
	}
}

void machine_devices_settle(struct machine_devices *d)
{
	uint64_t deadline_ns = ev_now_ns() + MACHINE_SETTLE_MS * UINT64_C(1000000);

	for (unsigned i = 0; i < d->n; i++) {
		if (d->list[i].ops->settle)
			d->list[i].ops->settle(d->list[i].device, deadline_ns);
	}
}

void machine_devices_begin_reset(struct machine_devices *d)
{
	each_virtio(d, virtio_pci_begin_reset);
	ev_timer_set(d->reset_timer, MACHINE_RESET_MS * UINT64_C(1000000), 0);
}

bool machine_devices_is_quiet(struct machine_devices *d)
{
	bool is_quiet = true;

	for (unsigned i = 0; i < d->n; i++) {
		const struct machine_device *item = &d->list[i];

		if (item->ops->transport)
			is_quiet =
				is_quiet && virtio_pci_is_quiet(item->ops->transport(item->device));
	}
	return is_quiet;
}

static void pause_virtio(struct virtio_pci *vp)
{
	virtio_pci_set_paused(vp, true);
}

static void resume_virtio(struct virtio_pci *vp)
{
	virtio_pci_set_paused(vp, false);
}

void machine_devices_set_paused(struct machine_devices *d, bool is_paused)
{
	each_virtio(d, is_paused ? pause_virtio : resume_virtio);
	for (unsigned i = 0; i < d->n; i++) {
		if (d->list[i].ops->set_paused)
			d->list[i].ops->set_paused(d->list[i].device, is_paused);
	}
}

void machine_devices_reset(struct machine_devices *d)
{
	ev_timer_stop(d->reset_timer);
	pci_bus_reset(d->env.pci); /* and each PCI device by its pci_dev_ops */
	for (unsigned i = 0; i < d->n; i++) {
		if (d->list[i].ops->reset)
			d->list[i].ops->reset(d->list[i].device);
	}
}

void machine_devices_destroy(struct machine_devices *d)
{
	if (!d)
		return;
	ev_del(d->reset_timer);
	pci_bus_destroy(d->env.pci);
	while (d->n) {
		d->n--;
		d->list[d->n].ops->destroy(d->list[d->n].device);
	}
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
