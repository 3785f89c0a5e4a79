/**
 * shaper_fields: the settings of an egress shaper, as rows of the control protocol
 * (lib/ctl_schema.h). Queues are numbered from 0; the last has the highest priority.
 */
#ifndef WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_FIELDS_H
#define WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_FIELDS_H

#define SHAPER_MAX_BPS    UINT64_C(10000000000000)
#define SHAPER_MAX_BURST  (UINT64_C(1) << 40)
#define SHAPER_MAX_BYTES  (UINT64_C(1) << 36)
#define SHAPER_MAX_LIMIT  100000000
#define SHAPER_MAX_WEIGHT 100

#define SHAPER_LIMIT(F, T, name, key)                                                   \
	F(T, U32, name, OPT, 0, SHAPER_MAX_LIMIT, "frames", "in this queue; 0 = limit", \
		.def = "0", .lab = key)
#define SHAPER_WEIGHT(F, T, name, key)                                                             \
	F(T, U32, name, OPT, 1, SHAPER_MAX_WEIGHT, "", "share of this queue with drr", .def = "1", \
		.lab = key)

#define SHAPER_FIELDS(F, T)                                                                       \
	F(T, U64, rate, OPT, 0, SHAPER_MAX_BPS, "bit/s", "that the port gets; 0 = no shaper",     \
		.measure = MEASURE_RATE, .def = "0", .lab = "rate")                               \
	F(T, U64, burst, OPT, 0, SHAPER_MAX_BURST, "bytes",                                       \
		"and how much at once; 0 = 50ms of it, 32K at least", .measure = MEASURE_SIZE,    \
		.def = "0", .lab = "burst")                                                       \
	F(T, ENUM, classify, OPT, 0, 0, ctl_shaper_classes,                                       \
		"by which the queue of a frame is chosen", .def = "pcp", .lab = "classify")       \
	F(T, ENUM, scheduler, OPT, 0, 0, ctl_shaper_schedulers, "which queue is served next",     \
		.def = "strict", .lab = "scheduler")                                              \
	F(T, U32, limit, OPT, 0, SHAPER_MAX_LIMIT, "frames",                                      \
		"that wait in a queue at most; 0 = as many as fit", .def = "0", .lab = "limit")   \
	F(T, U64, limit_bytes, OPT, 0, SHAPER_MAX_BYTES, "bytes",                                 \
		"memory of each queue, fixed while it is there; 0 = 2M", .measure = MEASURE_SIZE, \
		.def = "0", .lab = "limit-bytes")                                                 \
	SHAPER_LIMIT(F, T, limit0, "limit0")                                                      \
	SHAPER_LIMIT(F, T, limit1, "limit1")                                                      \
	SHAPER_LIMIT(F, T, limit2, "limit2")                                                      \
	SHAPER_LIMIT(F, T, limit3, "limit3")                                                      \
	SHAPER_LIMIT(F, T, limit4, "limit4")                                                      \
	SHAPER_LIMIT(F, T, limit5, "limit5")                                                      \
	SHAPER_LIMIT(F, T, limit6, "limit6")                                                      \
	SHAPER_LIMIT(F, T, limit7, "limit7")                                                      \
	SHAPER_WEIGHT(F, T, weight0, "weight0")                                                   \
	SHAPER_WEIGHT(F, T, weight1, "weight1")                                                   \
	SHAPER_WEIGHT(F, T, weight2, "weight2")                                                   \
	SHAPER_WEIGHT(F, T, weight3, "weight3")                                                   \
	SHAPER_WEIGHT(F, T, weight4, "weight4")                                                   \
	SHAPER_WEIGHT(F, T, weight5, "weight5")                                                   \
	SHAPER_WEIGHT(F, T, weight6, "weight6")                                                   \
	SHAPER_WEIGHT(F, T, weight7, "weight7")

#endif
