/**
 * notify: telling a driver that something was published (its call eventfd).
 *
 * The one system call of a busy worker; at most once per ring and flush, and only where the driver
 * asks for it. The fd is an eventfd in non-blocking mode, which the port made sure of.
 */
#ifndef WEFT_DATAPATH_NOTIFY_H
#define WEFT_DATAPATH_NOTIFY_H

/** Add one to an eventfd. */
void notify_fd(int fd);

#endif
