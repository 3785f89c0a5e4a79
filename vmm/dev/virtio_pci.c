#include "virtio_pci.h"

#include "bus.h"
#include "env.h"
#include "err.h"
#include "ev.h"
#include "log.h"
#include "mem.h"
#include "pci.h"
#include "virtio_wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_MODULE("virtio");

/* 4.1.4 "Virtio Structure PCI Capabilities" */
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI_CFG = 5 };
/* 4.1.4.5 "ISR status capability" */
enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

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

/* The PCI_CFG capability, offsets from its first byte */
enum { WINDOW_BAR = 4, WINDOW_OFFSET = 8, WINDOW_LEN = 12, WINDOW_DATA = 16, WINDOW_END = 20 };

/* What a kick's callback is about. */
struct virtio_kick {
	struct virtio_pci *vp;
	struct ev_source *source; /* NULL = not watched */
};

struct virtio_pci {
	const struct dev_env *env;
	struct virtio_pci_config config;
	struct pci_dev *pci;
	unsigned window; /* offset of the PCI_CFG capability */
	pthread_mutex_t lock;

	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint64_t offered; /* latched at the driver's first look: fixed until reset */
	bool is_offered_latched;
	uint64_t driver_features;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t generation;
	uint8_t isr;
	bool is_active;    /* activate() was called, and reset() not since */
	bool is_resetting; /* reset() is under way: every write is ignored */
	bool is_master;    /* the command register lets us master the bus */
	bool is_stalled;   /* it did not once since activate(): wait for a kick */
	bool is_paused;    /* the machine */
	bool is_running;   /* what the device was told last */
	bool is_stopping;  /* set_running(false) is under way */
	bool is_awaited;   /* vCPUs are held until stopping or reset is done */
	bool has_msix;     /* MSI-X as it was when calls were handed out */
	struct virtio_queue queues[VIRTIO_PCI_MAX_QUEUES];

	int kick_fds[VIRTIO_PCI_MAX_QUEUES];
	struct virtio_kick kicks[VIRTIO_PCI_MAX_QUEUES];
	uint64_t notify_base; /* where the ioeventfds are; BUS_UNMAPPED = nowhere */
	int intx_fd;
	struct ev_source *intx_source;
};

void virtio_pci_lock(struct virtio_pci *vp)
{
	(void)pthread_mutex_lock(&vp->lock);
}

void virtio_pci_unlock(struct virtio_pci *vp)
{
	(void)pthread_mutex_unlock(&vp->lock);
}

const struct virtio_queue *virtio_pci_queue(const struct virtio_pci *vp, unsigned queue)
{
	return &vp->queues[queue];
}

uint64_t virtio_pci_features(const struct virtio_pci *vp)
{
	return vp->status & VIRTIO_STATUS_FEATURES_OK ? vp->driver_features : 0;
}

bool virtio_pci_is_active(const struct virtio_pci *vp)
{
	return vp->is_active;
}

bool virtio_pci_is_served(const struct virtio_pci *vp)
{
	return vp->is_running && !(vp->status & VIRTIO_STATUS_NEEDS_RESET);
}

int virtio_pci_kick_fd(const struct virtio_pci *vp, unsigned queue)
{
	return vp->kick_fds[queue];
}

/* ---- Running --------------------------------------------------------------------------------- */

/* vCPUs are to be held for this device, or no more. */
static void virtio_pci_set_awaited(struct virtio_pci *vp, bool is_awaited)
{
	if (vp->is_awaited == is_awaited)
		return;
	vp->is_awaited = is_awaited;
	if (vp->env->settle)
		vp->env->settle(vp->env->settle_ctx);
}

void virtio_pci_stopped(struct virtio_pci *vp)
{
	vp->is_stopping = false;
	if (!vp->is_resetting)
		virtio_pci_set_awaited(vp, false);
}

/* A kick from before the stop is no wish to go on; a poll-mode back-end leaves them uncounted. */
static void virtio_pci_forget_kicks(struct virtio_pci *vp)
{
	uint64_t count;

	for (unsigned i = 0; i < vp->config.n_queues; i++)
		(void)!read(vp->kick_fds[i], &count, sizeof(count));
}

