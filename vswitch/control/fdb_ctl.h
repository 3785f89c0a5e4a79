/**
 * fdb_ctl: the forwarding databases of all bridges, seen from control.
 *
 * One table per bridge (datapath/fdb.h), of which control is the only writer. Workers send learn
 * events of addresses they do not know or see elsewhere than before; here they are checked against
 * the model, for a learn event may be older than a change, and learned within the limits of port
 * and bridge. Time is handed in, in seconds, so that tests own the clock.
 *
 * Threads: the control thread. Life cycle: a table is opened with its bridge and closed after a
 * snapshot without the bridge was published.
 * Limits: fdb_max of the bridge; of a port, where set.
 */
#ifndef WEFT_VSWITCH_CONTROL_FDB_CTL_H
#define WEFT_VSWITCH_CONTROL_FDB_CTL_H

#include "model.h"

#include "fdb_table.h"
#include "datapath/learn_event.h"

#define FDB_BRIDGE_MAX 1048576

/** What learn events show that somebody may want to know. */
struct fdb_ctl_events {
	/** An address was at one port and is now at the other. from: NULL = it has gone since. */
	void (*moved)(void *ctx, const struct model_bridge *bridge, uint16_t vid, uint64_t mac48,
		const struct model_port *from, const struct model_port *to);
	/** An address at the port was not learned, for a limit of it or its bridge. */
	void (*limited)(void *ctx, const struct model_port *port);
	void *ctx;
};

struct fdb_ctl {
	struct fdb_ctl_events events;          /* NULL: nobody wants to know */
	struct fdb *tables[MODEL_MAX_BRIDGES]; /* by bridge id */
	uint64_t n_limited;                    /* learn events refused for a limit */
	bool is_ageing;                        /* a sweep is under way, */
	uint16_t age_bridge;                   /* at this bridge */
};

/* Life cycle */
/** The table for bridge. returns 0 or -ENOMEM (err set) */
int fdb_ctl_open(struct fdb_ctl *ctl, const struct model_bridge *bridge, struct err *err);
/** Bridge id's snapshot is gone. */
void fdb_ctl_close(struct fdb_ctl *ctl, uint16_t bridge_id);
void fdb_ctl_done(struct fdb_ctl *ctl);
/**
 * A table for fdb_max entries with what the bridge knows, static entries first. The caller
 * publishes it, then frees the old one, which is returned.
 * returns 0, -ENOMEM, -ENOSPC (fewer than there are static entries); err set
 */
int fdb_ctl_resize(struct fdb_ctl *ctl, const struct model_bridge *bridge, uint32_t fdb_max,
	uint32_t now_s, struct fdb **ret_old, struct err *err);

/* Learning and forgetting */
/** Learn from events[n_events]. returns how many changed something */
unsigned fdb_ctl_learn(struct fdb_ctl *ctl, const struct model *model,
	const struct learn_event *events, unsigned n_events, uint32_t now_s);
/**
 * A slice, well below a millisecond, of a sweep over all tables: once a second, and again each
 * millisecond while ctl->is_ageing. returns how many were forgotten
 */
unsigned fdb_ctl_age(struct fdb_ctl *ctl, const struct model *model, uint32_t now_s);
/** Forget a port's learned addresses, and its static ones, too. returns how many */
unsigned fdb_ctl_flush_port(struct fdb_ctl *ctl, const struct model_port *port, bool with_static);
/**
 * After a change of configuration: forget what the table of a bridge holds at ports that have left
 * it, and in VLANs that a port no longer carries on it, static addresses included. Nothing else
 * could be added now. returns how many
 */
unsigned fdb_ctl_prune(struct fdb_ctl *ctl, const struct model *model, uint16_t bridge_id);

/* Configuration. Requests as in ctl_vswitch.h. */
int fdb_ctl_add(struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	uint32_t now_s, struct err *err);
int fdb_ctl_del(struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	uint32_t now_s, struct err *err);
/** Filters: bridge, vlan, port, mac; type static for static entries only. */
int fdb_ctl_flush(struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	uint32_t now_s, uint64_t *ret_count, struct err *err);

/* Iteration: of a table of any size, in no order, in steps between which it may change. */
struct fdb_list {
	struct ctl_fdb filter;
	const struct fdb *table; /* as it was at the begin: to compare, not to follow */
	uint64_t at;
};
/** What passes the filters of req. returns 0, -ENOENT; err set */
int fdb_list_begin(const struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	struct fdb_list *ret_list, struct err *err);
/**
 * As ctl_next_fn: 1 = ret_row is the next one; 0 = the end; CTL_NO_ROW_YET: ask again; -EBUSY: the
 * bridge has another table now, err set. An address that is there all the time is a row once
 * (fdb_table.h has the exception).
 */
int fdb_list_next(struct fdb_list *list, const struct fdb_ctl *ctl, const struct model *model,
	uint32_t now_s, struct ctl_fdb *ret_row, struct err *err);

/* Statistics */
uint32_t fdb_ctl_count(const struct fdb_ctl *ctl, uint16_t bridge_id);

#endif
