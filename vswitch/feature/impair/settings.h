/**
 * settings: an impairment of one direction as it is configured, compiled for the model.
 *
 * A struct of zeros is a perfect link. Values are those of the control protocol: ns, bits a second,
 * parts of a billion. What they mean is in model.h.
 *
 * Threads: control.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_SETTINGS_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_SETTINGS_H

#include "curve.h"
#include "err.h"
#include "impair_fields.h"
#include "model.h"

#include <stdbool.h>
#include <stdint.h>

/** How often, and how often as for the frame before. */
struct impair_share {
	uint32_t share_ppb, correlation_ppb;
};

struct impair_settings {
	uint64_t delay_ns, jitter_ns;
	uint32_t delay_correlation_ppb;
	enum impair_distribution distribution;
	enum impair_loss_model loss_model;
	struct impair_share loss; /* random */
	struct {
		uint32_t p_ppb;         /* good to bad */
		uint32_t r_ppb;         /* bad to good; else 100% - p */
		uint32_t bad_loss_ppb;  /* 1-h; else 100% */
		uint32_t good_loss_ppb; /* 1-k */
		bool has_r, has_bad_loss;
	} gemodel;
	struct {
		uint32_t p13_ppb, p31_ppb, p32_ppb, p23_ppb, p14_ppb;
		bool has_p31; /* else 100% - p13 */
		bool has_p23; /* else 100% */
	} state;
	struct impair_share duplicate, corrupt, reorder;
	uint32_t gap; /* each gap-th frame may be reordered; 0 = any */
	uint64_t rate_bps;
};

/**
 * Check settings (impair_check.h) and make what workers need of them.
 *
 * tsc_hz    ticks a second of the clock that impair_due() will be told
 * ret_conf  borrows tables that live as long as the program
 * returns   0, -EINVAL (two that contradict, one that lacks another) or -ERANGE; err: the value and
 *           the reason, what to change as its hint, the setting as its field
 */
int impair_compile(const struct impair_settings *settings, uint64_t tsc_hz,
	struct impair_conf *ret_conf, struct err *err);

#endif