/* Tell the device when its rings may be touched, or no more. */
static void virtio_pci_update_running(struct virtio_pci *vp)
{
	bool is_running = vp->is_active && !vp->is_resetting && vp->is_master && !vp->is_stalled &&
		!vp->is_paused;

	if (is_running == vp->is_running)
		return;
	vp->is_running = is_running;
	if (!vp->is_active || vp->is_resetting)
		return; // reset() tells the rest
	vp->is_stopping = vp->config.ops->set_running &&
		!vp->config.ops->set_running(vp->config.ctx, is_running) && !is_running;
	for (unsigned i = 0; is_running && i < vp->config.n_queues; i++) {
		if (vp->queues[i].enabled && vp->kicks[i].source)
			virtio_pci_kick(vp, i); // what came meanwhile
	}
}

/* The command register was written, or the function was reset. Bus lock held. */
static void virtio_pci_update_master(struct virtio_pci *vp)
{
	vp->is_master = pci_config_get(vp->pci, PCI_CFG_COMMAND, 2) & PCI_COMMAND_MASTER;
	if (vp->is_master || !vp->is_active || vp->is_resetting || vp->is_stalled)
		return;
	vp->is_stalled = true;
	virtio_pci_update_running(vp);
	virtio_pci_forget_kicks(vp);
	if (vp->is_stopping)
		virtio_pci_set_awaited(vp, true);
}

void virtio_pci_set_paused(struct virtio_pci *vp, bool is_paused)
{
	virtio_pci_lock(vp);
	vp->is_paused = is_paused;
	virtio_pci_update_running(vp);
	virtio_pci_unlock(vp);
}

/* ---- Kicks ----------------------------------------------------------------------------------- */

void virtio_pci_kick(struct virtio_pci *vp, unsigned queue)
{
	static const uint64_t one = 1;

	(void)!write(vp->kick_fds[queue], &one, sizeof(one)); // full = kicked already
}

static void virtio_pci_kick_event(void *ctx, int fd, uint32_t events)
{
	struct virtio_kick *kick = ctx;
	struct virtio_pci *vp = kick->vp;
	unsigned queue = (unsigned)(kick - vp->kicks);
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	virtio_pci_lock(vp);
	if (vp->is_stalled && vp->is_master) {
		vp->is_stalled = false; // the driver goes on as it was
		virtio_pci_update_running(vp);
	}
	if (virtio_pci_is_served(vp) && vp->queues[queue].enabled)
		vp->config.ops->kicked(vp->config.ctx, queue);
	virtio_pci_unlock(vp);
}

