/**
 * arena: memory that is freed all at once; the lab file and everything made from it live in one.
 *
 * Allocation is zeroed and capped (ARENA_MAX_BYTES), so that a file cannot make us take more. After
 * the cap or a failed malloc() every further call gives NULL and arena->failed stays set.
 */
#ifndef WEFT_NETCFG_ARENA_H
#define WEFT_NETCFG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#define ARENA_MAX_BYTES (256u << 20)

struct arena_block;
struct arena {
	struct arena_block *blocks;
	size_t used_bytes;
	bool failed;
};

void *arena_alloc(struct arena *arena, size_t size);
/** Copy of text[len], terminated. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_done(struct arena *arena);

#endif
