#include "port.h"

#include "err.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct port_ops port_vhost_ops, port_tap_ops, port_packet_ops, port_loop_ops,
	port_dpdk_ops;

const struct port_ops *const port_types[] = {
	&port_vhost_ops,
	&port_tap_ops,
	&port_packet_ops,
	&port_loop_ops,
	&port_dpdk_ops,
	NULL,
};

#define DEFAULT_RING 1024u
#define DEFAULT_MTU  1500u
#define MAX_RING     32768u

int port_open(struct port *port, const char *name, const char *spec, struct err *err)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);

	*port = (struct port){0};
	if (!*name || strlen(name) >= sizeof(port->name))
		return err_set(err, -EINVAL, "port '%s': a name has 1 to %d characters", name,
			PORT_MAX_NAME - 1);
	(void)str_copy(port->name, sizeof(port->name), name);
	for (unsigned i = 0; port_types[i]; i++) {
		if (strlen(port_types[i]->type) != len || strncmp(port_types[i]->type, spec, len))
			continue;
		if (!colon || !colon[1])
			return err_set(err, -EINVAL, "port '%s': '%s' lacks %s:%s", name, spec,
				port_types[i]->type, port_types[i]->usage);
		port->ops = port_types[i];
		int r = port->ops->open(port, colon + 1, err);
		if (r)
			(void)err_prefix(err, "port '%s'", name);
		return r;
	}
	(void)err_set(err, -EINVAL, "port '%s': '%s' names no port type", name, spec);
	err_hint(err, "vhost:PATH, tap:NAME, packet:INTERFACE, loop:LINK or dpdk:DEVICE");
	return -EINVAL;
}

void port_close(struct port *port)
{
	if (port->ops)
		port->ops->close(port);
	*port = (struct port){0};
}

static bool is_known(const char *word, size_t len, const char *known)
{
	for (const char *at = known; (at = strstr(at, word)); at += len)
		if ((at == known || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static int parse_number(const char *word, const char *value, uint32_t min, uint32_t max,
	uint32_t *ret_value, struct err *err)
{
	uint64_t n = 0;

	if (str_parse_u64(value, &n) || n < min || n > max)
		return err_set(err, -EINVAL, "option '%s': '%s' is not a number from %u to %u",
			word, value, min, max);
	*ret_value = (uint32_t)n;
	return 0;
}

static int parse_word(struct port_args *args, char *word, const char *known, struct err *err)
{
	char *value = strchr(word, '=');
	int r = 0;

	if (value)
		*value++ = '\0';
	if (!*word || !is_known(word, strlen(word), known)) {
		(void)err_set(err, -EINVAL, "option '%s' is unknown", word);
		if (*known)
			err_hint(err, "this type of port takes: %s", known);
		return -EINVAL;
	}
	bool wants_value = !strcmp(word, "size") || !strcmp(word, "mtu");
	if (wants_value != (value != NULL))
		return err_set(err, -EINVAL, "option '%s' takes %s value", word,
			wants_value ? "a" : "no");
	if (!strcmp(word, "listen"))
		args->listen = true;
	else if (!strcmp(word, "packed"))
		args->packed = true;
	else if (!strcmp(word, "mtu"))
		r = parse_number(word, value, 64, PORT_MAX_MTU, &args->mtu, err);
	else
		r = parse_number(word, value, 2 * PORT_BURST, MAX_RING, &args->size, err);
	if (!r && args->size & (args->size - 1))
		r = err_set(err, -EINVAL, "option 'size': %u is not a power of two", args->size);
	return r;
}

int port_args_parse(struct port_args *args, const char *text, const char *known, struct err *err)
{
	char buf[sizeof(args->what)];
	char *save = NULL;

	*args = (struct port_args){.size = DEFAULT_RING, .mtu = DEFAULT_MTU};
	if (strlen(text) >= sizeof(buf))
		return err_set(err, -EINVAL, "'%.40s...' is too long", text);
	(void)str_copy(buf, sizeof(buf), text);
	const char *what = strtok_r(buf, ",", &save);
	if (!what)
		return err_set(err, -EINVAL, "nothing is named");
	(void)str_copy(args->what, sizeof(args->what), what);
	for (char *word; (word = strtok_r(NULL, ",", &save));) {
		int r = parse_word(args, word, known, err);

		if (r)
			return r;
	}
	return 0;
}
