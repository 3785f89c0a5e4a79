#include "virtio_pci_priv.h"

#include "bus.h"
#include "env.h"
#include "err.h"
#include "ev.h"
#include "log.h"
#include "mem.h"
#include "pci.h"
#include "virtio_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_MODULE("virtio");

/* 4.1.4.5 "ISR status capability" */
enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

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
static void set_awaited(struct virtio_pci *vp, bool is_awaited)
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
		set_awaited(vp, false);
}

/* A kick from before the stop is no wish to go on; a poll-mode back-end leaves them uncounted. */
static void forget_kicks(struct virtio_pci *vp)
{
	uint64_t count;

	for (unsigned i = 0; i < vp->config.n_queues; i++)
		(void)!read(vp->kick_fds[i], &count, sizeof(count));
}

/* Tell the device when its rings may be touched, or no more. */
static void update_running(struct virtio_pci *vp)
{
	bool is_running = vp->is_active && !vp->is_resetting && vp->is_master && !vp->is_stalled &&
			  !vp->is_paused;

	if (is_running == vp->is_running)
		return;
	vp->is_running = is_running;
	if (!vp->is_active || vp->is_resetting)
		return; /* reset() tells the rest */
	vp->is_stopping = vp->config.ops->set_running &&
			  !vp->config.ops->set_running(vp->config.ctx, is_running) && !is_running;
	for (unsigned i = 0; is_running && i < vp->config.n_queues; i++) {
		if (vp->queues[i].enabled && vp->kicks[i].source)
			virtio_pci_kick(vp, i); /* what came meanwhile */
	}
}

/* The command register was written, or the function was reset. Bus lock held. */
void virtio_pci_update_master(struct virtio_pci *vp)
{
	vp->is_master = pci_config_get(vp->pci, PCI_CFG_COMMAND, 2) & PCI_COMMAND_MASTER;
	if (vp->is_master || !vp->is_active || vp->is_resetting || vp->is_stalled)
		return;
	vp->is_stalled = true;
	update_running(vp);
	forget_kicks(vp);
	if (vp->is_stopping)
		set_awaited(vp, true);
}

void virtio_pci_set_paused(struct virtio_pci *vp, bool is_paused)
{
	virtio_pci_lock(vp);
	vp->is_paused = is_paused;
	update_running(vp);
	virtio_pci_unlock(vp);
}

/* ---- Kicks ----------------------------------------------------------------------------------- */

void virtio_pci_kick(struct virtio_pci *vp, unsigned queue)
{
	static const uint64_t one = 1;

	(void)!write(vp->kick_fds[queue], &one, sizeof(one)); /* full = kicked already */
}

static void kick_event(void *ctx, int fd, uint32_t events)
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
		vp->is_stalled = false; /* the driver goes on as it was */
		update_running(vp);
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
	return ev_add_io(vp->env->ev, vp->kick_fds[queue], EPOLLIN, kick_event, kick,
		&kick->source);
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void set_isr(struct virtio_pci *vp, uint8_t isr)
{
	vp->isr = isr;
	pci_intx_set(vp->pci, isr); /* drives no line while MSI-X is on */
}

static void raise_interrupt(struct virtio_pci *vp, uint8_t isr, uint16_t vector)
{
	bool has_msix = pci_msix_enabled(vp->pci);

	/* 4.1.4.5.1: the configuration bit also goes up under MSI-X, the queue bit does not. */
	if (!has_msix || isr == ISR_CONFIG)
		set_isr(vp, vp->isr | isr);
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
	raise_interrupt(vp, ISR_QUEUE, vp->queues[queue].vector);
}

void virtio_pci_config_changed(struct virtio_pci *vp)
{
	vp->generation++;
}

void virtio_pci_notify_config(struct virtio_pci *vp)
{
	virtio_pci_config_changed(vp);
	if (vp->status & VIRTIO_STATUS_DRIVER_OK)
		raise_interrupt(vp, ISR_CONFIG, vp->config_vector);
}

void virtio_pci_mark_broken(struct virtio_pci *vp)
{
	if (vp->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	log_warn_ratelimited("%s: driver broke the rules, device stops until it is reset",
		vp->config.name);
	vp->status |= VIRTIO_STATUS_NEEDS_RESET;
	virtio_pci_notify_config(vp);
}

/* Whose call it was is not known any more. */
static void notify_all(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		if (vp->queues[i].enabled)
			virtio_pci_notify_queue(vp, i);
	}
}

/* MSI-X went on or off: calls go another way from here on. */
void virtio_pci_update_msix(struct virtio_pci *vp)
{
	bool has_msix = pci_msix_enabled(vp->pci);

	if (has_msix == vp->has_msix)
		return;
	vp->has_msix = has_msix;
	if (!vp->is_active || vp->is_resetting)
		return;
	for (unsigned i = 0; vp->config.ops->vector_changed && i < vp->config.n_queues; i++)
		vp->config.ops->vector_changed(vp->config.ctx, i);
	notify_all(vp);
}

