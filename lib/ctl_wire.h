/**
 * ctl_wire: the envelopes of the control protocol: request, reply and error; for ctl_*.c only.
 *
 * Texts are owned (free()), without the NUL byte that ends a message on the wire being counted, but
 * with it being there: send len + 1 bytes.
 * Threads: any; no state.
 * Source: varlink.org, "Protocol": members method, parameters, oneway, more, upgrade; continues,
 * error. Absent, null and empty parameters mean the same.
 */
#ifndef WEFT_LIB_CTL_WIRE_H
#define WEFT_LIB_CTL_WIRE_H

#include "ctl_iface.h"

#include <jansson.h>

struct ctl_request {
	json_t *json;                    /* owned; what params points into */
	const json_t *params;            /* borrowed; NULL = none */
	const struct ctl_method *method; /* NULL = Describe */
	bool more;
	bool oneway;
};

/** Server side. On failure nothing is owned. 0, -EPROTO, -EMSGSIZE, -ENOSYS (unknown method). */
int ctl_wire_parse_request(const struct ctl_interface *iface, const char *text, size_t len,
	struct ctl_request *ret_request, struct err *err);
void ctl_request_done(struct ctl_request *request);
/** msg NULL = empty parameters. 0, -ENOMEM, -EINVAL (msg holds what its table does not allow). */
int ctl_wire_format_reply(const struct ctl_struct *schema, const void *msg, bool continues,
	char **ret_text, size_t *ret_len);
int ctl_wire_format_description(const struct ctl_interface *iface, char **ret_text,
	size_t *ret_len);
/** NULL without memory. */
char *ctl_wire_format_error(const struct ctl_interface *iface, const struct err *err,
	size_t *ret_len);

/** Client side. method: "PortAdd"; msg may be NULL. */
int ctl_wire_format_request(const struct ctl_interface *iface, const char *method,
	const struct ctl_struct *schema, const void *msg, bool more, char **ret_text,
	size_t *ret_len);
/**
 * ret_json owned, ret_params borrowed from it (NULL = none).
 * returns  0; the server's error (its code, with err filled); -EPROTO; on failure nothing is owned
 */
int ctl_wire_parse_reply(const struct ctl_interface *iface, const char *text, size_t len,
	json_t **ret_json, const json_t **ret_params, bool *ret_continues, struct err *err);

#endif
