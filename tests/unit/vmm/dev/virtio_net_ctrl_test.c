#include "dev/virtio_net_ctrl.h"

#include "virtio_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ALL          UINT64_MAX
#define WITHOUT(bit) (~VIRTIO_BIT(bit))

struct sample {
	const char *what;
	uint64_t features;
	size_t len;
	uint8_t cmd[16];
	uint8_t ack;
	enum virtio_net_ctrl_op op;
};

static const struct sample samples[] = {
	{"nothing", ALL, 0, {0}, 1, VIRTIO_NET_CTRL_NONE},
	{"class alone", ALL, 1, {0}, 1, VIRTIO_NET_CTRL_NONE},
	{"promiscuous", ALL, 3, {0, 0, 1}, 0, VIRTIO_NET_CTRL_NONE},
	{"all multicast", ALL, 3, {0, 1, 1}, 0, VIRTIO_NET_CTRL_NONE},
	{"unknown RX command", ALL, 3, {0, 9, 1}, 1, VIRTIO_NET_CTRL_NONE},
	{"RX not accepted", WITHOUT(VIRTIO_NET_F_CTRL_RX), 3, {0, 0, 1}, 1, VIRTIO_NET_CTRL_NONE},
	{"MAC table", ALL, 10, {1, 0}, 0, VIRTIO_NET_CTRL_NONE},
	{"address", ALL, 8, {1, 1, 2, 0, 0, 0, 0, 1}, 0, VIRTIO_NET_CTRL_SET_MAC},
	{"short address", ALL, 7, {1, 1, 2, 0, 0, 0, 0, 1}, 1, VIRTIO_NET_CTRL_NONE},
	{"multicast address", ALL, 8, {1, 1, 1, 0, 0, 0, 0, 1}, 1, VIRTIO_NET_CTRL_NONE},
	{"zero address", ALL, 8, {1, 1}, 1, VIRTIO_NET_CTRL_NONE},
	{"address not accepted", WITHOUT(VIRTIO_NET_F_CTRL_MAC_ADDR), 8, {1, 1, 2, 0, 0, 0, 0, 1},
		1, VIRTIO_NET_CTRL_NONE},
	{"VLAN", ALL, 4, {2, 0, 10, 0}, 0, VIRTIO_NET_CTRL_NONE},
	{"announce", ALL, 2, {3, 0}, 0, VIRTIO_NET_CTRL_ANNOUNCED},
	{"announce not accepted", WITHOUT(VIRTIO_NET_F_GUEST_ANNOUNCE), 2, {3, 0}, 1,
		VIRTIO_NET_CTRL_NONE},
	{"four pairs", ALL, 4, {4, 0, 4, 0}, 0, VIRTIO_NET_CTRL_SET_PAIRS},
	{"no pair", ALL, 4, {4, 0, 0, 0}, 1, VIRTIO_NET_CTRL_NONE},
	{"too many pairs", ALL, 4, {4, 0, 5, 0}, 1, VIRTIO_NET_CTRL_NONE},
	{"half a number", ALL, 3, {4, 0, 1}, 1, VIRTIO_NET_CTRL_NONE},
	{"pairs not accepted", WITHOUT(VIRTIO_NET_F_MQ), 4, {4, 0, 2, 0}, 1, VIRTIO_NET_CTRL_NONE},
	{"unknown class", ALL, 4, {77, 0}, 1, VIRTIO_NET_CTRL_NONE},
};

static void commands_are_judged(void **state)
{
	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct virtio_net_ctrl ctrl;

		if (virtio_net_ctrl_decode(s->cmd, s->len, s->features, 4, &ctrl) != s->ack ||
			ctrl.op != s->op)
			fail_msg("%s: wrong", s->what);
	}
}

static void operands_come_out(void **state)
{
	static const uint8_t mac[] = {1, 1, 2, 3, 4, 5, 6, 7}, pairs[] = {4, 0, 3, 0};
	struct virtio_net_ctrl ctrl;

	assert_int_equal(virtio_net_ctrl_decode(mac, sizeof(mac), ALL, 4, &ctrl), 0);
	assert_memory_equal(ctrl.mac.bytes, mac + 2, 6);
	assert_int_equal(virtio_net_ctrl_decode(pairs, sizeof(pairs), ALL, 4, &ctrl), 0);
	assert_int_equal(ctrl.n_pairs, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_judged),
		cmocka_unit_test(operands_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
