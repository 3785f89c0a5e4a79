#include "fake_dataplane.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_PORTS 1024

struct fake_port {
	struct port port;
	struct ctl_port conf;
	bool carrier;
	uint32_t mtu;
	struct port_queues queues;
	struct queue rings[PORT_MAX_QUEUES][2];
};

struct worker_pool {
	int control_fd;
};

static struct fake_port *ports[MAX_PORTS];
static unsigned n_created;
static const char *refused_path;
static int refused_code;
static const struct dp_snapshot *published;
static unsigned n_published;
static struct learn_ring learn_events;
static struct punt_ring punts;
static struct dp_counters counters[DP_MAX_PORTS];
static struct worker_load loads[DP_MAX_PORTS][DP_MAX_QUEUES];
static int control_fd;

void fake_reset(void)
{
	n_created = 0;
	refused_path = NULL;
	published = NULL;
	n_published = 0;
	memset(&learn_events, 0, sizeof(learn_events));
	memset(counters, 0, sizeof(counters));
	memset(loads, 0, sizeof(loads));
}

void fake_refuse_path(const char *path, int r)
{
	refused_path = path;
	refused_code = r;
}

unsigned fake_n_ports(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MAX_PORTS; i++)
		n += ports[i] != NULL;
	return n;
}

unsigned fake_n_created(void)
{
	return n_created;
}

static struct fake_port *find(const char *name)
{
	for (unsigned i = 0; i < MAX_PORTS; i++) {
		if (ports[i] && !strcmp(ports[i]->conf.name, name))
			return ports[i];
	}
	fail_msg("no port '%s'", name);
	return NULL;
}

static bool is_published(const struct fake_port *fake)
{
	const char *first = (const char *)fake->rings, *last = first + sizeof(fake->rings);

	for (unsigned w = 0; published && w < published->n_workers; w++) {
		for (unsigned i = 0; i < published->workers[w].n_rx; i++) {
			const char *ring = (const char *)published->workers[w].rx[i].queue;

			if (ring >= first && ring < last)
				return true;
		}
	}
	return false;
}

void fake_port_run(const char *name, uint16_t n_pairs)
{
	struct fake_port *fake = find(name);

	fake->queues.n = n_pairs;
	for (uint16_t q = 0; q < n_pairs; q++) {
		fake->queues.rx[q] = &fake->rings[q][0];
		fake->queues.tx[q] = &fake->rings[q][1];
		fake->queues.pair[q] = q;
	}
	fake->port.events->queues(fake->port.ctx, &fake->port);
	assert_int_equal(is_published(fake), n_pairs > 0);
	fake->port.events->status(fake->port.ctx, &fake->port);
}

void fake_port_announce(const char *name, const struct ether_addr48 *mac)
{
	struct fake_port *fake = find(name);

	fake->port.events->announce(fake->port.ctx, &fake->port, mac);
}

bool fake_port_carrier(const char *name)
{
	return find(name)->carrier;
}

uint32_t fake_port_mtu(const char *name)
{
	return find(name)->mtu;
}

const struct dp_snapshot *fake_published(void)
{
	return published;
}

void fake_learn_event(const struct learn_event *event)
{
	uint64_t one = 1;

	assert_true(learn_ring_put(&learn_events, event));
	assert_int_equal(write(control_fd, &one, sizeof(one)), sizeof(one));
}

struct dp_counters *fake_counters(uint16_t port_id)
{
	return &counters[port_id];
}

unsigned fake_n_published(void)
{
	return n_published;
}

struct worker_load *fake_load(uint16_t port_id, uint16_t queue)
{
	return &loads[port_id][queue];
}

/* ---- port.h ---- */

int port_create(struct ev *ev, const struct ctl_port *conf, const struct port_events *events,
	void *ctx, struct port **ret_port, struct err *err)
{
	struct fake_port *fake;
	unsigned i = 0;

	(void)ev;
	if (refused_path && !strcmp(refused_path, conf->path))
		return err_set_field(err, refused_code, "path", "port '%s': refused", conf->name);
	fake = calloc(1, sizeof(*fake));
	assert_non_null(fake);
	fake->port.ctx = ctx;
	fake->port.events = events;
	fake->conf = *conf;
	fake->mtu = conf->mtu;
	while (ports[i])
		i++;
	ports[i] = fake;
	n_created++;
	*ret_port = &fake->port;
	return 0;
}

void port_destroy(struct port *port)
{
	struct fake_port *fake = (struct fake_port *)port;

	if (!fake)
		return;
	assert_false(is_published(fake));
	for (unsigned i = 0; i < MAX_PORTS; i++) {
		if (ports[i] == fake)
			ports[i] = NULL;
	}
	free(fake);
}

const struct port_queues *port_queues(const struct port *port)
{
	return &((const struct fake_port *)port)->queues;
}

void port_status(const struct port *port, struct ctl_port *ret_status)
{
	bool running = port_is_running(port);

	CTL_SET(ret_status, ctl_port, state, running ? CTL_CONN_RUNNING : CTL_CONN_LISTENING);
}

void port_set_carrier(struct port *port, bool up)
{
	((struct fake_port *)port)->carrier = up;
}

