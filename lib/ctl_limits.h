/**
 * ctl_limits: what a message of the control protocol may be at most, and a server bears of its
 * clients.
 *
 * Both sides read them here: what one sends the other takes. All are against a hostile peer. A
 * client whose backlog is full (a subscriber that does not read) is cut off. File descriptors that
 * a client sends are left alone (unix_conn.h) and end its connection; while the loop's closer is
 * behind with those (ev_closer()), no new client is accepted.
 */
#ifndef WEFT_LIB_CTL_LIMITS_H
#define WEFT_LIB_CTL_LIMITS_H

/* A message: bytes, nesting, fields of one struct (bits of its set mask). */
#define CTL_MAX_MESSAGE (128 * 1024)
#define CTL_MAX_DEPTH   8
#define CTL_MAX_FIELDS  64

/* Of a server: clients, half of them of other users; bytes of replies that one has not read. Each
 * has one request at a time. */
#define CTL_MAX_CONNECTIONS 64
#define CTL_MAX_BACKLOG     (4 * 1024 * 1024)

/* Lengths of texts in messages, without the NUL. */
#define CTL_NAME_MAX   63
#define CTL_PATH_MAX   107 /* of a Unix socket: sun_path */
#define CTL_FILE_MAX   255
#define CTL_IFNAME_MAX 15 /* IFNAMSIZ */

#endif
