/**
 * port_type: what a port of each type has to be.
 *
 * The switch checks a new port by it, netcfg prints its help from it and checks the ports of a lab
 * file by it before anything runs. Which settings a type takes is said by their rows (`types`,
 * ctl_vswitch.h); what it cannot be without, and what is wrong with a value, is here. Not here:
 * whether a device exists; only the port itself finds out.
 *
 *   type        needs               peer
 *   vhost-user  path                a guest
 *   nic         dev                 what is plugged in
 *   af-xdp      dev                 what is behind the interface
 *   af-packet   dev                 the same
 *   tap                             the host, as an interface of it
 *   veth        netns peer          a namespace, as an interface in it
 *   pcap        rx_file or tx_file  files
 *   memif       path                another packet program
 *   dpdk        devargs             whatever DPDK makes of it
 *   patch       a link, not asked   the other end of a link between bridges
 *
 * tap and veth make an interface called dev; absent, it is called as the port is.
 *
 * Pure functions; threads: any.
 */
#ifndef WEFT_LIB_PORT_TYPE_H
#define WEFT_LIB_PORT_TYPE_H

#include "ctl_vswitch.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/** All fields that only some types take. */
uint64_t port_type_fields(void);
/** The fields that this type takes, of those. */
uint64_t port_type_takes(enum ctl_port_type type);
/** Those of them without which there is no such port. (A pcap port needs one of its files.) */
uint64_t port_type_needs(enum ctl_port_type type);
/** Set what conf, which has a name and a type and was checked, takes and does not say. */
void port_type_complete(struct ctl_port *conf);

/**
 * Are the settings of conf, which has a name and a type, those of a port of its type? A relative
 * path is fine here: what it counts from is the caller's to say. Messages name settings as people
 * type them, with dashes (rebind), and not the port: who asks knows whose they are.
 * returns  0, -EINVAL with err and its field set
 */
int port_type_check(const struct ctl_port *conf, struct err *err);

/**
 * What only one port can have: a socket, a device, an interface, a file that is written. Both
 * configurations are complete. The field of conf that names what other has, or NULL.
 */
const char *port_type_conflict(const struct ctl_port *conf, const struct ctl_port *other);

/** The mode that socket_mode writes in octal: 1..0777, or 0 where it writes none. */
unsigned port_type_file_mode(const char *socket_mode);
/** Is it a PCI address, with its domain or without: 0000:03:00.0, 03:00.0? */
bool port_type_pci_ok(const char *text);

#endif