int virtio_pci_watch_kicks(struct virtio_pci *vp, unsigned queue, bool is_wanted)
{
	struct virtio_kick *kick = &vp->kicks[queue];

	kick->vp = vp;
	if (!is_wanted) {
		ev_del(kick->source);
		kick->source = NULL;
	}
	if (!is_wanted || kick->source)
		return 0;
	return ev_add_io(vp->env->ev, vp->kick_fds[queue], EPOLLIN, virtio_pci_kick_event, kick,
		&kick->source);
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void virtio_pci_set_isr(struct virtio_pci *vp, uint8_t isr)
{
	vp->isr = isr;
	pci_intx_set(vp->pci, isr); // drives no line while MSI-X is on
}

static void virtio_pci_raise(struct virtio_pci *vp, uint8_t isr, uint16_t vector)
{
	bool has_msix = pci_msix_enabled(vp->pci);

	// 4.1.4.5.1: the configuration bit also goes up under MSI-X, the queue bit does not.
	if (!has_msix || isr == ISR_CONFIG)
		virtio_pci_set_isr(vp, vp->isr | isr);
	if (has_msix)
		pci_msix_notify(vp->pci, vector);
}

int virtio_pci_call_fd(const struct virtio_pci *vp, unsigned queue)
{
	if (!pci_msix_enabled(vp->pci))
		return vp->intx_fd;
	return pci_msix_eventfd(vp->pci, vp->queues[queue].vector);
}

void virtio_pci_notify_queue(struct virtio_pci *vp, unsigned queue)
{
	virtio_pci_raise(vp, ISR_QUEUE, vp->queues[queue].vector);
}

void virtio_pci_config_changed(struct virtio_pci *vp)
{
	vp->generation++;
}

void virtio_pci_notify_config(struct virtio_pci *vp)
{
	virtio_pci_config_changed(vp);
	if (vp->status & VIRTIO_STATUS_DRIVER_OK)
		virtio_pci_raise(vp, ISR_CONFIG, vp->config_vector);
}

void virtio_pci_mark_broken(struct virtio_pci *vp)
{
	if (vp->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	log_warn_ratelimited(
		"%s: driver broke the rules, device stops until it is reset", vp->config.name);
	vp->status |= VIRTIO_STATUS_NEEDS_RESET;
	virtio_pci_notify_config(vp);
}

/* Whose call it was is not known any more. */
static void virtio_pci_notify_all(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		if (vp->queues[i].enabled)
			virtio_pci_notify_queue(vp, i);
	}
}

/* MSI-X went on or off: calls go another way from here on. */
static void virtio_pci_update_msix(struct virtio_pci *vp)
{
	bool has_msix = pci_msix_enabled(vp->pci);

	if (has_msix == vp->has_msix)
		return;
	vp->has_msix = has_msix;
	if (!vp->is_active || vp->is_resetting)
		return;
	for (unsigned i = 0; vp->config.ops->vector_changed && i < vp->config.n_queues; i++)
		vp->config.ops->vector_changed(vp->config.ctx, i);
	virtio_pci_notify_all(vp);
}

/* A back-end counted the INTx eventfd up; perhaps before it heard that MSI-X is on. */
static void virtio_pci_intx_event(void *ctx, int fd, uint32_t events)
{
	struct virtio_pci *vp = ctx;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	virtio_pci_lock(vp);
	virtio_pci_notify_all(vp);
	virtio_pci_unlock(vp);
}

/* Reading the ISR acknowledges it: 4.1.4.5.1. */
static uint8_t virtio_pci_take_isr(struct virtio_pci *vp)
{
	uint8_t isr = vp->isr;

	virtio_pci_set_isr(vp, 0);
	return isr;
}

/* ---- Status ---------------------------------------------------------------------------------- */

static void virtio_pci_clear(struct virtio_pci *vp)
{
	vp->device_feature_select = 0;
	vp->driver_feature_select = 0;
	vp->is_offered_latched = false;
	vp->driver_features = 0;
	vp->config_vector = VIRTIO_PCI_NO_VECTOR;
	vp->queue_select = 0;
	vp->status = 0;
	vp->is_active = false;
	vp->is_resetting = false;
	vp->is_stalled = false;
	vp->is_running = false;
	vp->is_stopping = false;
	virtio_pci_set_isr(vp, 0);
	virtio_pci_config_changed(vp); // reset() may have put it back
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		vp->queues[i] = (struct virtio_queue){
			.size = vp->config.queue_size,
			.vector = VIRTIO_PCI_NO_VECTOR,
		};
	}
	virtio_pci_set_awaited(vp, false);
}

void virtio_pci_reset_done(struct virtio_pci *vp)
{
	if (vp->is_resetting)
		virtio_pci_clear(vp);
}

static void virtio_pci_reset(struct virtio_pci *vp)
{
	if (vp->is_resetting)
		return;
	vp->is_resetting = true;
	vp->is_running = false;
	if (!vp->is_active || vp->config.ops->reset(vp->config.ctx))
		virtio_pci_clear(vp);
}

void virtio_pci_begin_reset(struct virtio_pci *vp)
{
	virtio_pci_lock(vp);
	virtio_pci_reset(vp);
	vp->is_awaited = vp->is_resetting;
	virtio_pci_unlock(vp);
}

