#include "track.h"

#include <string.h>

void track_advance(struct track *track, uint64_t n)
{
	if (n - track->next >= TRACK_WINDOW) {
		memset(track->bits, 0, sizeof(track->bits));
		return;
	}
	for (uint64_t at = track->next; at <= n;) {
		uint64_t *word = &track->bits[at / 64 % (TRACK_WINDOW / 64)];

		if (!(at & 63) && n - at >= 63) {
			*word = 0;
			at += 64;
		} else {
			*word &= ~(UINT64_C(1) << (at & 63));
			at++;
		}
	}
}
