/**
 * owner: whom a file or an interface is given to, as people write it.
 *
 * USER, USER:GROUP or :GROUP, each a name or a number, as chown(1) takes them.
 * Threads: one at a time; the users and groups of the host are looked up (getpwnam()).
 */
#ifndef WEFT_LIB_OWNER_H
#define WEFT_LIB_OWNER_H

#include "err.h"

#include <stdbool.h>
#include <sys/types.h>

/** Is it of that form? Whether there is such a user or group is not asked. */
bool owner_is_valid(const char *owner);
/** What owner does not say becomes -1, which chown(2) leaves as it is. returns 0 or -EINVAL, with
 *  err's field "owner" */
int owner_find(const char *owner, uid_t *ret_uid, gid_t *ret_gid, struct err *err);

#endif
