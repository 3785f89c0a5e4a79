/* Attacks by what a vhost-user peer can send: messages and descriptors, which stay the peer's
 * (attack.h says what they may not do). */
#include "attack.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Call eventfds ---- */

/** A read() empties it; then one more than what a write() of 1 could still add. */
static void fill_and_block(int fd)
{
	const uint64_t full = UINT64_MAX - 1;
	uint64_t count;
	int flags = fcntl(fd, F_GETFL);

	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	do
		(void)!read(fd, &count, sizeof(count));
	while (write(fd, &full, sizeof(full)) != sizeof(full));
	assert_int_equal(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
}

/* The peer fills the counter of both its call eventfds and makes them blocking, while the switch
 * delivers to it and wants to call it: a write() there would wait for ever. */
static void full_call_descriptor_holds_nobody(struct attack *attack)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = packed});
		static const uint8_t frame[64] = {
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb6};
		static uint8_t got[FE_FRAME_MAX];

		for (unsigned i = 0; i < 2; i++)
			fill_and_block(fe_ring(evil, i)->call_fd);
		/* Both rings are called for: broadcasts of the neighbours are received, and what
		 * is sent is returned. */
		for (unsigned i = 0; i < 200; i++) {
			(void)fe_send(evil, 0, NULL, frame, sizeof(frame));
			(void)fe_recv(evil, 0, NULL, got, sizeof(got), 1);
		}
		attack_settle(attack);
		fe_destroy(evil);
	}
}

/* One eventfd for all: call and kick of both rings. The switch's own calls wake its worker. */
static void one_descriptor_is_call_and_kick(struct attack *attack)
{
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){0});
	int kick = fe_ring(evil, 1)->kick_fd;

	for (uint64_t i = 0; i < 2; i++)
		assert_int_equal(
			fe_message(evil, VHOST_USER_SET_VRING_CALL, 0, &i, sizeof(i), &kick, 1), 0);
	(void)fe_link_status(evil); /* answered when they were handled */
	attack_settle(attack);
	fill_and_block(kick);
	attack_settle(attack);
	fe_destroy(evil);
}

static const struct attack_case cases[] = {
	{"full_call_descriptor_holds_nobody", full_call_descriptor_holds_nobody},
	{"one_descriptor_is_call_and_kick", one_descriptor_is_call_and_kick},
};

int main(void)
{
	return attack_main("peer", cases, sizeof(cases) / sizeof(cases[0]));
}
