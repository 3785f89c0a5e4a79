/*
 * A guest that touches registers, configuration space and rings of virtio devices in any order, bus
 * mastering with them, on a machine that is paused now and then.
 * Input is a list of 8-byte steps; addresses are folded into a small window so that rings, once set
 * up, are hit, or lie at the end of RAM, which a guard page follows.
 * Nothing outside guest RAM may be touched, no callback of the loop may read more descriptors than
 * a turn has, and after a machine reset every status is 0 again.
 */
#include "fuzz.h"

#include "bus.h"
#include "config.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_net.h"
#include "dev/virtio_pci.h"
#include "dev/virtio_rng.h"
#include "dev/virtq.h"
#include "ev.h"
#include "fake_machine.h"
#include "log.h"
#include "mem.h"
#include "pci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_DEVICES   3
#define WINDOW_GPA  0x100000
#define WINDOW_SIZE 0x4000
#define MAX_STEPS   512
#define QUEUE_SIZE  16
#define MAX_QUEUE   256 /* of any device */

struct machine {
	struct dev_env env;
	struct virtio_pci *devices[N_DEVICES];
	uint8_t *window;
};

struct step {
	uint8_t kind;
	uint8_t size;
	uint16_t offset;
	uint32_t value;
};

static void machine_create(struct machine *m)
{
	struct config_net net = {
		.path = "/nonexistent/weft-fuzz",
		.n_queue_pairs = 2,
		.queue_size = 64,
		.mtu = 1500,
		.mac = {{2, 0, 0, 0, 0, 1}},
		.packed = true,
		.offload = true,
	};
	struct config_disk disk = {0};
	struct virtio_net *virtio_net;
	struct virtio_blk *virtio_blk;
	struct virtio_rng *virtio_rng;
	int fd = memfd_create("disk", MFD_CLOEXEC);

	log_set_level(LOG_ERR);
	fake_machine_create(&m->env);
	(void)snprintf(disk.path, sizeof(disk.path), "/proc/self/fd/%d", fd);
	if (fd < 0 || ftruncate(fd, 65536) < 0 ||
		virtio_net_create(&m->env, &net, &virtio_net, NULL) < 0 ||
		virtio_blk_create(&m->env, &disk, &virtio_blk, NULL) < 0 ||
		virtio_blk_start(virtio_blk, NULL, NULL) < 0 ||
		virtio_rng_create(&m->env, &virtio_rng, NULL) < 0)
		abort();
	m->devices[0] = virtio_net_transport(virtio_net);
	m->devices[1] = virtio_blk_transport(virtio_blk);
	m->devices[2] = virtio_rng_transport(virtio_rng);
	m->window = fake_machine_ram(&m->env, WINDOW_GPA, WINDOW_SIZE);
}

/* Brings a device to DRIVER_OK with its rings in the window, as a driver would: small ones, or, by
 * a bit that is no feature, as large as any, so that one kick may bring more than a turn does. */
static void set_up(struct virtio_pci *vp, uint32_t accepted)
{
	virtio_pci_bar_write(vp, 0x14, 1, 0);
	virtio_pci_bar_write(vp, 0x14, 1, 3);
	for (unsigned half = 0; half < 2; half++) {
		virtio_pci_bar_write(vp, 0x00, 4, half);
		virtio_pci_bar_write(vp, 0x08, 4, half);
		virtio_pci_bar_write(vp, 0x0c, 4,
			virtio_pci_bar_read(vp, 0x04, 4) &
				(half ? 0x1 | accepted >> 24 << 2 : accepted | 0xff));
	}
	virtio_pci_bar_write(vp, 0x14, 1, 3 | 8);
	for (unsigned i = 0; i < 5; i++) {
		virtio_pci_bar_write(vp, 0x16, 2, i);
		virtio_pci_bar_write(vp, 0x18, 2, accepted >> 31 ? MAX_QUEUE : QUEUE_SIZE);
		virtio_pci_bar_write(vp, 0x20, 8, WINDOW_GPA);
		virtio_pci_bar_write(vp, 0x28, 8, WINDOW_GPA + 0x1000);
		virtio_pci_bar_write(vp, 0x30, 8, WINDOW_GPA + 0x2000);
		virtio_pci_bar_write(vp, 0x1c, 2, 1);
	}
	virtio_pci_bar_write(vp, 0x14, 1, 3 | 8 | 4);
}

