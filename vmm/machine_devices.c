#include "machine_devices.h"

#include "console.h"
#include "dev/rtc.h"
#include "dev/serial.h"
#include "err.h"
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
		code = serial_create(&d->env, LAYOUT_PIO_SERIAL, LAYOUT_GSI_SERIAL, d->serial_console,
			&d->serial, err);
	if (!code)
		code = rtc_create(&d->env, config->n_vcpus, &d->rtc, err);
	if (!code)
		code = pm_create(&d->env, pm_fn, pm_ctx, &d->pm, err);
	return code;
}

int machine_devices_create(const struct config *config, const struct dev_env *env,
	pm_request_fn *pm_fn, void *pm_ctx, struct machine_devices **ret_devices, struct err *err)
{
	struct machine_devices *d = calloc(1, sizeof(*d));
	int code;

	if (!d)
		return err_set(err, -ENOMEM, "machine: out of memory");
	d->env = *env;
	code = machine_make_board(d, config, pm_fn, pm_ctx, err);
	if (code < 0) {
		machine_devices_destroy(d);
		return code;
	}
	*ret_devices = d;
	return 0;
}

void machine_devices_reset(struct machine_devices *d)
{
	pci_bus_reset(d->env.pci); // and each PCI device by its pci_dev_ops
	serial_reset(d->serial);
	rtc_reset(d->rtc);
	pm_reset(d->pm);
}

void machine_devices_destroy(struct machine_devices *d)
{
	if (!d)
		return;
	pci_bus_destroy(d->env.pci);
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