void port_set_mtu(struct port *port, uint32_t mtu)
{
	((struct fake_port *)port)->mtu = mtu;
}

uint32_t port_device_mtu(const struct port *port)
{
	return 0;
}

uint64_t port_missed(struct port *port)
{
	return 0;
}

void port_check(struct port *port)
{
	(void)port;
}

bool port_is_running(const struct port *port)
{
	return ((const struct fake_port *)port)->queues.n > 0;
}

/* ---- worker.h ---- */

int worker_pool_create(const struct worker_config *config, struct worker_pool **ret_pool)
{
	*ret_pool = calloc(1, sizeof(**ret_pool));
	assert_non_null(*ret_pool);
	control_fd = config->control_fd;
	return 0;
}

void worker_pool_destroy(struct worker_pool *pool)
{
	published = NULL;
	free(pool);
}

/* Who takes from a ring: its worker, or -1. */
static int consumer(const struct dp_snapshot *snapshot, const struct queue *q)
{
	int found = -1;

	for (unsigned w = 0; snapshot && w < snapshot->n_workers; w++) {
		for (unsigned i = 0; i < snapshot->workers[w].n_rx; i++) {
			if (snapshot->workers[w].rx[i].queue != q)
				continue;
			assert_int_equal(found, -1);
			found = (int)w;
		}
	}
	return found;
}

static bool is_hold(const struct dp_rx *rx)
{
	return rx->resume && !rx->is_injected;
}

/* Frames would overtake, where a hold joins and others are received from (worker_ctl.c). */
static void check_holds(const struct dp_snapshot *old, const struct dp_snapshot *snapshot)
{
	bool had_any = false, joins = false;

	for (unsigned w = 0; old && w < old->n_workers; w++) {
		for (unsigned i = 0; i < old->workers[w].n_rx; i++)
			had_any |= is_hold(&old->workers[w].rx[i]);
	}
	for (unsigned w = 0; w < snapshot->n_workers; w++) {
		for (unsigned i = 0; i < snapshot->workers[w].n_rx; i++) {
			const struct dp_rx *rx = &snapshot->workers[w].rx[i];

			joins |= is_hold(rx) && consumer(old, rx->queue) < 0;
		}
	}
	if (snapshot->n_workers > 1 && had_any && joins)
		fail_msg("a hold joined while others were received from");
}

const struct dp_snapshot *worker_publish(struct worker_pool *pool,
	const struct dp_snapshot *snapshot)
{
	const struct dp_snapshot *old = published;

	(void)pool;
	for (unsigned w = 0; w < snapshot->n_workers; w++) {
		for (unsigned i = 0; i < snapshot->workers[w].n_rx; i++) {
			int before = consumer(old, snapshot->workers[w].rx[i].queue);

			if (before >= 0 && before != (int)w)
				fail_msg("a ring went from worker %d to %u without being parked",
					before, w);
			assert_int_equal(consumer(snapshot, snapshot->workers[w].rx[i].queue), w);
		}
	}
	check_holds(old, snapshot);
	n_published++;
	assert_ptr_not_equal(old, snapshot);
	published = snapshot;
	return old;
}

void worker_counters(const struct worker_pool *pool, uint16_t port_id, struct dp_counters *ret_sum)
{
	(void)pool;
	*ret_sum = counters[port_id];
}

void worker_counters_clear(struct worker_pool *pool, uint16_t port_id)
{
	(void)pool;
	counters[port_id] = (struct dp_counters){0};
}

/* Whoever has a ring had it from the beginning. */
void worker_load(const struct worker_pool *pool, unsigned index, struct worker_load *ret_load)
{
	(void)pool;
	*ret_load = (struct worker_load){0};
	for (unsigned i = 0; published && i < published->workers[index].n_rx; i++) {
		const struct dp_rx *rx = &published->workers[index].rx[i];

		ret_load->busy_ns += loads[rx->port_id][rx->pair].busy_ns;
		ret_load->frames += loads[rx->port_id][rx->pair].frames;
	}
}

void worker_ring_load(const struct worker_pool *pool, uint16_t port_id, uint16_t queue,
	struct worker_load *ret_load)
{
	(void)pool;
	*ret_load = loads[port_id][queue];
}

unsigned worker_get_learn_events(struct worker_pool *pool, struct learn_event *ret_events,
	unsigned max)
{
	unsigned n = 0;

	(void)pool;
	while (n < max && learn_ring_get(&learn_events, &ret_events[n]))
		n++;
	return n;
}

uint64_t worker_learn_events_lost(const struct worker_pool *pool)
{
	(void)pool;
	return learn_events.lost;
}

bool worker_get_punts(struct worker_pool *pool, unsigned max,
	void (*fn)(void *ctx, const struct punt_record *record), void *ctx)
{
	const struct punt_record *record;

	(void)pool;
	for (unsigned n = 0; n < max; n++) {
		record = punt_ring_first(&punts);
		if (!record)
			return false;
		fn(ctx, record);
		punt_ring_pop(&punts);
	}
	return true;
}

uint64_t worker_punts_lost(const struct worker_pool *pool)
{
	(void)pool;
	return punts.lost;
}

uint64_t worker_tsc_hz(const struct worker_pool *pool)
{
	return 2500000000;
}