/* A back-end counted the INTx eventfd up; perhaps before it heard that MSI-X is on. */
static void intx_event(void *ctx, int fd, uint32_t events)
{
	struct virtio_pci *vp = ctx;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	virtio_pci_lock(vp);
	notify_all(vp);
	virtio_pci_unlock(vp);
}

/* Reading the ISR acknowledges it: 4.1.4.5.1. */
uint8_t virtio_pci_take_isr(struct virtio_pci *vp)
{
	uint8_t isr = vp->isr;

	set_isr(vp, 0);
	return isr;
}

/* ---- Status ---------------------------------------------------------------------------------- */

static void clear_state(struct virtio_pci *vp)
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
	set_isr(vp, 0);
	virtio_pci_config_changed(vp); /* reset() may have put it back */
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		vp->queues[i] = (struct virtio_queue){
			.size = vp->config.queue_size,
			.vector = VIRTIO_PCI_NO_VECTOR,
		};
	}
	set_awaited(vp, false);
}

void virtio_pci_reset_done(struct virtio_pci *vp)
{
	if (vp->is_resetting)
		clear_state(vp);
}

static void reset_device(struct virtio_pci *vp)
{
	if (vp->is_resetting)
		return;
	vp->is_resetting = true;
	vp->is_running = false;
	if (!vp->is_active || vp->config.ops->reset(vp->config.ctx))
		clear_state(vp);
}

void virtio_pci_begin_reset(struct virtio_pci *vp)
{
	virtio_pci_lock(vp);
	reset_device(vp);
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
	clear_state(vp);
	vp->has_msix = false;
	virtio_pci_update_master(vp);
	virtio_pci_unlock(vp);
}

uint64_t virtio_pci_offered(struct virtio_pci *vp)
{
	if (!vp->is_offered_latched) {
		vp->offered = vp->config.ops->get_features(vp->config.ctx) |
			      VIRTIO_BIT(VIRTIO_F_VERSION_1);
		vp->is_offered_latched = true;
		virtio_pci_config_changed(vp); /* what the back-end can do shows there as well */
	}
	return vp->offered;
}

/* Do the parts of an enabled queue lie in RAM, aligned? 2.7 and 2.8 "Virtqueues". */
static bool queue_valid(const struct virtio_pci *vp, const struct virtio_queue *q)
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

static void activate_device(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		if (!vp->queues[i].enabled || queue_valid(vp, &vp->queues[i]))
			continue;
		log_warn_ratelimited("%s: queue %u does not lie in guest memory", vp->config.name,
			i);
		virtio_pci_mark_broken(vp);
		return;
	}
	if (vp->config.ops->activate(vp->config.ctx, vp->driver_features) < 0) {
		virtio_pci_mark_broken(vp);
		return;
	}
	vp->is_active = true;
	vp->is_running = true; /* activate() took it so */
	vp->is_stalled = !vp->is_master;
	update_running(vp);
}

void virtio_pci_write_status(struct virtio_pci *vp, uint8_t value)
{
	uint8_t added = value & ~vp->status;

	if (!value) {
		reset_device(vp);
		return;
	}
	/* Bits are only ever added; NEEDS_RESET is ours. */
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
		activate_device(vp);
	}
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

static int open_fds(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->config.n_queues; i++) {
		vp->kick_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vp->kick_fds[i] < 0)
			return -errno;
	}
	vp->intx_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vp->intx_fd < 0)
		return -errno;
	return ev_add_io(vp->env->ev, vp->intx_fd, EPOLLIN, intx_event, vp, &vp->intx_source);
}

int virtio_pci_create(const struct dev_env *env, const struct virtio_pci_config *config,
	struct virtio_pci **ret_vp, struct err *err)
{
	struct virtio_pci *vp = calloc(1, sizeof(*vp));
	int r;

	if (!vp)
		return err_set(err, -ENOMEM, "device '%s': out of memory", config->name);
	vp->env = env;
	vp->config = *config;
	vp->notify_base = BUS_UNMAPPED;
	vp->intx_fd = -1;
	memset(vp->kick_fds, -1, sizeof(vp->kick_fds));
	(void)pthread_mutex_init(&vp->lock,
		NULL); /* cannot fail with default attributes on Linux */
	r = open_fds(vp);
	if (!r)
		r = virtio_pci_add_function(vp);
	if (r < 0) {
		virtio_pci_destroy(vp);
		return err_set(err, r, "device '%s': cannot be added to the PCI bus: %s",
			config->name, strerror(-r));
	}
	clear_state(vp);
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
