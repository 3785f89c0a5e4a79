/**
 * pacing_fields: the settings of pacing, as rows of the control protocol (lib/ctl_schema.h).
 */
#ifndef WEFT_VSWITCH_FEATURE_PACING_PACING_FIELDS_H
#define WEFT_VSWITCH_FEATURE_PACING_PACING_FIELDS_H

#define PACING_MAX_BPS   UINT64_C(10000000000000)
#define PACING_MAX_BURST (UINT64_C(1) << 40)

#define PACING_FIELDS(F, T)                                                                       \
	F(T, U64, rate, OPT, 0, PACING_MAX_BPS, "bit/s", "that the port sends at; 0 = no pacing", \
		.measure = MEASURE_RATE, .def = "0", .lab = "rate")                               \
	F(T, U64, burst, OPT, 0, PACING_MAX_BURST, "bytes",                                       \
		"and how much at once; 0 = 50ms of it, 32K at least", .measure = MEASURE_SIZE,    \
		.def = "0", .lab = "burst")

#endif
