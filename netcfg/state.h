/**
 * state: what a lab is made of in the daemons; the same struct for what is wanted and what is.
 *
 *   lab file -> topo -> state_from_topo() -> wanted ---+
 *                                                      +-- plan_make() -> ops -> apply
 *   daemons -> actual_read() -------------> actual ----+
 *
 * Ports, bridges, links and mirrors are the messages of the control protocol, so that an operation
 * is one of them sent as it is.
 *
 * Names: port of a node `NODE:ethN`, of the host as the file calls it, without a colon; link
 * `PORT--PORT`. MACs of nodes and of veth ports depend on lab, name and number only, but for one
 * that another interface of the lab has already.
 * Pure: no I/O in here.
 */
#ifndef WEFT_NETCFG_STATE_H
#define WEFT_NETCFG_STATE_H

#include "ctl_vmm.h"
#include "ctl_vswitch.h"
#include "err.h"
#include "topo.h"

#define STATE_DIGEST_SIZE 17

struct state_vm {
	char name[CTL_NAME_MAX + 1];
	char digest[STATE_DIGEST_SIZE]; /* of everything but the NICs */
	uint32_t vcpus;                 /* actual only; 0 = not known */
	uint64_t memory_bytes;          /* the same */
	unsigned n_nics;
	struct {
		uint32_t mtu; /* offered to the guest; 0 = none */
		bool used;    /* wanted: a link ends here; an unused one may be anything */
		struct ether_addr48 mac;
	} nics[TOPO_MAX_NICS];
	const struct topo_node *node; /* wanted only; borrowed from the topo */
};

/** How the switch is started. */
struct state_switch {
	bool runs;                  /* actual only */
	char metrics[128];          /* "" = none */
	uint64_t hold_memory_bytes; /* 0 = its default */
};

struct state {
	struct ctl_bridge *bridges;
	struct ctl_port *ports;
	struct ctl_link *links;
	struct ctl_mirror *mirrors;
	struct state_vm *vms;
	struct ctl_sflow sflow;
	struct state_switch sw;
	unsigned n_bridges, n_ports, n_links, n_mirrors, n_vms;
};

/**
 * What topo wants, with sockets in run_dir.
 * returns  0, -ENOMEM, -ENAMETOOLONG (a socket's path); ret_state is to be done in any case
 */
int state_from_topo(const struct topo *topo, const char *run_dir, struct state *ret_state,
	struct err *err);
void state_done(struct state *state);

const struct ctl_bridge *state_find_bridge(const struct state *state, const char *name);
const struct ctl_port *state_find_port(const struct state *state, const char *name);
const struct ctl_link *state_find_link(const struct state *state, const char *name);
const struct ctl_mirror *state_find_mirror(const struct state *state, const char *name);
const struct state_vm *state_find_vm(const struct state *state, const char *name);

/** The port of NIC idx (from 0) that is connected to nothing. 0 or -ENAMETOOLONG. */
int state_spare_port(const char *run_dir, const char *node, unsigned idx, struct ctl_port *ret_port,
	struct err *err);
/** Is it already what can change of wanted? What wanted does not say may be anything. */
bool state_same_bridge(const struct ctl_bridge *a, const struct ctl_bridge *wanted);
/** Fields of a port that say what it does to frames, which lab files have at links. */
#define STATE_PORT_LIMITS                                                                     \
	(CTL_BIT(ctl_port, policer) | CTL_BIT(ctl_port, pacing) | CTL_BIT(ctl_port, shaper) | \
		CTL_BIT(ctl_port, storm_control))
bool state_same_port(const struct ctl_port *a, const struct ctl_port *wanted);
/** Is port what is wanted but for what can change while it exists? */
bool state_is_port(const struct ctl_port *port, const struct ctl_port *wanted);
/** Is it the port of a node's NIC? */
bool state_is_nic_port(const struct ctl_port *port);
bool state_same_link(const struct ctl_link *a, const struct ctl_link *wanted);
bool state_same_mirror(const struct ctl_mirror *a, const struct ctl_mirror *wanted);

/** The collector and the agent that wanted does not say may be any. */
bool state_same_sflow(const struct ctl_sflow *a, const struct ctl_sflow *wanted);

bool state_same_switch(const struct state_switch *a, const struct state_switch *wanted);

/** Append one zeroed element to array (of *n elements of size bytes); NULL when out of memory. */
void *state_append(void *array, unsigned *n, size_t size);
#define STATE_ADD(array, n) state_append(&(array), &(n), sizeof(*(array)))

#endif
