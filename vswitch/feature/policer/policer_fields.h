/**
 * policer_fields: the settings of a policer, as rows of the control protocol (lib/ctl_schema.h).
 *
 * Which meter it is follows from what is set: with peak-rate that of RFC 2698, with excess-rate
 * that of RFC 4115, else that of RFC 2697. The colours are called as in other switches' commands: a
 * frame that is yellow exceeds, one that is red violates.
 */
#ifndef WEFT_VSWITCH_FEATURE_POLICER_POLICER_FIELDS_H
#define WEFT_VSWITCH_FEATURE_POLICER_POLICER_FIELDS_H

#define POLICER_MAX_BPS   UINT64_C(10000000000000)
#define POLICER_MAX_BURST (UINT64_C(1) << 40)

#define POLICER_RATE(F, T, name, key, help)                                              \
	F(T, U64, name, OPT, 0, POLICER_MAX_BPS, "bit/s", help, .measure = MEASURE_RATE, \
		.def = "0", .lab = key)
#define POLICER_BURST(F, T, name, key, help)                                               \
	F(T, U64, name, OPT, 0, POLICER_MAX_BURST, "bytes", help, .measure = MEASURE_SIZE, \
		.def = "0", .lab = key)

#define POLICER_FIELDS(F, T)                                                                   \
	POLICER_RATE(F, T, rate, "rate", "what conforms (CIR); 0 = no policer")                \
	POLICER_BURST(F, T, burst, "burst",                                                    \
		"and how much at once (CBS); 0 = half a second of it, 128K at least")          \
	POLICER_BURST(F, T, excess_burst, "excess-burst",                                      \
		"what exceeds, and how much at once (EBS)")                                    \
	POLICER_RATE(F, T, excess_rate, "excess-rate", "of what exceeds (EIR, RFC 4115)")      \
	POLICER_RATE(F, T, peak_rate, "peak-rate", "above which it violates (PIR, RFC 2698)")  \
	POLICER_BURST(F, T, peak_burst, "peak-burst",                                          \
		"and how much at once (PBS); 0 = as burst, of that rate")                      \
	F(T, ENUM, exceed_action, OPT, 0, 0, ctl_policer_actions,                              \
		"what is done to frames that exceed (yellow)", .def = "pass",                  \
		.lab = "exceed-action")                                                        \
	F(T, ENUM, violate_action, OPT, 0, 0, ctl_policer_actions,                             \
		"what is done to frames that violate (red)", .def = "drop",                    \
		.lab = "violate-action")                                                       \
	F(T, U16, pcp, OPT, 0, 7, "", "priority that tagged frames get by remark", .def = "0", \
		.lab = "pcp")

#endif
