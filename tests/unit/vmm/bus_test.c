#include "cmocka_all.h"

#include "bus.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct probe {
	uint64_t offset, value;
	unsigned size, n_reads, n_writes;
};

static uint64_t probe_read(void *ctx, uint64_t offset, unsigned size)
{
	struct probe *p = ctx;

	p->offset = offset;
	p->size = size;
	p->n_reads++;
	return 0x1122334455667788ull;
}

static void probe_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct probe *p = ctx;

	p->offset = offset;
	p->size = size;
	p->value = value;
	p->n_writes++;
}

static const struct bus_ops probe_ops = {.read = probe_read, .write = probe_write};

static void accesses_reach_their_range(void **state)
{
	struct probe a = {0}, b = {0};
	struct bus *bus = NULL;

	assert_int_equal(bus_create("pio", 0x10000, &bus), 0);
	assert_int_equal(bus_register(bus, "b", 0x200, 0x10, &probe_ops, &b, NULL), 0);
	assert_int_equal(bus_register(bus, "a", 0x100, 0x10, &probe_ops, &a, NULL), 0);
	assert_int_equal(bus_read(bus, 0x10f, 1), 0x88);
	assert_int_equal(a.offset, 0xf);
	bus_write(bus, 0x204, 4, 0xdeadbeef);
	assert_int_equal(b.offset, 4);
	assert_int_equal(b.value, 0xdeadbeef);
	/* Outside, and over the end: all ones, nobody is called. */
	assert_int_equal(bus_read(bus, 0xff, 1), 0xff);
	assert_int_equal(bus_read(bus, 0x10e, 4), 0xffffffff);
	assert_int_equal(bus_read(bus, 0xffff, 8), UINT64_MAX);
	bus_write(bus, 0x20f, 2, 1);
	assert_int_equal(a.n_reads, 1);
	assert_int_equal(b.n_writes, 1);
	bus_destroy(bus);
}

static void ranges_do_not_overlap(void **state)
{
	struct probe p = {0};
	struct bus_range *r = NULL;
	struct bus *bus = NULL;

	assert_int_equal(bus_create("pio", 0x1000, &bus), 0);
	assert_int_equal(bus_register(bus, "a", 0x100, 0x10, &probe_ops, &p, NULL), 0);
	assert_int_equal(bus_register(bus, "b", 0x10f, 1, &probe_ops, &p, NULL), -EEXIST);
	assert_int_equal(bus_register(bus, "b", 0xf8, 9, &probe_ops, &p, NULL), -EEXIST);
	assert_int_equal(bus_register(bus, "b", 0xf8, 8, &probe_ops, &p, NULL), 0);
	assert_int_equal(bus_register(bus, "c", 0xff8, 9, &probe_ops, &p, NULL), -ERANGE);
	assert_int_equal(bus_register(bus, "c", BUS_UNMAPPED, 8, &probe_ops, &p, &r), 0);
	assert_int_equal(bus_move(bus, r, 0x104), -EEXIST);
	assert_int_equal(bus_move(bus, r, UINT64_MAX - 1), -ERANGE);
	assert_int_equal(bus_move(bus, r, 0x800), 0);
	assert_int_equal(bus_read(bus, 0x800, 1), 0x88);
	bus_unmap(bus, r);
	assert_int_equal(bus_read(bus, 0x800, 1), 0xff);
	bus_destroy(bus);
}

/* Random moves against the obvious model: an array of owners. */
static void moves_agree_with_a_model(void **state)
{
	enum { N = 8, SPACE = 256 };
	struct probe probes[N] = {0};
	struct bus_range *ranges[N];
	int owner[SPACE];
	struct bus *bus = NULL;

	srand(1);
	for (int i = 0; i < SPACE; i++)
		owner[i] = -1;
	assert_int_equal(bus_create("mmio", SPACE, &bus), 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(bus_register(bus, "r", BUS_UNMAPPED, 1 + i * 3, &probe_ops,
					 &probes[i], &ranges[i]),
			0);
	for (int step = 0; step < 5000; step++) {
		int i = rand() % N, base = rand() % SPACE, size = 1 + i * 3, code = 0;

		for (int j = 0; j < SPACE; j++)
			owner[j] = owner[j] == i ? -1 : owner[j];
		if (base + size > SPACE)
			code = -ERANGE;
		for (int j = base; !code && j < base + size; j++)
			code = owner[j] >= 0 ? -EEXIST : 0;
		for (int j = base; !code && j < base + size; j++)
			owner[j] = i;
		assert_int_equal(bus_move(bus, ranges[i], (uint64_t)base), code);
		for (int j = 0; j < SPACE; j++) {
			unsigned before = owner[j] >= 0 ? probes[owner[j]].n_reads : 0;

			assert_int_equal(bus_read(bus, (uint64_t)j, 1),
				owner[j] >= 0 ? 0x88 : 0xff);
			if (owner[j] >= 0)
				assert_int_equal(probes[owner[j]].n_reads, before + 1);
		}
	}
	bus_destroy(bus);
}

static int hook(void *ctx, uint64_t addr, unsigned len, int fd, bool assign)
{
	*(int *)ctx += assign ? 1 : -1;
	return addr == 0x666 ? -ENOSPC : 0;
}

static void ioeventfds_are_signalled_or_handed_on(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK), n_assigned = 0;
	struct probe p = {0};
	struct bus *bus = NULL;
	uint64_t count = 0;

	assert_int_equal(bus_create("mmio", 0x1000, &bus), 0);
	assert_int_equal(bus_register(bus, "a", 0x100, 0x10, &probe_ops, &p, NULL), 0);
	assert_int_equal(bus_ioeventfd_assign(bus, 0x100, 2, fd), 0);
	assert_int_equal(bus_ioeventfd_assign(bus, 0x100, 2, fd), -EEXIST);
	bus_write(bus, 0x100, 2, 7);
	bus_write(bus, 0x100, 4, 7); /* another length is an ordinary write */
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	assert_int_equal(p.n_writes, 1);
	bus_ioeventfd_release(bus, 0x100, 2, fd);
	bus_ioeventfd_release(bus, 0x100, 2, fd);
	bus_set_ioeventfd_hook(bus, hook, &n_assigned);
	assert_int_equal(bus_ioeventfd_assign(bus, 0x104, 0, fd), 0);
	assert_int_equal(n_assigned, 1);
	assert_int_equal(bus_ioeventfd_assign(bus, 0x666, 0, fd), -ENOSPC);
	bus_ioeventfd_release(bus, 0x104, 0, fd);
	assert_int_equal(n_assigned, 1); /* 2 calls with assign, one without */
	bus_destroy(bus);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_reach_their_range),
		cmocka_unit_test(ranges_do_not_overlap),
		cmocka_unit_test(moves_agree_with_a_model),
		cmocka_unit_test(ioeventfds_are_signalled_or_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
