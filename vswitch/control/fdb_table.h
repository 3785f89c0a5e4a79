/**
 * fdb_table: writing and reading the filtering database of a bridge (datapath/fdb.h, whose data
 * model, threads and limits hold here): made, taught, aged, flushed, listed.
 *
 * Threads: the control thread, the only writer.
 * Source: IEEE 802.1Q-2018, 8.7 "The Learning Process", 8.8 "The Filtering Database".
 */
#ifndef WEFT_VSWITCH_CONTROL_FDB_TABLE_H
#define WEFT_VSWITCH_CONTROL_FDB_TABLE_H

#include "datapath/fdb.h"

struct fdb_entry {
	uint16_t vid;
	struct ether_addr48 mac;
	uint16_t port_id;
	bool is_static;
	uint32_t age_s;
};

/** -ENOMEM; ret_fdb owned. max_entries 1..1048576. */
int fdb_create(uint32_t max_entries, struct fdb **ret_fdb);
void fdb_destroy(struct fdb *fdb);

enum fdb_learned { FDB_KNOWN, FDB_ADDED, FDB_MOVED, FDB_IS_STATIC, FDB_LIMITED };

/** Ask for the memory that fdb_learn() will need for vid/mac48, some addresses ahead. */
void fdb_prefetch(const struct fdb *fdb, uint16_t vid, uint64_t mac48);
/**
 * Note that vid/mac was seen at port_id. A static address never moves; of one that did,
 * fdb->moved_from says from where. max_per_port 0 = no limit.
 */
enum fdb_learned fdb_learn(struct fdb *fdb, uint16_t vid, uint64_t mac48, uint16_t port_id,
	uint32_t max_per_port, uint32_t now_s);
/** Add or change a static entry. 0, -ENOSPC. */
int fdb_add_static(struct fdb *fdb, uint16_t vid, uint64_t mac48, uint16_t port_id, uint32_t now_s);
/** 0 or -ENOENT. */
int fdb_del(struct fdb *fdb, uint16_t vid, uint64_t mac48);
/** 0 or -ENOENT; age from the last sweep. */
int fdb_get(struct fdb *fdb, uint16_t vid, uint64_t mac48, uint32_t now_s,
	struct fdb_entry *ret_entry);

/**
 * Turn seen bits into ages and forget learned addresses idle for ageing_s (0 = never). One sweep a
 * second, in slices: a call goes on where the one before stopped, over at most *budget buckets,
 * which it takes from *budget. The sweep is over when fdb->age_at is 0 again.
 * returns  how many were forgotten
 */
unsigned fdb_age_slice(struct fdb *fdb, uint32_t ageing_s, uint32_t now_s, uint32_t *budget);
/** The rest of a sweep, or a whole one. */
unsigned fdb_age(struct fdb *fdb, uint32_t ageing_s, uint32_t now_s);

/** Filter of fdb_flush(): fields that do not matter are FDB_ANY / false. */
#define FDB_ANY 0xffffffffu
struct fdb_filter {
	uint32_t vid;
	uint32_t port_id;
	bool with_static; /* static entries, too */
	bool only_static;
};
unsigned fdb_flush(struct fdb *fdb, const struct fdb_filter *filter);

/** fn per entry, in no order; non-zero stops and is returned. fn must not change the table. */
typedef int fdb_walk_fn(void *ctx, const struct fdb_entry *entry);
int fdb_walk(const struct fdb *fdb, uint32_t now_s, fdb_walk_fn *fn, void *ctx);

/**
 * Walk in steps, between which the table may change: *at begins as 0. What stays in the table is
 * met once; but for the rare address that moves to its other bucket, which may be met twice or not.
 * budget   looks at no more buckets than *budget, which it lowers
 * returns  true: ret_entry is the next one; false: the end, or *budget is 0
 */
bool fdb_next(const struct fdb *fdb, uint32_t now_s, uint64_t *at, uint32_t *budget,
	struct fdb_entry *ret_entry);

#endif
