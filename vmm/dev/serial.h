/**
 * serial: a 16550A at one port range and interrupt line, its far end a console.
 *
 * Not modelled: line speed and parity; what is sent has arrived at once. The receiver has a queue
 * behind the FIFO's 16 bytes, so that a pasted text is not lost.
 * Threads: register accesses on vCPU threads, input on the loop's thread; one lock inside.
 * Source: National Semiconductor PC16550D data sheet, 8 "Registers".
 */
#ifndef WEFT_VMM_DEV_SERIAL_H
#define WEFT_VMM_DEV_SERIAL_H

#include "device.h"

#include <stdint.h>

struct console;
struct dev_env;
struct err;
struct serial;

/** console is borrowed and outlives the device. */
int serial_create(const struct dev_env *env, uint16_t port, uint32_t gsi, struct console *console,
	struct serial **ret_serial, struct err *err);
void serial_reset(struct serial *serial);
void serial_destroy(struct serial *serial);

extern const struct device_ops serial_device_ops;

#endif
