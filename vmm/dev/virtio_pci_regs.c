#include "virtio_pci_priv.h"

#include "pci.h"
#include "virtio_wire.h"

#include <string.h>

/* 4.1.4.3 "Common configuration structure layout": offsets */
enum {
	REG_DEVICE_FEATURE_SELECT = 0x00,
	REG_DEVICE_FEATURE = 0x04,
	REG_DRIVER_FEATURE_SELECT = 0x08,
	REG_DRIVER_FEATURE = 0x0c,
	REG_CONFIG_VECTOR = 0x10,
	REG_N_QUEUES = 0x12,
	REG_STATUS = 0x14,
	REG_GENERATION = 0x15,
	REG_QUEUE_SELECT = 0x16,
	REG_QUEUE_SIZE = 0x18,
	REG_QUEUE_VECTOR = 0x1a,
	REG_QUEUE_ENABLE = 0x1c,
	REG_QUEUE_NOTIFY_OFF = 0x1e,
	REG_QUEUE_DESC = 0x20,
	REG_QUEUE_DRIVER = 0x28,
	REG_QUEUE_DEVICE = 0x30,
};

static uint64_t read_features(struct virtio_pci *vp)
{
	switch (vp->device_feature_select) {
	case 0:
		return (uint32_t)virtio_pci_offered(vp);
	case 1:
		return virtio_pci_offered(vp) >> 32;
	default:
		return 0;
	}
}

static uint64_t read_driver_features(const struct virtio_pci *vp)
{
	switch (vp->driver_feature_select) {
	case 0:
		return (uint32_t)vp->driver_features;
	case 1:
		return vp->driver_features >> 32;
	default:
		return 0;
	}
}

/* A register is read at its start; a 64-bit one also by its halves. */
static uint64_t read_common(struct virtio_pci *vp, unsigned offset)
{
	static const struct virtio_queue none = {.vector = VIRTIO_PCI_NO_VECTOR};
	bool exists = vp->queue_select < vp->config.n_queues;
	const struct virtio_queue *q = exists ? &vp->queues[vp->queue_select] : &none;

	switch (offset) {
	case REG_DEVICE_FEATURE_SELECT:
		return vp->device_feature_select;
	case REG_DEVICE_FEATURE:
		return read_features(vp);
	case REG_DRIVER_FEATURE_SELECT:
		return vp->driver_feature_select;
	case REG_DRIVER_FEATURE:
		return read_driver_features(vp);
	case REG_CONFIG_VECTOR:
		return vp->config_vector;
	case REG_N_QUEUES:
		return vp->config.n_queues;
	case REG_STATUS:
		return vp->status;
	case REG_GENERATION:
		return vp->generation;
	case REG_QUEUE_SELECT:
		return vp->queue_select;
	case REG_QUEUE_SIZE:
		return q->size;
	case REG_QUEUE_VECTOR:
		return q->vector;
	case REG_QUEUE_ENABLE:
		return q->enabled;
	case REG_QUEUE_NOTIFY_OFF:
		return exists ? vp->queue_select : 0;
	case REG_QUEUE_DESC:
		return q->desc_gpa;
	case REG_QUEUE_DESC + 4:
		return q->desc_gpa >> 32;
	case REG_QUEUE_DRIVER:
		return q->driver_gpa;
	case REG_QUEUE_DRIVER + 4:
		return q->driver_gpa >> 32;
	case REG_QUEUE_DEVICE:
		return q->device_gpa;
	case REG_QUEUE_DEVICE + 4:
		return q->device_gpa >> 32;
	default:
		return 0;
	}
}

static void write_features(struct virtio_pci *vp, uint32_t value)
{
	uint64_t *f = &vp->driver_features;

	if (vp->status & VIRTIO_STATUS_FEATURES_OK)
		return;
	if (vp->driver_feature_select == 0)
		*f = (*f & ~UINT64_C(0xffffffff)) | value;
	else if (vp->driver_feature_select == 1)
		*f = (*f & 0xffffffff) | (uint64_t)value << 32;
}

/* A vector that does not exist reads back as none: 4.1.5.1.2 "MSI-X Vector Configuration". */
static uint16_t vector_of(const struct virtio_pci *vp, uint64_t value)
{
	return value < pci_msix_n_vectors(vp->pci) ? (uint16_t)value : VIRTIO_PCI_NO_VECTOR;
}

static void write_addr(uint64_t *addr, unsigned half, unsigned size, uint64_t value)
{
	if (size == 8 && half == 0)
		*addr = value;
	else if (size == 4 && half == 0)
		*addr = (*addr & ~UINT64_C(0xffffffff)) | (uint32_t)value;
	else if (size == 4)
		*addr = (*addr & 0xffffffff) | value << 32;
}

