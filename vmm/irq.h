/**
 * irq: interrupts into the guest: legacy lines, and messages (MSI) sent by counting an eventfd up.
 *
 * Data model: GSIs 0..23 are the lines of PIC and I/O APIC. Higher GSIs are given out one per MSI
 * message in use; the kernel's routing table says which message a GSI stands for, and an irqfd ties
 * an eventfd to the GSI.
 * Invariants: (1) a route is written before the irqfd that needs it is assigned; (2) an irqfd is
 * taken off before its route changes owner. The other order has crashed hosts.
 * A message that is already waiting in an eventfd when its irqfd is assigned is delivered then: the
 * kernel looks at the counter. That is how masked MSI-X vectors replay.
 * Threads: any; one internal lock, a leaf in the lock order (bus.h).
 * Limits: IRQ_MAX_MSIS messages at a time.
 * Source: KVM_SET_GSI_ROUTING, KVM_IRQFD, KVM_IRQ_LINE.
 */
#ifndef WEFT_VMM_IRQ_H
#define WEFT_VMM_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct irq;

#define IRQ_MAX_MSIS 2048

struct irq_msi {
	uint64_t addr;
	uint32_t data;
};

struct irq_route {
	uint32_t gsi;
	struct irq_msi msi;
};

/** What the kernel does for us; tests put a recorder here. Each returns 0 or -errno. */
struct irq_ops {
	/** The whole set of message routes; the lines' routes are added by the implementation. */
	int (*set_routes)(void *ctx, const struct irq_route *routes, unsigned n_routes);
	int (*irqfd)(void *ctx, int fd, uint32_t gsi, bool assign);
	int (*line)(void *ctx, uint32_t gsi, bool level);
};

/** Operations on a KVM VM; ctx is a pointer to the VM's fd (int). */
extern const struct irq_ops irq_kvm_ops;

/** Life cycle. ops and ctx are borrowed. irq_destroy() accepts NULL. */
int irq_create(const struct irq_ops *ops, void *ctx, struct irq **ret_irq);
void irq_destroy(struct irq *irq);

/** Set a legacy line (0..23). */
void irq_line_set(struct irq *irq, uint32_t gsi, bool level);

/**
 * Messages. assign: from now on each count of fd sends msi; a count already there is sent at once.
 * update: the message changes, the eventfd stays. release: accepts a gsi that was not assigned.
 * returns  0, -ENOSPC (no GSI left), or what the kernel said
 */
int irq_msi_assign(struct irq *irq, const struct irq_msi *msi, int fd, uint32_t *ret_gsi);
int irq_msi_update(struct irq *irq, uint32_t gsi, const struct irq_msi *msi);
void irq_msi_release(struct irq *irq, uint32_t gsi, int fd);

#endif
