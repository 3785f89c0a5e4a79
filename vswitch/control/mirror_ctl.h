/**
 * mirror_ctl: mirrors (feature/mirror) as they are configured: what may be one, and which ports it
 * is at.
 *
 * A mirror is of a port, of all ports of a bridge, or of one VLAN at all ports of bridges. Which
 * ports those are is looked at with every change, so that ports that come later are mirrored, too.
 * A port that gets copies is never mirrored: one that is named is refused, of a bridge and a VLAN
 * it is left out. So no copy is copied again.
 *
 * The port that gets copies takes part in nothing else: it is in no bridge and on no link, and what
 * it sends is dropped for that (DROP_RX_NO_BRIDGE). One whose copies have a tag of their own may be
 * in a bridge, as a trunk that carries them to another switch.
 *
 * Threads: the control thread; no state. Limits: MODEL_MAX_MIRRORS.
 */
#ifndef WEFT_VSWITCH_CONTROL_MIRROR_CTL_H
#define WEFT_VSWITCH_CONTROL_MIRROR_CTL_H

#include "model.h"

/** What req asks for: the complete settings and what they name. Nothing runs yet. 0, or -errno with
 *  err set. */
int mirror_conf_new(const struct model *model, const struct ctl_mirror *req,
	struct model_mirror *ret_mirror, struct err *err);
/** Have it run. 0, or -errno with err set. */
int mirror_ctl_start(void *feature, struct model_mirror *mirror, struct err *err);
/** Have mirrors at the ports that they are of now, with the next snapshot. */
void mirror_ctl_update(const struct model *model);

/** Is the port or bridge free to be deleted? 0 or -EBUSY. */
int mirror_check_port_del(const struct model *model, const struct model_port *port,
	struct err *err);
int mirror_check_bridge_del(const struct model *model, const struct model_bridge *bridge,
	struct err *err);
/** A port that gets copies is to be in a bridge, or on a link: `what`. 0 or -EBUSY. */
int mirror_check_use(const struct model *model, const struct model_port *port, const char *field,
	const char *what, struct err *err);

#endif
