/**
 * bus: who answers an I/O port or memory-mapped access of the guest.
 *
 * There are two, one for ports and one for memory. A device registers ranges; an access that hits
 * no range, or that runs over the end of one, reads all ones and is dropped when it writes.
 *
 * Data model: a sorted table of ranges that do not overlap. A range may be unmapped (known, but
 * answering nothing) and moved, which is how PCI BARs work.
 * Threads: bus_read()/bus_write() from any vCPU thread at once; the table is read under a shared
 * lock that is released before the handler runs, so handlers of one device may run on several vCPU
 * threads at a time: a device locks itself. bus_move() and bus_unmap() may be called from a
 * handler. A handler may still run on another vCPU when its range has just been moved; a device is
 * destroyed only when no vCPU thread runs.
 * Lock order: pci bus > device > msix > irq, bus (leaves).
 * Life cycle: bus_register() gives a range owned by the bus; bus_destroy() frees all of them.
 * Limits: accesses are 1, 2, 4 or 8 bytes (others are split before they come here).
 */
#ifndef WEFT_VMM_BUS_H
#define WEFT_VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct bus;
struct bus_range;

#define BUS_UNMAPPED UINT64_MAX

struct bus_ops {
	/** offset from the range's base; size 1, 2, 4 or 8; upper bits of the value are ignored. */
	uint64_t (*read)(void *ctx, uint64_t offset, unsigned size);
	void (*write)(void *ctx, uint64_t offset, unsigned size, uint64_t value);
};

/** Attach or detach an ioeventfd in the kernel. Returns 0 or -errno. */
typedef int bus_ioeventfd_fn(void *ctx, uint64_t addr, unsigned len, int fd, bool assign);

/** Life cycle. name is "pio" or "mmio" (static). bus_destroy() accepts NULL. */
int bus_create(const char *name, uint64_t size, struct bus **ret_bus);
void bus_destroy(struct bus *bus);

/**
 * Make a range. base may be BUS_UNMAPPED.
 * name         static or outliving the bus
 * ret_range    may be NULL
 * returns      0, -EEXIST (overlaps another mapped range), -ERANGE (leaves the bus), -ENOMEM
 */
int bus_register(struct bus *bus, const char *name, uint64_t base, uint64_t size,
	const struct bus_ops *ops, void *ctx, struct bus_range **ret_range);
void bus_unregister(struct bus *bus, struct bus_range *range);

/** Map at base, wherever it was before. On -EEXIST or -ERANGE the range is left unmapped. */
int bus_move(struct bus *bus, struct bus_range *range, uint64_t base);
void bus_unmap(struct bus *bus, struct bus_range *range);

/** Accesses of a guest: never fail. */
uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned size);
void bus_write(struct bus *bus, uint64_t addr, unsigned size, uint64_t value);

/**
 * ioeventfds: a guest write of len bytes at addr (len 0: of any length) counts fd up without the
 * VMM; the range's write handler is not called. Without a kernel hook (unit tests) bus_write()
 * signals fd itself. Any thread. fd is borrowed and must stay open until released.
 * assign returns 0, -EEXIST (address taken) or what the kernel said; release accepts what was never
 * assigned.
 */
void bus_set_ioeventfd_hook(struct bus *bus, bus_ioeventfd_fn *fn, void *ctx);
int bus_ioeventfd_assign(struct bus *bus, uint64_t addr, unsigned len, int fd);
void bus_ioeventfd_release(struct bus *bus, uint64_t addr, unsigned len, int fd);

#endif
