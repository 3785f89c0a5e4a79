/**
 * storm_fields: the settings of storm control, as rows of the control protocol (lib/ctl_schema.h).
 *
 * What a limit is in, bits or frames a second, is a field of its own each: of one kind of frames
 * one of the two is set.
 */
#ifndef WEFT_VSWITCH_FEATURE_STORM_STORM_FIELDS_H
#define WEFT_VSWITCH_FEATURE_STORM_STORM_FIELDS_H

#define STORM_MIN_BPS UINT64_C(1000)
#define STORM_MAX_BPS UINT64_C(10000000000000)
#define STORM_MAX_PPS UINT64_C(10000000000)

#define STORM_BITS(F, T, name, key, help)                                         \
	F(T, U64, name, OPT, 0, STORM_MAX_BPS, "bit/s", help "; 0 = all of them", \
		.measure = MEASURE_RATE, .def = "0", .lab = key)
#define STORM_FRAMES(F, T, name, key, help)                                          \
	F(T, U64, name, OPT, 0, STORM_MAX_PPS, "frames/s", help "; 0 = all of them", \
		.measure = MEASURE_PPS, .def = "0", .lab = key)

#define STORM_FIELDS(F, T)                                                                   \
	STORM_BITS(F, T, broadcast, "broadcast", "broadcast that may pass")                  \
	STORM_FRAMES(F, T, broadcast_pps, "broadcast-pps", "the same in frames")             \
	STORM_BITS(F, T, multicast, "multicast", "multicast that may pass")                  \
	STORM_FRAMES(F, T, multicast_pps, "multicast-pps", "the same in frames")             \
	STORM_BITS(F, T, unknown_unicast, "unknown-unicast",                                 \
		"frames to addresses that nobody has that may pass")                         \
	STORM_FRAMES(F, T, unknown_unicast_pps, "unknown-unicast-pps", "the same in frames") \
	F(T, ENUM, action, OPT, 0, 0, ctl_storm_actions,                                     \
		"what exceeds it is dropped, or disables the port", .def = "drop",           \
		.lab = "action")

#endif
