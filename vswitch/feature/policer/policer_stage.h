/**
 * policer_stage: a policer as an ingress stage of a port (datapath/stage.h).
 *
 * Each frame is metered as it came, its tag included, without regard to a colour that it may have
 * had before: green ones conform and pass; those that exceed (yellow) and violate (red) pass, are
 * dropped, or get another priority, as is set. Only a tag has a priority: frames without one pass
 * as they are.
 *
 * The meters are those of DPDK (rte_meter.h), with profiles of our own making: they divide once or
 * twice for each frame, which nobody pays who has no policer.
 *
 * Threads: any worker, behind the lock where there are several. Life cycle: policer.h. Source: RFC
 * 2697, RFC 2698, RFC 4115.
 */
#ifndef WEFT_VSWITCH_FEATURE_POLICER_POLICER_STAGE_H
#define WEFT_VSWITCH_FEATURE_POLICER_POLICER_STAGE_H

#include "block.h"
#include "ctl_vswitch.h"
#include "stage.h"

#include <rte_meter.h>

enum policer_kind { POLICER_RFC2697, POLICER_RFC2698, POLICER_RFC4115 };

/** Of one port. */
struct policer {
	struct block block;
	/* Fixed. */
	enum policer_kind kind;
	enum ctl_policer_action actions[RTE_COLORS];
	uint8_t pcp;
	union {
		struct rte_meter_srtcm_profile rfc2697;
		struct rte_meter_trtcm_profile rfc2698;
		struct rte_meter_trtcm_rfc4115_profile rfc4115;
	} profile;
	/* Workers', behind the lock. */
	alignas(64) _Atomic bool lock;
	uint64_t now_tsc; /* it never goes back, whatever worker comes */
	union {
		struct rte_meter_srtcm rfc2697;
		struct rte_meter_trtcm rfc2698;
		struct rte_meter_trtcm_rfc4115 rfc4115;
	} meter;
};

/** conf: a struct policer. */
uint64_t policer_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);

#endif