bool virtio_pci_is_quiet(struct virtio_pci *vp)
{
	bool is_quiet;

	virtio_pci_lock(vp);
	is_quiet = !vp->is_awaited;
	virtio_pci_unlock(vp);
	return is_quiet;
}

void virtio_pci_abandon(struct virtio_pci *vp)
{
	if (!virtio_pci_is_quiet(vp) && vp->config.ops->abandon)
		vp->config.ops->abandon(vp->config.ctx);
}

void virtio_pci_machine_reset(void *ctx)
{
	struct virtio_pci *vp = ctx;

	virtio_pci_lock(vp);
	virtio_pci_clear(vp);
	vp->has_msix = false;
	virtio_pci_update_master(vp);
	virtio_pci_unlock(vp);
}

static uint64_t virtio_pci_offered(struct virtio_pci *vp)
{
	if (!vp->is_offered_latched) {
		vp->offered = vp->config.ops->get_features(vp->config.ctx) |
			VIRTIO_BIT(VIRTIO_F_VERSION_1);
		vp->is_offered_latched = true;
		virtio_pci_config_changed(vp); // what the back-end can do shows there as well
	}
	return vp->offered;
}

/* Do the parts of an enabled queue lie in RAM, aligned? 2.7 and 2.8 "Virtqueues". */
static bool virtio_pci_queue_valid(const struct virtio_pci *vp, const struct virtio_queue *q)
{
	bool is_packed = vp->driver_features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	uint64_t driver_size = is_packed ? 4 : 6 + 2ull * q->size;
	uint64_t device_size = is_packed ? 4 : 6 + 8ull * q->size;
	void *hva;

	if (!q->size || (!is_packed && q->size & (q->size - 1)))
		return false;
	if (q->desc_gpa % 16 || q->driver_gpa % (is_packed ? 4 : 2) || q->device_gpa % 4)
		return false;
	return !mem_gpa_to_hva(vp->env->mem, q->desc_gpa, 16ull * q->size, &hva) &&
		!mem_gpa_to_hva(vp->env->mem, q->driver_gpa, driver_size, &hva) &&
		!mem_gpa_to_hva(vp->env->mem, q->device_gpa, device_size, &hva);
}

static void virtio_pci_activate(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		if (!vp->queues[i].enabled || virtio_pci_queue_valid(vp, &vp->queues[i]))
			continue;
		log_warn_ratelimited(
			"%s: queue %u does not lie in guest memory", vp->config.name, i);
		virtio_pci_mark_broken(vp);
		return;
	}
	if (vp->config.ops->activate(vp->config.ctx, vp->driver_features) < 0) {
		virtio_pci_mark_broken(vp);
		return;
	}
	vp->is_active = true;
	vp->is_running = true; // activate() took it so
	vp->is_stalled = !vp->is_master;
	virtio_pci_update_running(vp);
}

static void virtio_pci_write_status(struct virtio_pci *vp, uint8_t value)
{
	uint8_t added = value & ~vp->status;

	if (!value) {
		virtio_pci_reset(vp);
		return;
	}
	// Bits are only ever added; NEEDS_RESET is ours.
	vp->status |=
		added & (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FAILED);
	if (added & VIRTIO_STATUS_FEATURES_OK) {
		uint64_t features = vp->driver_features;

		if (features & VIRTIO_BIT(VIRTIO_F_VERSION_1) &&
			!(features & ~virtio_pci_offered(vp)))
			vp->status |= VIRTIO_STATUS_FEATURES_OK;
	}
	if (added & VIRTIO_STATUS_DRIVER_OK && vp->status & VIRTIO_STATUS_FEATURES_OK) {
		vp->status |= VIRTIO_STATUS_DRIVER_OK;
		virtio_pci_activate(vp);
	}
}

/* ---- Registers ------------------------------------------------------------------------------- */

static uint64_t virtio_pci_read_features(struct virtio_pci *vp)
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

