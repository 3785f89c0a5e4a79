/**
 * impair_fields: the settings of an impairment in one direction, as rows of the control protocol
 * (lib/ctl_schema.h), in the words of netem, tc-netem(8). model.h says what each one does.
 *
 * Every setting is at its default where it is absent; those without a stated default follow from
 * the others, as in netem.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_FIELDS_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_FIELDS_H

/** Delay and jitter are at most an hour, a rate is from 1 kbit to 10 tbit. */
#define IMPAIR_MAX_DELAY_NS UINT64_C(3600000000000)
#define IMPAIR_MIN_RATE_BPS UINT64_C(1000)
#define IMPAIR_MAX_RATE_BPS UINT64_C(10000000000000)
/** Frames that wait at most are at most so many. */
#define IMPAIR_MAX_LIMIT 100000000

#define IMPAIR_TIME(F, T, name, key, help)                                                \
	F(T, U64, name, OPT, 0, IMPAIR_MAX_DELAY_NS, "ns", help, .measure = MEASURE_TIME, \
		.def = "0", .lab = key)
#define IMPAIR_SHARE(F, T, name, key, help)                                                     \
	F(T, U32, name, OPT, 0, MEASURE_ALL, "ppb", help, .measure = MEASURE_SHARE, .def = "0", \
		.lab = key)
/* One whose default depends on the others. */
#define IMPAIR_OTHER(F, T, name, key, help) \
	F(T, U32, name, OPT, 0, MEASURE_ALL, "ppb", help, .measure = MEASURE_SHARE, .lab = key)

#define IMPAIR_FIELDS(F, T)                                                                     \
	IMPAIR_TIME(F, T, delay, "delay", "how long each frame is held")                        \
	IMPAIR_TIME(F, T, jitter, "jitter", "how much the delay deviates")                      \
	IMPAIR_SHARE(F, T, delay_correlation, "delay-correlation",                              \
		"how often a delay is that of the frame before")                                \
	F(T, ENUM, distribution, OPT, 0, 0, ctl_impair_distributions, "of the jitter",          \
		.def = "uniform", .lab = "distribution")                                        \
	IMPAIR_SHARE(F, T, loss, "loss", "frames lost at random")                               \
	IMPAIR_SHARE(F, T, loss_correlation, "loss-correlation",                                \
		"how often a frame shares the fate of the one before")                          \
	IMPAIR_SHARE(F, T, gemodel_p, "gemodel-p", "Gilbert-Elliott loss: from good to bad")    \
	IMPAIR_OTHER(F, T, gemodel_r, "gemodel-r", "from bad to good (else 100% - p)")          \
	IMPAIR_OTHER(F, T, gemodel_1h, "gemodel-1h", "lost while bad (else 100%)")              \
	IMPAIR_SHARE(F, T, gemodel_1k, "gemodel-1k", "lost while good")                         \
	IMPAIR_SHARE(F, T, state_p13, "state-p13",                                              \
		"4-state loss: from receiving to a burst of losses")                            \
	IMPAIR_OTHER(F, T, state_p31, "state-p31", "back to receiving (else 100% - p13)")       \
	IMPAIR_SHARE(F, T, state_p32, "state-p32", "from losses to receiving within the burst") \
	IMPAIR_OTHER(F, T, state_p23, "state-p23", "back to losses (else 100%)")                \
	IMPAIR_SHARE(F, T, state_p14, "state-p14", "a single loss while receiving")             \
	IMPAIR_SHARE(F, T, duplicate, "duplicate", "frames sent twice")                         \
	IMPAIR_SHARE(F, T, duplicate_correlation, "duplicate-correlation",                      \
		"how often as for the frame before")                                            \
	IMPAIR_SHARE(F, T, corrupt, "corrupt", "frames with one bit changed")                   \
	IMPAIR_SHARE(F, T, corrupt_correlation, "corrupt-correlation",                          \
		"how often as for the frame before")                                            \
	IMPAIR_SHARE(F, T, reorder, "reorder", "frames that are not delayed but sent at once")  \
	IMPAIR_SHARE(F, T, reorder_correlation, "reorder-correlation",                          \
		"how often as for the frame before")                                            \
	F(T, U32, gap, OPT, 0, UINT32_MAX, "frames", "only each so manieth may be reordered",   \
		.def = "0", .lab = "gap")                                                       \
	F(T, U64, rate, OPT, 0, IMPAIR_MAX_RATE_BPS, "bit/s", "of the line; 0 = no limit",      \
		.measure = MEASURE_RATE, .def = "0", .lab = "rate")                             \
	F(T, U32, limit, OPT, 0, IMPAIR_MAX_LIMIT, "frames",                                    \
		"frames that wait at most; 0 = as many as fit", .def = "0", .lab = "limit")     \
	F(T, U64, limit_bytes, OPT, 0, UINT64_C(1) << 40, "bytes",                              \
		"memory for frames that wait; 0 = by delay and rate", .measure = MEASURE_SIZE,  \
		.def = "0", .lab = "limit-bytes")                                               \
	F(T, U64, seed, OPT, 0, UINT64_MAX, "",                                                 \
		"the same seed and frames have the same fates (else another each time)",        \
		.lab = "seed")

#endif
