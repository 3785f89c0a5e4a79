#include "turn_on.h"

#include "capture/capture.h"
#include "count/count.h"
#include "impair/impair.h"
#include "mirror/mirror.h"
#include "pacing/pacing.h"
#include "policer/policer.h"
#include "sflow/sflow.h"
#include "shaper/shaper.h"
#include "storm/storm.h"

#include <errno.h>

enum { FIRST, SECOND }; /* ids of the ports */

/* Nothing that one thread sends comes near. */
#define UNREACHED_BPS UINT64_C(1000000000000)
/* By this clock a delay of one nanosecond is a tick: due when it is looked for. */
#define TSC_HZ    1000000000
#define HOLD_SIZE (1u << 20)
/* One frame in so many is sampled: usual for a port of 10 Gbit/s. */
#define SAMPLED 1000
/* What is kept of a captured frame. */
#define SNAPLEN 128

static int capture_on(struct turned_on *on, struct err *err)
{
	const struct capture_params params = {.size = CAPTURE_RING_MIN, .snaplen = SNAPLEN};
	int r = capture_start(on->state, &params, &on->capture, err);

	return r < 0 ? r : capture_cover(on->capture, FIRST, CAPTURE_TAKES_IN, "p0", "");
}

static int count_on(struct turned_on *on, struct err *err)
{
	int r = count_prepare(on->state, FIRST, false, CTL_COUNT_ALL, err);

	if (r >= 0)
		count_commit(on->state, FIRST, false, CTL_COUNT_ALL);
	return r;
}

static int delay_on(struct turned_on *on, struct err *err)
{
	struct ctl_impair settings = {0};
	struct impair_change change;
	int r;

	CTL_SET(&settings, ctl_impair, delay, 1);
	CTL_SET(&settings, ctl_impair, limit_bytes, HOLD_SIZE);
	r = impair_prepare(on->state, SECOND, true, &settings, TSC_HZ, &change, err);
	if (r >= 0)
		impair_commit(on->state, &change);
	return r;
}

static int mirror_on(struct turned_on *on, struct err *err)
{
	const struct mirror_params params = {.name = "m", .to = SECOND};
	struct mirror *mirror;
	int r = mirror_start(on->state, &params, &mirror, err);

	if (r >= 0)
		mirror_cover(mirror, FIRST, MIRROR_TAKES_IN);
	on->n_copies = 1;
	return r;
}

/* Samples go no further than into the ring. */
static int sflow_on(struct turned_on *on, struct err *err)
{
	struct ctl_sflow settings = {0};

	CTL_SET(&settings, ctl_sflow, rate, SAMPLED);
	CTL_SET_STR(&settings, ctl_sflow, collector, "127.0.0.1:6343");
	return sflow_set(on->state, &settings, err);
}

static int shaper_on(struct turned_on *on, struct err *err)
{
	struct ctl_shaper settings = {0};
	struct shaper_change change;
	int r;

	CTL_SET(&settings, ctl_shaper, rate, UNREACHED_BPS);
	r = shaper_prepare(on->state, SECOND, &settings, TSC_HZ, &change, err);
	if (r >= 0)
		shaper_commit(on->state, &change);
	return r;
}

/* Of a feature whose state is a struct blocks. */
static int put(struct turned_on *on,
	int (*prepare)(const void *settings, uint64_t tsc_hz, struct block **ret, struct err *err),
	const void *settings, struct err *err)
{
	struct block *block;
	int r = prepare(settings, TSC_HZ, &block, err);

	if (r >= 0)
		block_put(on->state, FIRST, block);
	return r;
}

static int pacing_on(struct turned_on *on, struct err *err)
{
	struct ctl_pacing settings = {0};

	CTL_SET(&settings, ctl_pacing, rate, UNREACHED_BPS);
	return put(on, pacing_prepare, &settings, err);
}

static int policer_on(struct turned_on *on, struct err *err)
{
	struct ctl_policer settings = {0};

	CTL_SET(&settings, ctl_policer, rate, UNREACHED_BPS);
	return put(on, policer_prepare, &settings, err);
}

static int storm_on(struct turned_on *on, struct err *err)
{
	struct ctl_storm settings = {0};

	CTL_SET(&settings, ctl_storm, broadcast, UNREACHED_BPS);
	return put(on, storm_prepare, &settings, err);
}

static const struct {
	const struct feature *feature;
	int (*set)(struct turned_on *on, struct err *err);
} ways[] = {
	{&capture_feature, capture_on},
	{&count_feature, count_on},
	{&impair_feature, delay_on},
	{&mirror_feature, mirror_on},
	{&pacing_feature, pacing_on},
	{&policer_feature, policer_on},
	{&sflow_feature, sflow_on},
	{&shaper_feature, shaper_on},
	{&storm_feature, storm_on},
};
const char *const turn_on_names[] = {"capture", "count", "delay", "mirror", "pacing", "policer",
	"sflow", "shaper", "storm", NULL};

/* Its part at a port, and what is received from it. False: it has none there. */
static bool place(struct turned_on *on, uint16_t id, bool is_egress, struct stage *list)
{
	struct feature_part part;

	if (!on->feature->part || !on->feature->part(on->state, id, is_egress, &part))
		return false;
	list[0] = part.stage;
	for (unsigned i = 0; i < part.n_holds + (part.queue != NULL); i++)
		on->held[on->n_held++] =
			(struct dp_rx){.queue = i < part.n_holds ? &part.holds[i]->out : part.queue,
				.resume = &list[1],
				.port_id = id,
				.pair = DP_MAX_QUEUES,
				.is_egress = is_egress};
	return true;
}

int turn_on(struct turned_on *on, unsigned idx, struct dp_port *first, struct dp_port *second,
	struct dp_rx *rx, struct punt_ring *punts, struct err *err)
{
	int r;

	*on = (struct turned_on){
		.feature = ways[idx].feature, .budget = {.bytes = UINT64_MAX}, .punts = punts};
	on->state = on->feature->create(&on->budget);
	if (!on->state)
		return err_set(err, -ENOMEM, "out of memory");
	r = ways[idx].set(on, err);
	if (r < 0)
		return r;
	if (place(on, FIRST, false, on->ingress))
		first->ingress = on->ingress;
	if (place(on, SECOND, true, on->egress))
		second->egress = on->egress;
	if (on->feature->flood_stage && on->feature->flood_stage(on->state, FIRST, on->flood))
		first->flood = on->flood;
	if (on->feature->pace)
		rx->pace = on->feature->pace(on->state, FIRST);
	if (on->feature->published)
		on->feature->published(on->state);
	if (!first->ingress && !first->flood && !second->egress && !rx->pace)
		return err_set(err, -EINVAL, "stands nowhere"); /* nothing would be measured */
	return 0;
}

void turned_on_read(struct turned_on *on)
{
	struct capture_ring *ring = on->capture ? on->capture->ring : NULL;

	while (punt_ring_first(on->punts))
		punt_ring_pop(on->punts);
	if (ring)
		atomic_store_explicit(&ring->head,
			atomic_load_explicit(&ring->published, memory_order_relaxed),
			memory_order_relaxed);
}
