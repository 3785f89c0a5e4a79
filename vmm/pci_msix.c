/* MSI-X: table, pending bits, masking (pci.h says how a count in an eventfd is a pending bit). */
#include "pci_priv.h"

#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_MODULE("msix");

#define PCI_MSIX_ENTRY_BYTES   16
#define PCI_MSIX_CTL_ENABLE    0x8000u
#define PCI_MSIX_CTL_MASK_ALL  0x4000u
#define PCI_MSIX_VECTOR_MASKED 1u
/* Where the four words of a table entry are. */
enum { PCI_MSIX_ADDR_LO, PCI_MSIX_ADDR_HI, PCI_MSIX_DATA, PCI_MSIX_VECTOR_CTL };

static uint64_t table_bytes(const struct pci_msix *msix)
{
	return (uint64_t)msix->n_vectors * PCI_MSIX_ENTRY_BYTES;
}

static uint64_t pba_bytes(const struct pci_msix *msix)
{
	return (msix->n_vectors + 63ull) / 64 * 8;
}

/* Tie the vector's eventfd to its message, or take it off, as enable and mask bits now say. */
static void sync_locked(struct pci_dev *dev, unsigned vector, bool message_changed)
{
	struct pci_msix *msix = &dev->msix;
	struct pci_msix_vector *v = &msix->vectors[vector];
	bool live = atomic_load(&msix->enabled) && !msix->function_masked && !v->masked;
	int r = 0;

	if (live && !v->attached) {
		r = irq_msi_assign(dev->bus->irq, &v->msi, v->fd, &v->gsi);
		v->attached = r == 0;
	} else if (live && message_changed) {
		r = irq_msi_update(dev->bus->irq, v->gsi, &v->msi);
	} else if (!live && v->attached) {
		irq_msi_release(dev->bus->irq, v->gsi, v->fd);
		v->attached = false;
	}
	if (r < 0)
		log_warn_ratelimited("%s: vector %u cannot be delivered: %s", dev->name, vector,
			strerror(-r));
}

static void sync_all_locked(struct pci_dev *dev)
{
	for (unsigned i = 0; i < dev->msix.n_vectors; i++)
		sync_locked(dev, i, false);
}

int pci_msix_add(struct pci_dev *dev, unsigned idx, uint64_t table_offset, uint64_t pba_offset,
	unsigned n_vectors)
{
	struct pci_msix *msix = &dev->msix;
	uint8_t body[10] = {0};
	uint8_t mask[10] = {0, 0xc0}; /* enable and function mask */
	uint32_t table = (uint32_t)table_offset | idx, pba = (uint32_t)pba_offset | idx;
	int at;

	if (!n_vectors || n_vectors > PCI_MSIX_MAX_VECTORS || idx >= PCI_N_BARS ||
		!dev->bars[idx].present || msix->n_vectors || (table_offset | pba_offset) & 0xfff)
		return -EINVAL;
	msix->vectors = calloc(n_vectors, sizeof(msix->vectors[0]));
	if (!msix->vectors)
		return -ENOMEM;
	for (unsigned i = 0; i < n_vectors; i++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0)
			return -errno; /* pci_msix_done() closes those that were made */
		msix->vectors[i] = (struct pci_msix_vector){.fd = fd, .masked = true};
		msix->n_vectors++;
	}
	msix->bar_idx = idx;
	msix->table_offset = table_offset;
	msix->pba_offset = pba_offset;
	body[0] = (uint8_t)(n_vectors - 1);
	body[1] = (uint8_t)((n_vectors - 1) >> 8);
	for (unsigned i = 0; i < 4; i++) {
		body[2 + i] = (uint8_t)(table >> (8 * i));
		body[6 + i] = (uint8_t)(pba >> (8 * i));
	}
	at = pci_dev_add_cap(dev, PCI_CAP_ID_MSIX, body, mask, sizeof(body));
	if (at < 0)
		return at;
	msix->cap_offset = (unsigned)at;
	return 0;
}

void pci_msix_done(struct pci_dev *dev)
{
	struct pci_msix *msix = &dev->msix;

	for (unsigned i = 0; i < msix->n_vectors; i++) {
		struct pci_msix_vector *v = &msix->vectors[i];

		if (v->attached)
			irq_msi_release(dev->bus->irq, v->gsi, v->fd);
		(void)close(v->fd);
	}
	free(msix->vectors);
	(void)pthread_mutex_destroy(&msix->lock);
}

void pci_msix_reset(struct pci_dev *dev)
{
	struct pci_msix *msix = &dev->msix;

	(void)pthread_mutex_lock(&msix->lock);
	atomic_store(&msix->enabled, false);
	msix->function_masked = false;
	for (unsigned i = 0; i < msix->n_vectors; i++) {
		struct pci_msix_vector *v = &msix->vectors[i];
		uint64_t count;

		v->masked = true;
		v->msi = (struct irq_msi){0};
		sync_locked(dev, i, false);
		(void)!read(v->fd, &count,
			sizeof(count)); /* what was pending died with the reset */
	}
	(void)pthread_mutex_unlock(&msix->lock);
}