static uint64_t virtio_pci_read_driver_features(const struct virtio_pci *vp)
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
static uint64_t virtio_pci_read_common(struct virtio_pci *vp, unsigned offset)
{
	static const struct virtio_queue none = {.vector = VIRTIO_PCI_NO_VECTOR};
	bool exists = vp->queue_select < vp->config.n_queues;
	const struct virtio_queue *q = exists ? &vp->queues[vp->queue_select] : &none;

	switch (offset) {
	case REG_DEVICE_FEATURE_SELECT:
		return vp->device_feature_select;
	case REG_DEVICE_FEATURE:
		return virtio_pci_read_features(vp);
	case REG_DRIVER_FEATURE_SELECT:
		return vp->driver_feature_select;
	case REG_DRIVER_FEATURE:
		return virtio_pci_read_driver_features(vp);
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

static void virtio_pci_write_features(struct virtio_pci *vp, uint32_t value)
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
static uint16_t virtio_pci_vector(const struct virtio_pci *vp, uint64_t value)
{
	return value < pci_msix_n_vectors(vp->pci) ? (uint16_t)value : VIRTIO_PCI_NO_VECTOR;
}

static void virtio_pci_write_addr(uint64_t *addr, unsigned half, unsigned size, uint64_t value)
{
	if (size == 8 && half == 0)
		*addr = value;
	else if (size == 4 && half == 0)
		*addr = (*addr & ~UINT64_C(0xffffffff)) | (uint32_t)value;
	else if (size == 4)
		*addr = (*addr & 0xffffffff) | value << 32;
}

static void virtio_pci_write_queue(
	struct virtio_pci *vp, unsigned offset, unsigned size, uint64_t value)
{
	struct virtio_queue *q;

	if (vp->queue_select >= vp->config.n_queues)
		return;
	q = &vp->queues[vp->queue_select];
	if (offset == REG_QUEUE_VECTOR && size == 2) {
		q->vector = virtio_pci_vector(vp, value);
		if (vp->is_active && vp->config.ops->vector_changed)
			vp->config.ops->vector_changed(vp->config.ctx, vp->queue_select);
		return;
	}
	// From enabling on, a queue is fixed until reset.
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
		virtio_pci_write_addr(&q->desc_gpa, offset - REG_QUEUE_DESC, size, value);
		break;
	case REG_QUEUE_DRIVER:
	case REG_QUEUE_DRIVER + 4:
		virtio_pci_write_addr(&q->driver_gpa, offset - REG_QUEUE_DRIVER, size, value);
		break;
	case REG_QUEUE_DEVICE:
	case REG_QUEUE_DEVICE + 4:
		virtio_pci_write_addr(&q->device_gpa, offset - REG_QUEUE_DEVICE, size, value);
		break;
	}
}

static void virtio_pci_write_common(
	struct virtio_pci *vp, unsigned offset, unsigned size, uint64_t value)
{
	if (vp->is_resetting)
		return;
	if (offset == REG_DEVICE_FEATURE_SELECT && size == 4)
		vp->device_feature_select = (uint32_t)value;
	else if (offset == REG_DRIVER_FEATURE_SELECT && size == 4)
		vp->driver_feature_select = (uint32_t)value;
	else if (offset == REG_DRIVER_FEATURE && size == 4)
		virtio_pci_write_features(vp, (uint32_t)value);
	else if (offset == REG_CONFIG_VECTOR && size == 2)
		vp->config_vector = virtio_pci_vector(vp, value);
	else if (offset == REG_STATUS && size == 1)
		virtio_pci_write_status(vp, (uint8_t)value);
	else if (offset == REG_QUEUE_SELECT && size == 2)
		vp->queue_select = (uint16_t)value;
	else if (offset > REG_QUEUE_SELECT)
		virtio_pci_write_queue(vp, offset, size, value);
}

static uint64_t virtio_pci_read_device(struct virtio_pci *vp, unsigned offset, unsigned size)
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

static void virtio_pci_write_device(
	struct virtio_pci *vp, unsigned offset, unsigned size, uint64_t value)
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
		value = virtio_pci_read_common(vp, (unsigned)offset);
	else if (offset == VIRTIO_PCI_ISR)
		value = virtio_pci_take_isr(vp);
	else if (offset >= VIRTIO_PCI_DEVICE && offset < VIRTIO_PCI_DEVICE + VIRTIO_PCI_DEVICE_SIZE)
		value = virtio_pci_read_device(vp, (unsigned)(offset - VIRTIO_PCI_DEVICE), size);
	virtio_pci_unlock(vp);
	return size < 8 ? value & ((UINT64_C(1) << (8 * size)) - 1) : value;
}

