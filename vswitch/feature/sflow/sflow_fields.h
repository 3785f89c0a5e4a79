/**
 * sflow_fields: what is sampled and sent to a collector, as rows of the control protocol
 * (lib/ctl_schema.h): settings of the whole switch, and what became of the samples.
 */
#ifndef WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_FIELDS_H
#define WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_FIELDS_H

#define SFLOW_MAX_RATE (1u << 24)
#define SFLOW_MAX_POLL 86400

#define SFLOW_FIELDS(F, T)                                                                     \
	F(T, STR, collector, OPT, 1, 63, "",                                                   \
		"where datagrams go: ADDRESS:PORT or [ADDRESS]:PORT, in numbers",              \
		.lab = "collector", CTL_COLUMN(1, "COLLECTOR", BRIEF))                         \
	F(T, U32, rate, OPT, 0, SFLOW_MAX_RATE, "frames",                                      \
		"one in so many frames that ports send is sampled; 0 = off", .def = "0",       \
		.lab = "rate", CTL_COLUMN(2, "RATE", BRIEF))                                   \
	F(T, U32, poll, OPT, 0, SFLOW_MAX_POLL, "s",                                           \
		"counters of every port are sent each so many seconds; 0 = never", .def = "0", \
		.lab = "poll", CTL_COLUMN(3, "POLL", BRIEF))                                   \
	F(T, STR, agent, OPT, 1, 45, "",                                                       \
		"address that the switch calls itself by (default that which it sends from)",  \
		.lab = "agent", CTL_COLUMN(4, "AGENT", BRIEF))                                 \
	F(T, U64, samples, SHOW, 0, UINT64_MAX, "frames", "sampled",                           \
		CTL_COLUMN(5, "SAMPLES", BRIEF))                                               \
	F(T, U64, datagrams, SHOW, 0, UINT64_MAX, "", "sent to the collector",                 \
		CTL_COLUMN(6, "DATAGRAMS", BRIEF))                                             \
	F(T, U64, errors, SHOW, 0, UINT64_MAX, "",                                             \
		"datagrams that could not be sent, with what "                                 \
		"was in them",                                                                 \
		CTL_COLUMN(7, "ERRORS", BRIEF))                                                \
	F(T, STR, last_error, SHOW, 0, 127, "", "why the last of them was not sent",           \
		CTL_COLUMN(8, "LAST-ERROR", TABLE))

#endif
