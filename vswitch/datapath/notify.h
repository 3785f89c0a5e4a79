/**
 * notify: telling a driver that something was published (its call eventfd).
 *
 * The one system call of a busy worker; at most once per ring and burst, and only where the driver
 * asks for it. The fd is an eventfd in non-blocking mode, which the port made sure of.
 */
#ifndef WEFT_DATAPATH_NOTIFY_H
#define WEFT_DATAPATH_NOTIFY_H

#include "vring.h"

/**
 * Interrupt those drivers of rings[n] that want to know what was published. One fence serves all,
 * and their lines, which the drivers write, are fetched side by side. shared: other workers put into
 * the rings, too.
 */
void notify_drivers(struct vring *const *rings, unsigned n, bool shared);
/** Add one to an eventfd. */
void notify_fd(int fd);

#endif