void virtio_pci_bar_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_pci *vp = ctx;

	if (offset >= VIRTIO_PCI_NOTIFY && offset < VIRTIO_PCI_MSIX_TABLE) {
		// Only when the kernel did not take the address as an ioeventfd.
		uint64_t queue = (offset - VIRTIO_PCI_NOTIFY) / VIRTIO_PCI_NOTIFY_STRIDE;

		if (queue < vp->config.n_queues)
			virtio_pci_kick(vp, (unsigned)queue);
		return;
	}
	virtio_pci_lock(vp);
	if (offset < VIRTIO_PCI_COMMON + VIRTIO_PCI_COMMON_SIZE)
		virtio_pci_write_common(vp, (unsigned)offset, size, value);
	else if (offset >= VIRTIO_PCI_DEVICE && offset < VIRTIO_PCI_DEVICE + VIRTIO_PCI_DEVICE_SIZE)
		virtio_pci_write_device(vp, (unsigned)(offset - VIRTIO_PCI_DEVICE), size, value);
	virtio_pci_unlock(vp);
}

/* ---- PCI function ---------------------------------------------------------------------------- */

static void virtio_pci_release_ioeventfds(struct virtio_pci *vp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bus_ioeventfd_release(vp->env->mmio, vp->notify_base + i * VIRTIO_PCI_NOTIFY_STRIDE,
			0, vp->kick_fds[i]);
	vp->notify_base = BUS_UNMAPPED;
}

