/**
 * fake_dataplane: ports without peers and workers without threads, for tests of the whole switch.
 *
 * Takes the place of port/ and of datapath/worker.c at link time (the seams port.h and worker.h).
 * The test plays the peer (fake_port_run) and the workers (fake_learn_event), and looks at what was
 * published. It checks the contract, too: a ring that a port takes back is in no snapshot
 * afterwards, a port that is destroyed has left it before, a ring that changes its worker is left
 * out of one, and so is every hold where there are several workers and another hold joins.
 */
#ifndef WEFT_TESTS_UNIT_VSWITCH_CONTROL_FAKE_DATAPLANE_H
#define WEFT_TESTS_UNIT_VSWITCH_CONTROL_FAKE_DATAPLANE_H

#include "worker_pool.h"
#include "port/port.h"

/** Forget everything, and refuse nothing. */
void fake_reset(void);
/** port_create() fails with code for ports of this path (borrowed; NULL = none). */
void fake_refuse_path(const char *path, int code);
/** Ports that exist; how many were made since fake_reset(). */
unsigned fake_n_ports(void);
unsigned fake_n_created(void);
/** The peer of port name drives n_pairs pairs of rings; 0 = it went away. */
void fake_port_run(const char *name, uint16_t n_pairs);
/** The peer asks to announce its address. */
void fake_port_announce(const char *name, const struct ether_addr48 *mac);
/** What the port was last told. */
bool fake_port_carrier(const char *name);
uint32_t fake_port_mtu(const char *name);
/** What workers forward by. */
const struct dp_snapshot *fake_published(void);
/** How many snapshots they were given since fake_reset(). */
unsigned fake_n_published(void);
/** A worker writes a learn event; the event loop has to turn for control to take it. */
void fake_learn_event(const struct learn_event *event);
struct dp_counters *fake_counters(uint16_t port_id);
/** What a ring cost its workers so far; the test writes it. */
struct worker_load *fake_load(uint16_t port_id, uint16_t queue);

#endif
