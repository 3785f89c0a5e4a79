#include "irq.h"

#include "layout.h"
#include "log.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

LOG_MODULE("irq");

#define IRQ_FIRST_MSI_GSI LAYOUT_N_LINES

/*
 * A slot keeps its message after release: its route stays in the kernel, unused, so that the same
 * vector, unmasked again, needs no new routing table.
 */
struct irq_slot {
	struct irq_msi msi;
	bool used;
};

struct irq {
	const struct irq_ops *ops;
	void *ctx;
	pthread_mutex_t lock;
	struct irq_slot slots[IRQ_MAX_MSIS];
	struct irq_route routes[IRQ_MAX_MSIS]; /* scratch for set_routes */
	unsigned n_slots;                      /* high-water mark */
};

int irq_create(const struct irq_ops *ops, void *ctx, struct irq **ret_irq)
{
	struct irq *irq = calloc(1, sizeof(*irq));
	int r;

	if (!irq)
		return -ENOMEM;
	irq->ops = ops;
	irq->ctx = ctx;
	(void)pthread_mutex_init(&irq->lock, NULL);
	r = ops->set_routes(ctx, NULL, 0);
	if (r < 0) {
		irq_destroy(irq);
		return r;
	}
	*ret_irq = irq;
	return 0;
}

void irq_destroy(struct irq *irq)
{
	if (!irq)
		return;
	(void)pthread_mutex_destroy(&irq->lock);
	free(irq);
}

void irq_line_set(struct irq *irq, uint32_t gsi, bool level)
{
	int r = irq->ops->line(irq->ctx, gsi, level);

	if (r < 0)
		log_warn_ratelimited("line %u: cannot set it: %s", gsi, strerror(-r));
}

static bool msi_equal(const struct irq_msi *a, const struct irq_msi *b)
{
	return a->addr == b->addr && a->data == b->data;
}

static int write_routes_locked(struct irq *irq)
{
	for (unsigned i = 0; i < irq->n_slots; i++) {
		irq->routes[i] = (struct irq_route){
			.gsi = IRQ_FIRST_MSI_GSI + i,
			.msi = irq->slots[i].msi,
		};
	}
	return irq->ops->set_routes(irq->ctx, irq->routes, irq->n_slots);
}

/* A free slot, best one whose route says msi already. Returns -ENOSPC or the slot. */
static int find_slot_locked(const struct irq *irq, const struct irq_msi *msi)
{
	int free_slot = irq->n_slots < IRQ_MAX_MSIS ? (int)irq->n_slots : -ENOSPC;

	for (unsigned i = irq->n_slots; i-- > 0;) {
		if (irq->slots[i].used)
			continue;
		if (msi_equal(&irq->slots[i].msi, msi))
			return (int)i;
		free_slot = (int)i;
	}
	return free_slot;
}

static int set_message_locked(struct irq *irq, unsigned slot, const struct irq_msi *msi)
{
	struct irq_msi before = irq->slots[slot].msi;
	unsigned n_before = irq->n_slots;
	int r;

	if (slot < irq->n_slots && msi_equal(&before, msi))
		return 0;
	irq->slots[slot].msi = *msi;
	if (slot == irq->n_slots)
		irq->n_slots++;
	r = write_routes_locked(irq);
	if (r < 0) {
		irq->slots[slot].msi = before;
		irq->n_slots = n_before;
	}
	return r;
}

int irq_msi_assign(struct irq *irq, const struct irq_msi *msi, int fd, uint32_t *ret_gsi)
{
	int slot, r;

	(void)pthread_mutex_lock(&irq->lock);
	slot = find_slot_locked(irq, msi);
	r = slot < 0 ? slot : set_message_locked(irq, (unsigned)slot, msi);
	if (!r)
		r = irq->ops->irqfd(irq->ctx, fd, IRQ_FIRST_MSI_GSI + (uint32_t)slot, true);
	if (!r) {
		irq->slots[slot].used = true;
		*ret_gsi = IRQ_FIRST_MSI_GSI + (uint32_t)slot;
	}
	(void)pthread_mutex_unlock(&irq->lock);
	return r;
}

int irq_msi_update(struct irq *irq, uint32_t gsi, const struct irq_msi *msi)
{
	int r;

	(void)pthread_mutex_lock(&irq->lock);
	r = set_message_locked(irq, gsi - IRQ_FIRST_MSI_GSI, msi);
	(void)pthread_mutex_unlock(&irq->lock);
	return r;
}

void irq_msi_release(struct irq *irq, uint32_t gsi, int fd)
{
	struct irq_slot *slot = &irq->slots[gsi - IRQ_FIRST_MSI_GSI];

	(void)pthread_mutex_lock(&irq->lock);
	if (slot->used) {
		(void)irq->ops->irqfd(irq->ctx, fd, gsi, false);
		slot->used = false;
	}
	(void)pthread_mutex_unlock(&irq->lock);
}

/* KVM: the routing table replaces the former one, so the lines are written each time. */

static void kvm_add_pin(struct kvm_irq_routing *table, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

static int kvm_set_routes(void *ctx, const struct irq_route *routes, unsigned n_routes)
{
	size_t n_max = LAYOUT_N_LINES + 16 + n_routes;
	struct kvm_irq_routing *table =
		calloc(1, sizeof(*table) + n_max * sizeof(table->entries[0]));
	int r = 0;

	if (!table)
		return -ENOMEM;
	for (uint32_t gsi = 0; gsi < LAYOUT_N_LINES; gsi++) {
		if (gsi < 16)
			kvm_add_pin(table, gsi,
				gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi & 7);
		kvm_add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi);
	}
	for (unsigned i = 0; i < n_routes; i++) {
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
			.gsi = routes[i].gsi,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi =
				{
					.address_lo = (uint32_t)routes[i].msi.addr,
					.address_hi = (uint32_t)(routes[i].msi.addr >> 32),
					.data = routes[i].msi.data,
				},
		};
	}
	if (ioctl(*(int *)ctx, KVM_SET_GSI_ROUTING, table) < 0)
		r = -errno;
	free(table);
	return r;
}

static int kvm_assign_irqfd(void *ctx, int fd, uint32_t gsi, bool assign)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(*(int *)ctx, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

static int kvm_set_line(void *ctx, uint32_t gsi, bool level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	return ioctl(*(int *)ctx, KVM_IRQ_LINE, &line) < 0 ? -errno : 0;
}

const struct irq_ops irq_kvm_ops = {
	.set_routes = kvm_set_routes,
	.irqfd = kvm_assign_irqfd,
	.line = kvm_set_line,
};
