/**
 * runtime_dir: where a user's sockets are, unless somebody says otherwise.
 *
 * $XDG_RUNTIME_DIR/weft where that names a directory of this user, /tmp/weft-UID elsewhere. Who
 * became another user by su(1) still has the variable of before: root would leave directories there
 * that their owner cannot use, and another user could make none. Threads: any. Source: XDG Base
 * Directory Specification 0.8, section 3: the directory "MUST be owned by the user".
 */
#ifndef WEFT_LIB_RUNTIME_DIR_H
#define WEFT_LIB_RUNTIME_DIR_H

#include <stddef.h>

/** The path into path[size]; the directory need not exist. 0 or -ENAMETOOLONG. */
int runtime_dir_path(char *path, size_t size);

#endif