static uint64_t fold_address(uint32_t value)
{
	if (value & 0x80000000)
		return value;
	return value & 0x40000000 ? FAKE_RAM_BYTES - value % 256 : WINDOW_GPA + value % WINDOW_SIZE;
}

static void put_desc(struct machine *m, const struct step *s)
{
	struct vring_desc *desc = (struct vring_desc *)m->window + s->offset % 64;

	*desc = (struct vring_desc){
		.addr = fold_address(s->value),
		.len = s->value >> 16 & 0x3ff,
		.flags = s->size & 7,
		.next = s->size >> 3,
	};
}

/* A round of the loop: a turn each, and what the last chain of each has beyond it. */
static void run_loop(struct machine *m)
{
	uint64_t before = virtq_steps();
	int n_calls = ev_run_once(m->env.ev, 0);

	if (n_calls < 0 ||
		virtq_steps() - before > (unsigned)n_calls * (VIRTQ_TURN_STEPS + 2ull * MAX_QUEUE))
		abort();
}

static void run_step(struct machine *m, const struct step *s)
{
	struct virtio_pci *vp = m->devices[s->kind >> 4 & 3 ? (s->kind >> 4 & 3) - 1 : 0];
	unsigned size = 1u << (s->size & 3);
	unsigned slot = 1 + (s->kind >> 4 & 3) % N_DEVICES;

	switch (s->kind & 15) {
	case 0:
		virtio_pci_bar_write(vp, s->offset % 0x40, size, s->value);
		break;
	case 1:
		(void)virtio_pci_bar_read(vp, s->offset % 0x40, size);
		break;
	case 2:
		virtio_pci_bar_write(vp, s->offset, size, s->value);
		break;
	case 3:
		(void)virtio_pci_bar_read(vp, s->offset, size);
		break;
	case 4:
		bus_write(m->env.pio, 0xcf8, 4, 0x80000000u | slot << 11 | (s->offset & 0xfc));
		bus_write(m->env.pio, 0xcfc + (s->offset & 3 & ~(size - 1)), size > 4 ? 4 : size,
			s->value);
		break;
	case 5:
		bus_write(m->env.pio, 0xcf8, 4, 0x80000000u | slot << 11 | (s->offset & 0xfc));
		(void)bus_read(m->env.pio, 0xcfc, 4);
		break;
	case 6:
	case 7:
		put_desc(m, s);
		break;
	case 8:
		memcpy(m->window + s->offset % (WINDOW_SIZE - 4), &s->value, 4);
		break;
	case 9: /* one more buffer, and a kick */
		((struct vring_avail *)(m->window + 0x1000))->ring[s->offset % 16] = s->size;
		((struct vring_avail *)(m->window + 0x1000))->idx++;
		virtio_pci_bar_write(vp, VIRTIO_PCI_NOTIFY + s->value % 5 * 4, 2, 0);
		break;
	case 10:
		set_up(vp, s->value);
		break;
	case 11:
		virtio_pci_set_paused(vp, s->value & 1);
		break;
	case 12:
		fake_machine_set_master(&m->env, s->value & 1);
		break;
	default:
		run_loop(m);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine m;
	struct step step;

	if (!m.window)
		machine_create(&m);
	memset(m.window, 0, WINDOW_SIZE);
	fake_machine_set_master(&m.env, true);
	for (unsigned i = 0; i < MAX_STEPS && size >= sizeof(step); i++) {
		memcpy(&step, data, sizeof(step));
		data += sizeof(step);
		size -= sizeof(step);
		run_step(&m, &step);
	}
	for (int i = 0; i < 3; i++)
		run_loop(&m);
	fake_machine_reset(&m.env, m.devices, N_DEVICES);
	for (unsigned i = 0; i < N_DEVICES; i++)
		virtio_pci_set_paused(m.devices[i], false);
	for (unsigned i = 0; i < N_DEVICES; i++) {
		if (virtio_pci_bar_read(m.devices[i], 0x14, 1))
			abort();
	}
	return 0;
}