static void virtio_pci_bar_moved(void *ctx, unsigned idx, uint64_t base)
{
	struct virtio_pci *vp = ctx;

	if (idx != 0)
		return;
	virtio_pci_lock(vp);
	if (vp->notify_base != BUS_UNMAPPED)
		virtio_pci_release_ioeventfds(vp, vp->config.n_queues);
	if (base != BUS_UNMAPPED) {
		vp->notify_base = base + VIRTIO_PCI_NOTIFY;
		for (unsigned i = 0; i < vp->config.n_queues; i++) {
			// If the kernel refuses, kicks come by the BAR handler: slower, not broken.
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
static bool virtio_pci_window_target(
	const struct virtio_pci *vp, uint32_t *ret_offset, uint32_t *ret_len)
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

static bool virtio_pci_hits_window(const struct virtio_pci *vp, unsigned offset, unsigned size)
{
	return offset < vp->window + WINDOW_END && offset + size > vp->window + WINDOW_DATA;
}

static void virtio_pci_config_read(void *ctx, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = ctx;
	uint32_t at, len;

	if (virtio_pci_hits_window(vp, offset, size) && virtio_pci_window_target(vp, &at, &len))
		pci_config_set(vp->pci, vp->window + WINDOW_DATA, 4,
			(uint32_t)virtio_pci_bar_read(vp, at, len));
}

static void virtio_pci_config_written(void *ctx, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = ctx;
	uint32_t at, len;

	virtio_pci_lock(vp);
	virtio_pci_update_master(vp);
	virtio_pci_update_msix(vp);
	virtio_pci_unlock(vp);
	if (virtio_pci_hits_window(vp, offset, size) && virtio_pci_window_target(vp, &at, &len))
		virtio_pci_bar_write(
			vp, at, len, pci_config_get(vp->pci, vp->window + WINDOW_DATA, len));
}

/* 4.1.4: cap_len, cfg_type, bar, id, padding[2], offset, length, then what the type adds. */
static int virtio_pci_add_cap(struct virtio_pci *vp, uint8_t type, uint32_t offset, uint32_t len,
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

static int virtio_pci_add_caps(struct virtio_pci *vp)
{
	// Of the window, the guest writes bar, offset, length and data.
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
	int code = virtio_pci_add_cap(
		vp, CAP_COMMON, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE, 0, 0, NULL);

	if (code >= 0)
		code = virtio_pci_add_cap(vp, CAP_ISR, VIRTIO_PCI_ISR, 1, 0, 0, NULL);
	if (code >= 0 && vp->config.config_size)
		code = virtio_pci_add_cap(
			vp, CAP_DEVICE, VIRTIO_PCI_DEVICE, vp->config.config_size, 0, 0, NULL);
	if (code >= 0)
		code = virtio_pci_add_cap(vp, CAP_NOTIFY, VIRTIO_PCI_NOTIFY,
			vp->config.n_queues * VIRTIO_PCI_NOTIFY_STRIDE, 4, VIRTIO_PCI_NOTIFY_STRIDE,
			NULL);
	if (code >= 0)
		code = virtio_pci_add_cap(vp, CAP_PCI_CFG, 0, 0, 4, 0, window_mask);
	if (code < 0)
		return code;
	vp->window = (unsigned)code;
	return 0;
}

static int virtio_pci_add_function(struct virtio_pci *vp)
{
	static const struct bus_ops bar_ops = {virtio_pci_bar_read, virtio_pci_bar_write};
	static const struct pci_dev_ops dev_ops = {
		.bar_moved = virtio_pci_bar_moved,
		.config_read = virtio_pci_config_read,
		.config_written = virtio_pci_config_written,
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
	int code = pci_dev_create(vp->env->pci, vp->config.name, &ident, &dev_ops, vp, &vp->pci);

	if (!code)
		code = pci_dev_add_bar(
			vp->pci, 0, PCI_BAR_MEM32, VIRTIO_PCI_BAR_SIZE, &bar_ops, vp);
	if (!code)
		code = virtio_pci_add_caps(vp);
	if (!code)
		code = pci_msix_add(vp->pci, 0, VIRTIO_PCI_MSIX_TABLE, VIRTIO_PCI_MSIX_PBA,
			vp->config.n_queues + 1);
	if (!code)
		code = pci_intx_add(vp->pci);
	return code;
}

static int virtio_pci_open_fds(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		vp->kick_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vp->kick_fds[i] < 0)
			return -errno;
	}
	vp->intx_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vp->intx_fd < 0)
		return -errno;
	return ev_add_io(
		vp->env->ev, vp->intx_fd, EPOLLIN, virtio_pci_intx_event, vp, &vp->intx_source);
}

int virtio_pci_create(const struct dev_env *env, const struct virtio_pci_config *config,
	struct virtio_pci **ret_vp, struct err *err)
{
	struct virtio_pci *vp = calloc(1, sizeof(*vp));
	int code;

	if (!vp)
		return err_set(err, -ENOMEM, "device '%s': out of memory", config->name);
	vp->env = env;
	vp->config = *config;
	vp->notify_base = BUS_UNMAPPED;
	vp->intx_fd = -1;
	memset(vp->kick_fds, -1, sizeof(vp->kick_fds));
	(void)pthread_mutex_init(&vp->lock, NULL); // cannot fail with default attributes on Linux
	code = virtio_pci_open_fds(vp);
	if (!code)
		code = virtio_pci_add_function(vp);
	if (code < 0) {
		virtio_pci_destroy(vp);
		return err_set(err, code, "device '%s': cannot be added to the PCI bus: %s",
			config->name, strerror(-code));
	}
	virtio_pci_clear(vp);
	*ret_vp = vp;
	return 0;
}

void virtio_pci_destroy(struct virtio_pci *vp)
{
	if (!vp)
		return;
	ev_del(vp->intx_source);
	if (vp->intx_fd >= 0)
		(void)close(vp->intx_fd);
	for (unsigned i = 0; i < VIRTIO_PCI_MAX_QUEUES; i++) {
		ev_del(vp->kicks[i].source);
		if (vp->kick_fds[i] >= 0)
			(void)close(vp->kick_fds[i]);
	}
	(void)pthread_mutex_destroy(&vp->lock);
	free(vp);
}
