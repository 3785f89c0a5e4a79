#include "pci.h"

#include "machine.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define VIRTIO_NET     0x10411af4u /* device 0x1041 of vendor 0x1af4 */
#define N_SLOTS        32u
#define MAX_CAPS       16u
#define COMMAND        0x04
#define COMMAND_ON     6u /* memory, bus master */
#define CAP_POINTER    0x34
#define CAP_VENDOR     9u

enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_DEVICE = 4 };

static uint32_t read_config(unsigned slot, unsigned at)
{
	out32(CONFIG_ADDRESS, 0x80000000u | slot << 11 | (at & ~3u));
	return in32(CONFIG_DATA);
}

static volatile uint8_t *bar_of(unsigned slot, unsigned idx)
{
	uint32_t low = read_config(slot, 0x10 + 4 * idx);
	uint64_t high = (low & 6) == 4 ? read_config(slot, 0x14 + 4 * idx) : 0;

	return (volatile uint8_t *)(uintptr_t)(high << 32 | (low & ~15u));
}

static void read_caps(unsigned slot, struct pci_nic *nic)
{
	unsigned at = read_config(slot, CAP_POINTER) & 0xfc, bar_idx = 6;
	volatile uint8_t *bar = NULL;

	for (unsigned n = 0; at && n < MAX_CAPS; n++) {
		uint32_t head = read_config(slot, at);
		unsigned type = head >> 24;

		if ((head & 0xff) == CAP_VENDOR &&
			(type == CAP_COMMON || type == CAP_NOTIFY || type == CAP_DEVICE)) {
			unsigned idx = read_config(slot, at + 4) & 0xff;
			uint32_t offset = read_config(slot, at + 8);

			if (idx != bar_idx && idx < 6)
				bar = bar_of(slot, bar_idx = idx);
			if (type == CAP_COMMON)
				nic->common = bar + offset;
			else if (type == CAP_DEVICE)
				nic->device = bar + offset;
			else {
				nic->notify = bar + offset;
				nic->notify_stride = read_config(slot, at + 16);
			}
		}
		at = head >> 8 & 0xfc;
	}
}

unsigned pci_find_nics(struct pci_nic *nics, unsigned max)
{
	unsigned n = 0;

	for (unsigned slot = 1; slot < N_SLOTS && n < max; slot++) {
		uint32_t id = read_config(slot, 0);

		if (id == 0xffffffffu)
			break;
		if (id != VIRTIO_NET)
			continue;
		nics[n] = (struct pci_nic){0};
		read_caps(slot, &nics[n]);
		if (!nics[n].common || !nics[n].device || !nics[n].notify)
			continue;
		out32(CONFIG_ADDRESS, 0x80000000u | slot << 11 | COMMAND);
		out16(CONFIG_DATA, COMMAND_ON);
		n++;
	}
	return n;
}
