#include "virtio_pci_priv.h"

#include "bus.h"
#include "env.h"
#include "log.h"
#include "pci.h"

#include <string.h>

LOG_MODULE("virtio");

/* 4.1.4 "Virtio Structure PCI Capabilities" */
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI_CFG = 5 };
/* The PCI_CFG capability, offsets from its first byte */
enum { WINDOW_BAR = 4, WINDOW_OFFSET = 8, WINDOW_LEN = 12, WINDOW_DATA = 16, WINDOW_END = 20 };

static void release_ioeventfds(struct virtio_pci *vp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bus_ioeventfd_release(vp->env->mmio, vp->notify_base + i * VIRTIO_PCI_NOTIFY_STRIDE,
			0, vp->kick_fds[i]);
	vp->notify_base = BUS_UNMAPPED;
}

static void on_bar_moved(void *ctx, unsigned idx, uint64_t base)
{
	struct virtio_pci *vp = ctx;

	if (idx != 0)
		return;
	virtio_pci_lock(vp);
	if (vp->notify_base != BUS_UNMAPPED)
		release_ioeventfds(vp, vp->config.n_queues);
	if (base != BUS_UNMAPPED) {
		vp->notify_base = base + VIRTIO_PCI_NOTIFY;
		for (unsigned i = 0; i < vp->config.n_queues; i++) {
			/*
			 * If the kernel refuses, kicks come by the BAR handler: slower, not broken.
			 */
			if (bus_ioeventfd_assign(vp->env->mmio,
				    vp->notify_base + i * VIRTIO_PCI_NOTIFY_STRIDE, 0,
				    vp->kick_fds[i]) < 0)
				log_warn_ratelimited(
					"%s: no ioeventfd for queue %u, kicks go by the VMM",
					vp->config.name, i);
		}
	}
	virtio_pci_unlock(vp);
}

/* Where the PCI_CFG window points; false if not into the registers of BAR 0 with a legal length. */
static bool window_target(const struct virtio_pci *vp, uint32_t *ret_offset, uint32_t *ret_len)
{
	uint32_t offset = pci_config_get(vp->pci, vp->window + WINDOW_OFFSET, 4);
	uint32_t len = pci_config_get(vp->pci, vp->window + WINDOW_LEN, 4);

	if (pci_config_get(vp->pci, vp->window + WINDOW_BAR, 1) != 0)
		return false;
	if ((len != 1 && len != 2 && len != 4) || offset % len || offset >= VIRTIO_PCI_MSIX_TABLE)
		return false;
	*ret_offset = offset;
	*ret_len = len;
	return true;
}

static bool hits_window(const struct virtio_pci *vp, unsigned offset, unsigned size)
{
	return offset < vp->window + WINDOW_END && offset + size > vp->window + WINDOW_DATA;
}

static void read_config(void *ctx, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = ctx;
	uint32_t at, len;

	if (hits_window(vp, offset, size) && window_target(vp, &at, &len))
		pci_config_set(vp->pci, vp->window + WINDOW_DATA, 4,
			(uint32_t)virtio_pci_bar_read(vp, at, len));
}

static void on_config_written(void *ctx, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = ctx;
	uint32_t at, len;

	virtio_pci_lock(vp);
	virtio_pci_update_master(vp);
	virtio_pci_update_msix(vp);
	virtio_pci_unlock(vp);
	if (hits_window(vp, offset, size) && window_target(vp, &at, &len))
		virtio_pci_bar_write(vp, at, len,
			pci_config_get(vp->pci, vp->window + WINDOW_DATA, len));
}

/* 4.1.4: cap_len, cfg_type, bar, id, padding[2], offset, length, then what the type adds. */
static int add_cap(struct virtio_pci *vp, uint8_t type, uint32_t offset, uint32_t len,
	unsigned extra, uint32_t extra_value, const uint8_t *mask)
{
	uint8_t body[18] = {0};

	body[0] = (uint8_t)(16 + extra);
	body[1] = type;
	memcpy(&body[6], &offset, 4);
	memcpy(&body[10], &len, 4);
	memcpy(&body[14], &extra_value, 4);
	return pci_dev_add_cap(vp->pci, PCI_CAP_ID_VENDOR, body, mask, 14 + extra);
}

static int add_caps(struct virtio_pci *vp)
{
	/* Of the window, the guest writes bar, offset, length and data. */
	static const uint8_t window_mask[18] = {
		[2] = 0xff,
		[6] = 0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
	};
	int r = add_cap(vp, CAP_COMMON, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE, 0, 0, NULL);

	if (r >= 0)
		r = add_cap(vp, CAP_ISR, VIRTIO_PCI_ISR, 1, 0, 0, NULL);
	if (r >= 0 && vp->config.config_size)
		r = add_cap(vp, CAP_DEVICE, VIRTIO_PCI_DEVICE, vp->config.config_size, 0, 0, NULL);
	if (r >= 0)
		r = add_cap(vp, CAP_NOTIFY, VIRTIO_PCI_NOTIFY,
			vp->config.n_queues * VIRTIO_PCI_NOTIFY_STRIDE, 4, VIRTIO_PCI_NOTIFY_STRIDE,
			NULL);
	if (r >= 0)
		r = add_cap(vp, CAP_PCI_CFG, 0, 0, 4, 0, window_mask);
	if (r < 0)
		return r;
	vp->window = (unsigned)r;
	return 0;
}

int virtio_pci_add_function(struct virtio_pci *vp)
{
	static const struct bus_ops bar_ops = {virtio_pci_bar_read, virtio_pci_bar_write};
	static const struct pci_dev_ops dev_ops = {
		.bar_moved = on_bar_moved,
		.config_read = read_config,
		.config_written = on_config_written,
		.reset = virtio_pci_machine_reset,
	};
	const struct pci_ident ident = {
		.vendor_id = 0x1af4,
		.device_id = (uint16_t)(0x1040 + vp->config.type),
		.subsys_vendor_id = 0x1af4,
		.subsys_id = 0x1100,
		.class_code = vp->config.class_code,
		.revision = 1,
	};
	int r = pci_dev_create(vp->env->pci, vp->config.name, &ident, &dev_ops, vp, &vp->pci);

	if (!r)
		r = pci_dev_add_bar(vp->pci, 0, PCI_BAR_MEM32, VIRTIO_PCI_BAR_SIZE, &bar_ops, vp);
	if (!r)
		r = add_caps(vp);
	if (!r)
		r = pci_msix_add(vp->pci, 0, VIRTIO_PCI_MSIX_TABLE, VIRTIO_PCI_MSIX_PBA,
			vp->config.n_queues + 1);
	if (!r)
		r = pci_intx_add(vp->pci);
	return r;
}
