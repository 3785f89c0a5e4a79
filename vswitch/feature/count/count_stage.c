#include "count_stage.h"

#include "filter/wire_vid.h"
#include "spin.h"
#include "tag.h"

#define FCS_LEN 4

/* As the port's peer has it, without check sequence. */
static uint32_t wire_len(const struct stage_ctx *ctx, unsigned i)
{
	return ctx->frames[i].len + (ctx->tagged >> i & 1 ? TAG_LEN : 0);
}

static unsigned size_class(uint32_t len)
{
	len += FCS_LEN;
	return (len > 64) + (len > 127) + (len > 255) + (len > 511) + (len > 1023) + (len > 1518);
}

static inline uint64_t count(struct stage_ctx *ctx, const void *conf, uint64_t mask, bool by_size,
	bool by_vlan)
{
	/* Of the snapshot is only where it is; what is counted there is ours to write. */
	struct count_way *way = (struct count_way *)conf;

	if (ctx->is_shared)
		spin_acquire(&way->lock);
	for (uint64_t left = mask; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint32_t len = wire_len(ctx, i);

		if (by_size)
			way->sizes[size_class(len)]++;
		if (by_vlan) {
			uint16_t vid = wire_vid(ctx, i);

			way->seen[vid / 64] |= UINT64_C(1) << vid % 64;
			way->vlans[vid].frames++;
			way->vlans[vid].bytes += len;
		}
	}
	if (ctx->is_shared)
		spin_release(&way->lock);
	return mask;
}

uint64_t count_sizes_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	return count(ctx, conf, mask, true, false);
}

uint64_t count_vlans_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	return count(ctx, conf, mask, false, true);
}

uint64_t count_all_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	return count(ctx, conf, mask, true, true);
}
