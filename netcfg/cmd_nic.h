/**
 * cmd_nic: NICs between the kernel and the switch: the object `nic`, and what a port of
 * type nic needs before it is made and after it is gone.
 */
#ifndef WEFT_NETCFG_CMD_NIC_H
#define WEFT_NETCFG_CMD_NIC_H

#include "ctl_schema.h"
#include "ctl_vswitch.h"
#include "grammar.h"
#include "opts.h"

int cmd_nic(const struct opts *opts, struct grammar_request *req);

/**
 * Before PortAdd of a nic: name the NIC by its PCI address, since its interface is about to go;
 * take it, and have the switch rebind it, where the kernel still drives it. Says what it does
 * unless quiet. ret_taken: cmd_nic_port_failed() is due if the switch refuses.
 * 0 or -errno with err set.
 */
int cmd_nic_port(const struct opts *opts, struct ctl_port *port, bool *ret_taken, struct err *err);
/** The port was not made: rebind what cmd_nic_port() took. */
void cmd_nic_port_failed(const struct ctl_port *port);

#endif
