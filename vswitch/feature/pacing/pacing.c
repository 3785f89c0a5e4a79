#include "pacing.h"

#include "bucket_setup.h"
#include "pace.h"
#include "pacing_check.h"

#include <errno.h>

/* A burst that nobody says is what comes in this part of a second, in which a worker may be held up
 * by others on its core, and at least so much. */
#define BURSTS_PER_S 20
#define MIN_GUESS    (32u << 10)
/* What comes in this part of a second is worth waking up for. */
#define QUANTA_PER_S 2000

struct pacing {
	struct block block;
	struct pace pace;
};

static uint64_t burst_of(const struct ctl_pacing *s)
{
	uint64_t guess = s->rate / 8 / BURSTS_PER_S;

	if (s->burst)
		return s->burst;
	return guess > MIN_GUESS ? guess : MIN_GUESS;
}

int pacing_prepare(const void *settings, uint64_t tsc_hz, struct block **ret_block, struct err *err)
{
	const struct ctl_pacing *s = settings;
	struct pacing *pacing;
	int r = pacing_check(s, err);

	*ret_block = NULL;
	if (r < 0 || !s->set)
		return r;
	pacing = block_new(sizeof(*pacing));
	if (!pacing)
		return err_set(err, -ENOMEM, "out of memory");
	pacing->pace.conf = bucket_of_bits(s->rate, burst_of(s), tsc_hz);
	pacing->pace.quantum = s->rate / 8 / QUANTA_PER_S;
	if (pacing->pace.quantum > burst_of(s) / 2)
		pacing->pace.quantum = burst_of(s) / 2;
	if (!pacing->pace.quantum)
		pacing->pace.quantum = 1;
	pacing->pace.last_pair = UINT16_MAX;
	*ret_block = &pacing->block;
	return 0;
}

static struct pace *pace(const void *state, uint16_t port_id)
{
	struct block *block = ((const struct blocks *)state)->of[port_id];

	return block ? &((struct pacing *)block)->pace : NULL; /* first member */
}

const struct feature pacing_feature = {
	.name = "pacing",
	.create = blocks_create,
	.destroy = blocks_destroy,
	.pace = pace,
	.published = blocks_published,
};
