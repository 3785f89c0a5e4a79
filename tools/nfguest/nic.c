#include "nic.h"

#include "machine.h"

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define F_MAC              (UINT64_C(1) << 5)
#define F_CTRL_VQ          (UINT64_C(1) << 17)
#define F_MQ               (UINT64_C(1) << 22)
#define F_VERSION_1        (UINT64_C(1) << 32)
#define F_PACKED           (UINT64_C(1) << 34)
#define FEATURE_READS      200000u /* some seconds: each leaves the guest */
#define CTRL_MQ            4u
#define CTRL_MQ_PAIRS_SET  0u
#define CONFIG_MAX_PAIRS   8u /* offset in the device's configuration */

/* 4.1.4.3 "Common configuration structure layout" */
enum {
	DEVICE_SELECT = 0,
	DEVICE_FEATURES = 4,
	DRIVER_SELECT = 8,
	DRIVER_FEATURES = 12,
	STATUS = 20,
	QUEUE_SELECT = 22,
	QUEUE_SIZE = 24,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
};

static volatile uint8_t *reg8(struct nic *nic, unsigned at)
{
	return nic->pci.common + at;
}

static volatile uint16_t *reg16(struct nic *nic, unsigned at)
{
	return (volatile uint16_t *)(nic->pci.common + at);
}

static volatile uint32_t *reg32(struct nic *nic, unsigned at)
{
	return (volatile uint32_t *)(nic->pci.common + at);
}

static uint64_t read_features(struct nic *nic)
{
	uint64_t offered;

	*reg32(nic, DEVICE_SELECT) = 0;
	offered = *reg32(nic, DEVICE_FEATURES);
	*reg32(nic, DEVICE_SELECT) = 1;
	return offered | (uint64_t)*reg32(nic, DEVICE_FEATURES) << 32;
}

/* needed: the device may offer it a little later, when its back-end is there. */
static const char *negotiate(struct nic *nic, uint64_t wanted, uint64_t needed,
	uint64_t *ret_features)
{
	uint64_t offered;

	*reg8(nic, STATUS) = 0;
	while (*reg8(nic, STATUS))
		;
	*reg8(nic, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
	offered = read_features(nic);
	for (unsigned n = 0; n < FEATURE_READS && (offered & needed) != needed; n++)
		offered = read_features(nic);
	if ((offered & needed) != needed)
		return "the device does not offer packed rings";
	*ret_features = offered & wanted;
	if (!(offered & F_VERSION_1))
		return "the device is not a modern one";
	*reg32(nic, DRIVER_SELECT) = 0;
	*reg32(nic, DRIVER_FEATURES) = (uint32_t)*ret_features;
	*reg32(nic, DRIVER_SELECT) = 1;
	*reg32(nic, DRIVER_FEATURES) = (uint32_t)(*ret_features >> 32);
	*reg8(nic, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
	return *reg8(nic, STATUS) & STATUS_FEATURES_OK ? NULL : "the device refuses the features";
}

static void set_address(struct nic *nic, unsigned at, const void *area)
{
	*reg32(nic, at) = (uint32_t)(uintptr_t)area;
	*reg32(nic, at + 4) = (uint32_t)((uintptr_t)area >> 32);
}

static const char *start_queue(struct nic *nic, struct virtq *q, uint16_t number, bool writable)
{
	*reg16(nic, QUEUE_SELECT) = number;
	uint16_t size = *reg16(nic, QUEUE_SIZE);

	if (!size || size > VIRTQ_MAX || size & (size - 1))
		return "a queue has no size that is known";
	if (!virtq_init(q, number, size, nic->packed, writable))
		return "memory is too small for the queues";
	set_address(nic, QUEUE_DESC, q->desc);
	set_address(nic, QUEUE_DRIVER, q->driver);
	set_address(nic, QUEUE_DEVICE, q->device);
	q->notify = (volatile uint16_t *)(nic->pci.notify +
					  *reg16(nic, QUEUE_NOTIFY_OFF) * nic->pci.notify_stride);
	*reg16(nic, QUEUE_ENABLE) = 1;
	return NULL;
}

/* Tell the device how many pairs are used: 5.1.6.5.6. */
static const char *set_pairs(struct nic *nic, struct virtq *control)
{
	static const uint32_t lens[3] = {2, 2, 1};

	control->bufs[0][0] = CTRL_MQ;
	control->bufs[0][1] = CTRL_MQ_PAIRS_SET;
	control->bufs[1][0] = (uint8_t)nic->n_pairs;
	control->bufs[2][0] = 0xff;
	virtq_command(control, lens);
	return control->bufs[2][0] ? "the device refuses so many queue pairs" : NULL;
}

static void fill(struct nic *nic)
{
	for (unsigned i = 0; i < nic->n_pairs; i++) {
		struct virtq *q = &nic->rx[i];

		for (uint16_t id = 0; id < q->size; id++)
			virtq_post(q, id, VIRTQ_BUF);
		virtq_publish(q);
		virtq_publish(&nic->tx[i]); /* a back-end starts a ring at its first kick */
	}
}

const char *nic_start(struct nic *nic, unsigned n_pairs, enum nic_ring ring)
{
	static struct virtq control;
	uint64_t wanted = F_VERSION_1 | F_MAC | (ring != NIC_SPLIT ? F_PACKED : 0) |
			  (n_pairs > 1 ? F_MQ | F_CTRL_VQ : 0);
	uint64_t features = 0;
	unsigned most = 1;
	const char *wrong = negotiate(nic, wanted, ring == NIC_PACKED ? F_PACKED : 0, &features);

	nic->n_pairs = n_pairs;
	nic->packed = features & F_PACKED;
	if (!wrong && n_pairs > 1) {
		most = *(volatile uint16_t *)(nic->pci.device + CONFIG_MAX_PAIRS);
		if (!(features & F_MQ) || most < n_pairs)
			wrong = "the device has not so many queue pairs";
	}
	for (unsigned i = 0; !wrong && i < n_pairs; i++) {
		wrong = start_queue(nic, &nic->rx[i], (uint16_t)(2 * i), true);
		if (!wrong)
			wrong = start_queue(nic, &nic->tx[i], (uint16_t)(2 * i + 1), false);
	}
	if (!wrong && n_pairs > 1)
		wrong = start_queue(nic, &control, (uint16_t)(2 * most), false);
	if (wrong)
		return wrong;
	for (unsigned i = 0; i < 6; i++)
		nic->mac[i] = nic->pci.device[i];
	*reg8(nic, STATUS) =
		STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
	fill(nic);
	return n_pairs > 1 ? set_pairs(nic, &control) : NULL;
}
