#include "count.h"

#include "count_stage.h"

#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

struct counting {
	struct {
		enum ctl_count_mode mode;
		bool is_prepared;      /* way is wanted, though nothing is counted yet */
		struct count_way *way; /* NULL: nothing is counted */
	} ports[DP_MAX_PORTS][2];      /* way in, way out */
};

int count_prepare(void *state, uint16_t port_id, bool is_egress, enum ctl_count_mode mode,
	struct err *err)
{
	struct counting *all = state;
	struct count_way **way = &all->ports[port_id][is_egress].way;

	if (mode != CTL_COUNT_OFF && !*way)
		*way = calloc(1, sizeof(**way));
	if (mode != CTL_COUNT_OFF && !*way)
		return err_set_field(err, -ENOMEM, "count", "counters: no memory");
	all->ports[port_id][is_egress].is_prepared = true;
	return 0;
}

void count_commit(void *state, uint16_t port_id, bool is_egress, enum ctl_count_mode mode)
{
	struct counting *all = state;

	all->ports[port_id][is_egress].mode = mode;
	all->ports[port_id][is_egress].is_prepared = false;
}

/* ---- What was counted ------------------------------------------------------------------------ */

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

const char *count_size_name(unsigned size)
{
	static const char *const names[COUNT_N_SIZES] = {
		"64", "65-127", "128-255", "256-511", "512-1023", "1024-1518", "1519-max"};

	return names[size];
}

bool count_of_size(const void *state, uint16_t port_id, bool is_egress, unsigned size,
	uint64_t *ret_frames)
{
	const struct counting *all = state;
	enum ctl_count_mode mode = all->ports[port_id][is_egress].mode;

	if (mode != CTL_COUNT_SIZES && mode != CTL_COUNT_ALL)
		return false;
	*ret_frames = load(&all->ports[port_id][is_egress].way->sizes[size]);
	return true;
}

static const struct count_way *way_of_vlans(const struct counting *all, uint16_t port_id,
	bool is_egress)
{
	enum ctl_count_mode mode = all->ports[port_id][is_egress].mode;

	if (mode != CTL_COUNT_VLANS && mode != CTL_COUNT_ALL)
		return NULL;
	return all->ports[port_id][is_egress].way;
}

unsigned count_next_vlan(const void *state, uint16_t port_id, bool is_egress, unsigned vid)
{
	const struct count_way *way = way_of_vlans(state, port_id, is_egress);

	if (!way)
		return COUNT_N_VLANS;
	while (vid < COUNT_N_VLANS) {
		uint64_t seen = load(&way->seen[vid / 64]) >> vid % 64;

		if (seen)
			return vid + (unsigned)__builtin_ctzll(seen);
		vid = (vid / 64 + 1) * 64;
	}
	return COUNT_N_VLANS;
}

void count_of_vlan(const void *state, uint16_t port_id, bool is_egress, unsigned vid,
	uint64_t *ret_frames, uint64_t *ret_bytes)
{
	const struct count_way *way = way_of_vlans(state, port_id, is_egress);

	*ret_frames = way ? load(&way->vlans[vid].frames) : 0;
	*ret_bytes = way ? load(&way->vlans[vid].bytes) : 0;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void *create(struct hold_budget *budget)
{
	return calloc(1, sizeof(struct counting));
}

static void destroy(void *state)
{
	struct counting *all = state;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		free(all->ports[i][0].way);
		free(all->ports[i][1].way);
	}
	free(all);
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	const struct counting *all = state;
	const struct count_way *way = all->ports[port_id][is_egress].way;

	*ret = (struct feature_part){.stage = {.conf = way}};
	switch (all->ports[port_id][is_egress].mode) {
	case CTL_COUNT_OFF:
		return false;
	case CTL_COUNT_SIZES:
		ret->stage.run = count_sizes_run;
		return true;
	case CTL_COUNT_VLANS:
		ret->stage.run = count_vlans_run;
		return true;
	case CTL_COUNT_ALL:
		ret->stage.run = count_all_run;
		return true;
	}
	return false;
}

/* Counters that no snapshot has any more go. */
static void published(void *state)
{
	struct counting *all = state;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		for (unsigned out = 0; out < 2; out++) {
			if (all->ports[i][out].mode != CTL_COUNT_OFF ||
				all->ports[i][out].is_prepared)
				continue;
			free(all->ports[i][out].way);
			all->ports[i][out].way = NULL;
		}
	}
}

const struct feature count_feature = {
	.name = "count",
	.create = create,
	.destroy = destroy,
	.part = part,
	.published = published,
};