void pci_msix_control_written(struct pci_dev *dev)
{
	struct pci_msix *msix = &dev->msix;
	uint32_t control = pci_config_get(dev, msix->cap_offset + 2, 2);

	(void)pthread_mutex_lock(&msix->lock);
	atomic_store(&msix->enabled, (control & PCI_MSIX_CTL_ENABLE) != 0);
	msix->function_masked = control & PCI_MSIX_CTL_MASK_ALL;
	sync_all_locked(dev);
	(void)pthread_mutex_unlock(&msix->lock);
	pci_intx_update(dev);
}

/* Table and pending bits in the BAR */

bool pci_msix_owns(const struct pci_dev *dev, unsigned idx, uint64_t offset)
{
	const struct pci_msix *msix = &dev->msix;

	return msix->n_vectors && idx == msix->bar_idx &&
	       (offset - msix->table_offset < table_bytes(msix) ||
		       offset - msix->pba_offset < pba_bytes(msix));
}

static uint32_t read_word(const struct pci_msix_vector *v, unsigned word)
{
	switch (word) {
	case PCI_MSIX_ADDR_LO:
		return (uint32_t)v->msi.addr;
	case PCI_MSIX_ADDR_HI:
		return (uint32_t)(v->msi.addr >> 32);
	case PCI_MSIX_DATA:
		return v->msi.data;
	default:
		return v->masked ? PCI_MSIX_VECTOR_MASKED : 0;
	}
}

static void write_word(struct pci_msix_vector *v, unsigned word, uint32_t value)
{
	switch (word) {
	case PCI_MSIX_ADDR_LO:
		v->msi.addr = (v->msi.addr & ~0xffffffffull) | (value & ~3u);
		break;
	case PCI_MSIX_ADDR_HI:
		v->msi.addr = (v->msi.addr & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case PCI_MSIX_DATA:
		v->msi.data = value;
		break;
	default:
		v->masked = value & PCI_MSIX_VECTOR_MASKED;
		break;
	}
}

static uint64_t read_pending_locked(const struct pci_msix *msix, uint64_t offset)
{
	unsigned first = (unsigned)(offset / 8) * 64;
	uint64_t bits = 0;

	for (unsigned i = 0; i < 64 && first + i < msix->n_vectors; i++) {
		const struct pci_msix_vector *v = &msix->vectors[first + i];
		struct pollfd p = {.fd = v->fd, .events = POLLIN};

		/* An attached one is the kernel's to consume; its count is not "pending". */
		if (!v->attached && poll(&p, 1, 0) == 1)
			bits |= 1ull << i;
	}
	return bits >> (8 * (offset & 7));
}

uint64_t pci_msix_bar_read(struct pci_dev *dev, uint64_t offset, unsigned size)
{
	struct pci_msix *msix = &dev->msix;
	uint64_t at = offset - msix->table_offset, value = 0;

	(void)pthread_mutex_lock(&msix->lock);
	if (at >= table_bytes(msix)) {
		value = read_pending_locked(msix, offset - msix->pba_offset);
	} else if (size >= 4 && !(at & (size - 1))) {
		const struct pci_msix_vector *v = &msix->vectors[at / PCI_MSIX_ENTRY_BYTES];

		value = read_word(v, at / 4 % 4);
		if (size == 8)
			value |= (uint64_t)read_word(v, at / 4 % 4 + 1) << 32;
	}
	(void)pthread_mutex_unlock(&msix->lock);
	return value;
}

/* The table is written in aligned words of 4 or 8 bytes (6.8.2); others and the PBA ignore it. */
void pci_msix_bar_write(struct pci_dev *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_msix *msix = &dev->msix;
	uint64_t at = offset - msix->table_offset;
	unsigned vector = (unsigned)(at / PCI_MSIX_ENTRY_BYTES);
	struct irq_msi before;

	if (at >= table_bytes(msix) || size < 4 || at & (size - 1))
		return;
	(void)pthread_mutex_lock(&msix->lock);
	before = msix->vectors[vector].msi;
	write_word(&msix->vectors[vector], at / 4 % 4, (uint32_t)value);
	if (size == 8)
		write_word(&msix->vectors[vector], at / 4 % 4 + 1, (uint32_t)(value >> 32));
	sync_locked(dev, vector,
		before.addr != msix->vectors[vector].msi.addr ||
			before.data != msix->vectors[vector].msi.data);
	(void)pthread_mutex_unlock(&msix->lock);
}

/* For devices */

unsigned pci_msix_n_vectors(const struct pci_dev *dev)
{
	return dev->msix.n_vectors;
}

bool pci_msix_enabled(const struct pci_dev *dev)
{
	return atomic_load(&dev->msix.enabled);
}

int pci_msix_eventfd(const struct pci_dev *dev, unsigned vector)
{
	return vector < dev->msix.n_vectors ? dev->msix.vectors[vector].fd : -1;
}

void pci_msix_notify(struct pci_dev *dev, unsigned vector)
{
	static const uint64_t one = 1;
	int fd = pci_msix_eventfd(dev, vector);

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one)); /* a full counter is pending already */
}