static void write_queue(struct virtio_pci *vp, unsigned offset, unsigned size, uint64_t value)
{
	struct virtio_queue *q;

	if (vp->queue_select >= vp->config.n_queues)
		return;
	q = &vp->queues[vp->queue_select];
	if (offset == REG_QUEUE_VECTOR && size == 2) {
		q->vector = vector_of(vp, value);
		if (vp->is_active && vp->config.ops->vector_changed)
			vp->config.ops->vector_changed(vp->config.ctx, vp->queue_select);
		return;
	}
	/* From enabling on, a queue is fixed until reset. */
	if (q->enabled || vp->status & VIRTIO_STATUS_DRIVER_OK)
		return;
	switch (offset) {
	case REG_QUEUE_SIZE:
		if (size == 2 && value && value <= vp->config.queue_size)
			q->size = (uint16_t)value;
		break;
	case REG_QUEUE_ENABLE:
		q->enabled = size == 2 && value == 1;
		break;
	case REG_QUEUE_DESC:
	case REG_QUEUE_DESC + 4:
		write_addr(&q->desc_gpa, offset - REG_QUEUE_DESC, size, value);
		break;
	case REG_QUEUE_DRIVER:
	case REG_QUEUE_DRIVER + 4:
		write_addr(&q->driver_gpa, offset - REG_QUEUE_DRIVER, size, value);
		break;
	case REG_QUEUE_DEVICE:
	case REG_QUEUE_DEVICE + 4:
		write_addr(&q->device_gpa, offset - REG_QUEUE_DEVICE, size, value);
		break;
	}
}

static void write_common(struct virtio_pci *vp, unsigned offset, unsigned size, uint64_t value)
{
	if (vp->is_resetting)
		return;
	if (offset == REG_DEVICE_FEATURE_SELECT && size == 4)
		vp->device_feature_select = (uint32_t)value;
	else if (offset == REG_DRIVER_FEATURE_SELECT && size == 4)
		vp->driver_feature_select = (uint32_t)value;
	else if (offset == REG_DRIVER_FEATURE && size == 4)
		write_features(vp, (uint32_t)value);
	else if (offset == REG_CONFIG_VECTOR && size == 2)
		vp->config_vector = vector_of(vp, value);
	else if (offset == REG_STATUS && size == 1)
		virtio_pci_write_status(vp, (uint8_t)value);
	else if (offset == REG_QUEUE_SELECT && size == 2)
		vp->queue_select = (uint16_t)value;
	else if (offset > REG_QUEUE_SELECT)
		write_queue(vp, offset, size, value);
}

static uint64_t read_device(struct virtio_pci *vp, unsigned offset, unsigned size)
{
	uint8_t buf[8] = {0};
	uint64_t value;

	if (offset < vp->config.config_size) {
		unsigned left = vp->config.config_size - offset;

		vp->config.ops->config_read(vp->config.ctx, offset, size < left ? size : left, buf);
	}
	memcpy(&value, buf, sizeof(value));
	return value;
}

static void write_device(struct virtio_pci *vp, unsigned offset, unsigned size, uint64_t value)
{
	uint8_t buf[8];

	if (!vp->config.ops->config_write || vp->is_resetting)
		return;
	if (offset >= vp->config.config_size || size > vp->config.config_size - offset)
		return;
	memcpy(buf, &value, sizeof(buf));
	vp->config.ops->config_write(vp->config.ctx, offset, size, buf);
}

uint64_t virtio_pci_bar_read(void *ctx, uint64_t offset, unsigned size)
{
	struct virtio_pci *vp = ctx;
	uint64_t value = 0;

	virtio_pci_lock(vp);
	if (offset < VIRTIO_PCI_COMMON + VIRTIO_PCI_COMMON_SIZE)
		value = read_common(vp, (unsigned)offset);
	else if (offset == VIRTIO_PCI_ISR)
		value = virtio_pci_take_isr(vp);
	else if (offset >= VIRTIO_PCI_DEVICE && offset < VIRTIO_PCI_DEVICE + VIRTIO_PCI_DEVICE_SIZE)
		value = read_device(vp, (unsigned)(offset - VIRTIO_PCI_DEVICE), size);
	virtio_pci_unlock(vp);
	return size < 8 ? value & ((UINT64_C(1) << (8 * size)) - 1) : value;
}

void virtio_pci_bar_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_pci *vp = ctx;

	if (offset >= VIRTIO_PCI_NOTIFY && offset < VIRTIO_PCI_MSIX_TABLE) {
		/* Only when the kernel did not take the address as an ioeventfd. */
		uint64_t queue = (offset - VIRTIO_PCI_NOTIFY) / VIRTIO_PCI_NOTIFY_STRIDE;

		if (queue < vp->config.n_queues)
			virtio_pci_kick(vp, (unsigned)queue);
		return;
	}
	virtio_pci_lock(vp);
	if (offset < VIRTIO_PCI_COMMON + VIRTIO_PCI_COMMON_SIZE)
		write_common(vp, (unsigned)offset, size, value);
	else if (offset >= VIRTIO_PCI_DEVICE && offset < VIRTIO_PCI_DEVICE + VIRTIO_PCI_DEVICE_SIZE)
		write_device(vp, (unsigned)(offset - VIRTIO_PCI_DEVICE), size, value);
	virtio_pci_unlock(vp);
}
