/**
 * sflow: frames of ports sampled, and sent to a collector with counters of the ports: an agent of
 * sFlow version 5.
 *
 * Data model. Settings are of the whole switch. While there is a rate, every port but patch ports
 * has an ingress stage (sflow_stage.h) next to the wire. What it punts becomes flow samples of one
 * datagram (sflow_datagram.h), which is sent when it is full or the round is over, by a UDP socket
 * that never blocks: what it does not take is lost and counted. An interface's number is one more
 * than the id of its port, so that 0 is none.
 *
 * Threads: the control thread. Life cycle: feature.h; set anew at any time.
 */
#ifndef WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_H
#define WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_H

#include "ctl_vswitch.h"
#include "err.h"
#include "feature.h"
#include "punt.h"
#include "sflow_datagram.h"

extern const struct feature sflow_feature;

/** Settings from the next snapshot on. 0, or -EINVAL and nothing has changed; err set. */
int sflow_set(void *state, const struct ctl_sflow *settings, struct err *err);
/** Its settings, borrowed. */
const struct ctl_sflow *sflow_settings(const void *state);
/** The settings, and what became of the samples. */
void sflow_row(const void *state, struct ctl_sflow *ret_row);

/** A sample came. */
void sflow_sample(void *state, const struct punt_record *record);
/** A second has passed. True: counters of every port are to be sent. */
bool sflow_wants_counters(void *state);
/** Of that port; interface and sequence are filled in. */
void sflow_add_counters(void *state, uint16_t port_id, struct sflow_counters *counters);
/** Send what is waiting. */
void sflow_flush(void *state);

#endif
