/**
 * rundir: where the sockets, logs and consoles of a running lab are.
 *
 *   BASE/labs/NAME/            mode 0700; BASE = --run-dir, else as runtime_dir.h says
 *     vswitch.sock .pid .log   state/ (what the switch restores after a crash)
 *     NODE.sock .pid .log      control socket, process, messages of the VMM
 *     NODE.console .serial     serial console: socket to attach to, log of what was said
 *     NODE.args                how it was started, for `node start`
 *     NODE:ethN.sock           vhost-user; the VMM listens, the switch connects
 *     lock                     held while somebody changes the lab
 *     file                     path of the lab file that was applied last, for messages
 *
 * No node is called vswitch, and no name holds a colon: files of different owners never have one
 * name. Nothing here is a state of record: daemons are asked. A directory that belongs to somebody
 * else or that others may enter is refused.
 */
#ifndef WEFT_NETCFG_RUNDIR_H
#define WEFT_NETCFG_RUNDIR_H

#include "ctl_vswitch.h"
#include "err.h"
#include "opts.h"

#include <sys/types.h>

#define RUNDIR_PATH_SIZE 256

/** Path of the directory that those of labs are in. 0 or -ENAMETOOLONG. */
int rundir_labs_path(const struct opts *opts, char path[RUNDIR_PATH_SIZE], struct err *err);
/** Path of the directory of a lab; it need not exist. 0 or -ENAMETOOLONG. */
int rundir_path(const struct opts *opts, const char *lab, char path[RUNDIR_PATH_SIZE],
	struct err *err);
/** DIR/STEM+SUFFIX into path[size]. -ENAMETOOLONG when it does not fit a socket address. */
int rundir_file(const char *dir, const char *stem, const char *suffix, char *path, size_t size,
	struct err *err);
/** The socket of a node's NIC, from 0 on: NODE:ethN.sock. As rundir_file(). */
int rundir_nic_socket(const char *dir, const char *node, unsigned nic, char *path, size_t size,
	struct err *err);
/** The living daemon of that name: "vswitch" or a node's. 0 = none that its pid file knows. */
pid_t rundir_find_daemon(const char *dir, const char *name);
/** Make the directory and those above it. 0, -EACCES when it is not ours alone. */
int rundir_create(const char *path, struct err *err);
/** -ENOENT when there is none, -EACCES when it is not ours alone. */
int rundir_check(const char *path, struct err *err);
/** Remove everything in it, and it. Follows no symbolic link. */
int rundir_remove(const char *path, struct err *err);
/** Take the lock. Returns an fd to close, -EAGAIN when another netcfg has it. */
int rundir_lock(const char *path, struct err *err);
/** Note which lab file was applied, and say it; false: it is not known. */
int rundir_write_file_name(const char *path, const char *name, struct err *err);
bool rundir_read_file_name(const char *path, char *name, size_t size);

/** Names of the labs that have a directory. Stops when fn returns non-zero, and returns that. 0, or
 *  -errno with err set where this user cannot look. */
int rundir_each_lab(const struct opts *opts, int (*fn)(void *ctx, const char *lab), void *ctx,
	struct err *err);
/** Names of the nodes that have a control socket or process in the directory. */
int rundir_each_node(const char *path, int (*fn)(void *ctx, const char *node), void *ctx);
/** The lab that -L, -f or the only running lab means. -ENOENT, -EINVAL (several) with err set. */
int rundir_find_lab(const struct opts *opts, char name[CTL_NAME_MAX + 1], struct err *err);

/** The vswitch socket that -S, -L, the only running lab or the default means. */
int rundir_switch_socket(const struct opts *opts, char path[CTL_PATH_MAX + 1], struct err *err);

#endif
