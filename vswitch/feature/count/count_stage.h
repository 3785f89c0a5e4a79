/**
 * count_stage: frames of a port by size and by VLAN, counted by a stage (datapath/stage.h).
 *
 * On the way in everything counts that the port's peer sent and that is a frame, on the way out
 * what is about to be sent to it, whether its queue then has room or not. Sizes are those on the
 * port's wire, with tag, and with the check sequence that a virtual port has not, since that is how
 * the classes of the standard are meant; what is too short for a wire is in the first class. The
 * VLAN of an untagged frame is that of the port. Segments that a port cuts itself are one frame.
 *
 * Threads: any worker, under the lock of the direction where there are several; control reads
 * meanwhile.
 * Source: RFC 2819 "Remote Network Monitoring Management Information Base", etherStatsPkts64Octets
 * to etherStatsPkts1024to1518Octets; smonVlanIdStatsTable of RFC 2613.
 */
#ifndef WEFT_VSWITCH_FEATURE_COUNT_COUNT_STAGE_H
#define WEFT_VSWITCH_FEATURE_COUNT_COUNT_STAGE_H

#include "stage.h"

#define COUNT_N_SIZES 7 /* 64, 65-127, 128-255, 256-511, 512-1023, 1024-1518, 1519-max */
#define COUNT_N_VLANS 4096

struct count_vlan {
	uint64_t frames, bytes;
};

/** One direction of a port. */
struct count_way {
	_Atomic bool lock;
	uint64_t sizes[COUNT_N_SIZES];
	uint64_t seen[COUNT_N_VLANS / 64]; /* VLANs with frames, as bits */
	struct count_vlan vlans[COUNT_N_VLANS];
};

/** conf: a struct count_way. All frames of mask go on. */
uint64_t count_sizes_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);
uint64_t count_vlans_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);
uint64_t count_all_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);

#endif
