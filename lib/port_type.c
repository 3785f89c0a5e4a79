#include "port_type.h"

#include "ctl_field.h"
#include "owner.h"
#include "str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the rows of ctl_port's table do not say: which fields a type cannot be without. */
struct type_row {
	const char *article;
	uint64_t needs;     /* as bits of ctl_port's set mask */
	uint64_t needs_one; /* of these, at least one */
	const char *hint;   /* what to add when a needed field is missing */
};

/* By enum ctl_port_type. */
static const struct type_row rows[] = {
	[CTL_PORT_VHOST_USER] = {"a", CTL_BIT(ctl_port, path), 0, "add path SOCKET"},
	[CTL_PORT_NIC] = {"a", CTL_BIT(ctl_port, dev), 0,
		"add dev INTERFACE or dev PCI-ADDRESS, such as enp5s0f0 or 0000:05:00.0"},
	[CTL_PORT_AF_XDP] = {"an", CTL_BIT(ctl_port, dev), 0,
		"add dev INTERFACE, such as enp5s0f0"},
	[CTL_PORT_AF_PACKET] = {"an", CTL_BIT(ctl_port, dev), 0,
		"add dev INTERFACE, such as enp5s0f0"},
	[CTL_PORT_TAP] = {"a", 0, 0, ""},
	[CTL_PORT_VETH] = {"a", CTL_BIT(ctl_port, netns) | CTL_BIT(ctl_port, peer), 0,
		"add netns NAMESPACE and peer INTERFACE, such as netns blue peer eth0"},
	[CTL_PORT_PCAP] = {"a", 0, CTL_BIT(ctl_port, rx_file) | CTL_BIT(ctl_port, tx_file),
		"add rx-file FILE to replay, tx-file FILE to record, or both"},
	[CTL_PORT_MEMIF] = {"a", CTL_BIT(ctl_port, path), 0, "add path SOCKET"},
	[CTL_PORT_DPDK] = {"a", CTL_BIT(ctl_port, devargs), 0,
		"add devargs ARGUMENTS, such as net_ring0"},
	[CTL_PORT_PATCH] = {"a", 0, 0, ""},
};

/* The fields that one of these types takes, and not every type does. */
static uint64_t fields_of(uint32_t types)
{
	uint64_t fields = 0;

	for (unsigned i = 0; i < ctl_port_schema.n_fields; i++)
		fields |= (uint64_t) !!(ctl_port_schema.fields[i].types & types) << i;
	return fields;
}

uint64_t port_type_takes(enum ctl_port_type type)
{
	return fields_of(UINT32_C(1) << type);
}

uint64_t port_type_fields(void)
{
	return fields_of(UINT32_MAX);
}

uint64_t port_type_needs(enum ctl_port_type type)
{
	return rows[type].needs;
}

/* Is dev the name of an interface that the port makes? */
static bool makes_dev(enum ctl_port_type type)
{
	return type == CTL_PORT_TAP || type == CTL_PORT_VETH;
}

void port_type_complete(struct ctl_port *conf)
{
	uint64_t takes = port_type_takes(conf->type);

	/* Who says nothing of a loop may have nothing that is replayed. */
	ctl_fill_defaults(&ctl_port_schema, conf, takes & ~CTL_BIT(ctl_port, loop));
	if ((takes & CTL_BIT(ctl_port, dev)) && makes_dev(conf->type) &&
		!CTL_HAS(conf, ctl_port, dev))
		CTL_SET_STR(conf, ctl_port, dev, conf->name);
}

/* Does the kernel take it for the name of an interface? */
static bool is_ifname(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > CTL_IFNAME_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++) {
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	}
	return true;
}

bool port_type_pci_ok(const char *text)
{
	/* Hexadecimal digits stand where the form has an x; a function is one octal digit. */
	const char *form = strlen(text) == 12 ? "xxxx:xx:xx.7" : "xx:xx.7";

	if (strlen(text) != strlen(form))
		return false;
	for (; *form; form++, text++) {
		if (*form == 'x'       ? !isxdigit((unsigned char)*text)
			: *form == '7' ? *text < '0' || *text > '7'
				       : *text != *form)
			return false;
	}
	return true;
}

/* ---- Checks of one field --------------------------------------------------------------------- */

#define WORD_SIZE 32

/* A field as people type it. */
static const char *word_of(const char *field, char buf[WORD_SIZE])
{
	(void)str_copy(buf, WORD_SIZE, field);
	for (char *c = buf; *c; c++) {
		if (*c == '_')
			*c = '-';
	}
	return buf;
}

static int bad(const struct ctl_port *conf, const char *field, const char *value, const char *why,
	const char *hint, struct err *err)
{
	char word[WORD_SIZE];

	(void)err_set_field(err, -EINVAL, field, "%s '%s' %s", word_of(field, word), value, why);
	if (hint)
		err_hint(err, "%s", hint);
	return -EINVAL;
}

static int check_dev(const struct ctl_port *conf, struct err *err)
{
	bool nic = conf->type == CTL_PORT_NIC;

	if (!CTL_HAS(conf, ctl_port, dev) || is_ifname(conf->dev) ||
		(nic && port_type_pci_ok(conf->dev)))
		return 0;
	return bad(conf, "dev", conf->dev,
		nic ? "is neither the name of an interface nor a PCI address"
		    : "is not the name of an interface",
		nic ? "write enp5s0f0, or 0000:05:00.0"
		    : "use at most 15 characters, none of them a slash, colon or space",
		err);
}

/* ADDRESS/PREFIX, of either version; several after commas. */
static bool is_ip_list(const char *text)
{
	char copy[sizeof(((struct ctl_port *)0)->ip)], *save = NULL, *slash, *end;
	unsigned char addr[sizeof(struct in6_addr)];
	unsigned long prefix;

	if (text[0] == ',' || strstr(text, ",,") || text[strlen(text) - 1] == ',')
		return false;
	(void)str_copy(copy, sizeof(copy), text);
	for (char *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		int family = strchr(one, ':') ? AF_INET6 : AF_INET;

		slash = strchr(one, '/');
		if (!slash || !isdigit((unsigned char)slash[1]))
			return false;
		*slash = '\0';
		prefix = strtoul(slash + 1, &end, 10);
		if (*end || prefix > (family == AF_INET ? 32u : 128u) ||
			inet_pton(family, one, addr) != 1)
			return false;
	}
	return true;
}

static int check_addresses(const struct ctl_port *conf, struct err *err)
{
	char mac[ETHER_ADDR_STR_SIZE];

	if (CTL_HAS(conf, ctl_port, ip) && !is_ip_list(conf->ip))
		return bad(conf, "ip", conf->ip, "is not an address with a prefix length",
			"write 192.0.2.1/24 or 2001:db8::1/64; several after commas", err);
	if (CTL_HAS(conf, ctl_port, mac) &&
		(ether_addr_is_multicast(&conf->mac) || ether_addr_is_zero(&conf->mac)))
		return bad(conf, "mac", ether_addr_format(&conf->mac, mac),
			"is not the address of one interface",
			ether_addr_is_zero(&conf->mac)
				? "write one such as 52:54:00:12:34:56"
				: "the first byte must be even, as in 52:54:00:12:34:56",
			err);
	return 0;
}

static int check_namespace(const struct ctl_port *conf, struct err *err)
{
	if (CTL_HAS(conf, ctl_port, netns) && conf->netns[0] != '/' && strchr(conf->netns, '/'))
		return bad(conf, "netns", conf->netns, "is neither a name nor an absolute path",
			"write a name of 'ip netns list', or /proc/PID/ns/net", err);
	if (CTL_HAS(conf, ctl_port, peer) && !is_ifname(conf->peer))
		return bad(conf, "peer", conf->peer, "is not the name of an interface",
			"use at most 15 characters, none of them a slash, colon or space", err);
	return 0;
}

static int check_files(const struct ctl_port *conf, struct err *err)
{
	if (CTL_HAS(conf, ctl_port, loop) && !CTL_HAS(conf, ctl_port, rx_file))
		return bad(conf, "loop", conf->loop ? "true" : "false", "replays nothing",
			"add rx-file FILE", err);
	if (CTL_HAS(conf, ctl_port, rx_file) && CTL_HAS(conf, ctl_port, tx_file) &&
		!strcmp(conf->rx_file, conf->tx_file))
		return bad(conf, "tx_file", conf->tx_file, "is replayed by the same port",
			"record to another file", err);
	return 0;
}

unsigned port_type_file_mode(const char *socket_mode)
{
	size_t len = strlen(socket_mode);
	bool is_octal = len == 3 || (len == 4 && socket_mode[0] == '0');

	if (!is_octal || strspn(socket_mode, "01234567") != len)
		return 0;
	return (unsigned)strtoul(socket_mode, NULL, 8);
}

/* Whom a socket or an interface is for. */
static int check_access(const struct ctl_port *conf, struct err *err)
{
	bool has_owner = CTL_HAS(conf, ctl_port, owner),
	     has_mode = CTL_HAS(conf, ctl_port, socket_mode);

	if (has_owner && !owner_is_valid(conf->owner))
		return bad(conf, "owner", conf->owner, "is neither USER nor USER:GROUP",
			"write a name or a number for each, without blanks", err);
	if (has_owner && conf->type == CTL_PORT_TAP && strchr(conf->owner, ':'))
		return bad(conf, "owner", conf->owner, "names a group, which no interface has",
			"write the user alone", err);
	if (has_mode && !port_type_file_mode(conf->socket_mode))
		return bad(conf, "socket_mode", conf->socket_mode, "is not the mode of a file",
			"write it in octal, from 0001 to 0777, such as 0660", err);
	if ((has_owner || has_mode) && conf->type == CTL_PORT_VHOST_USER &&
		conf->mode == CTL_SOCK_CLIENT)
		return bad(conf, has_owner ? "owner" : "socket_mode",
			has_owner ? conf->owner : conf->socket_mode,
			"is for a socket of the switch, but in mode client it is the peer's",
			"leave it out, or use mode server", err);
	return 0;
}

/* ---- The type as a whole --------------------------------------------------------------------- */

static const char *first_field(uint64_t mask)
{
	for (unsigned i = 0; i < ctl_port_schema.n_fields; i++) {
		if (mask >> i & 1)
			return ctl_port_schema.fields[i].name;
	}
	return "";
}

static void list_fields(uint64_t mask, char *buf, size_t size)
{
	char word[WORD_SIZE];
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < ctl_port_schema.n_fields; i++) {
		if ((mask >> i & 1) && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
				word_of(ctl_port_schema.fields[i].name, word));
	}
}

static int check_fields(const struct ctl_port *conf, struct err *err)
{
	const struct type_row *row = &rows[conf->type];
	const char *type = ctl_port_types[conf->type], *field;
	uint64_t takes = port_type_takes(conf->type);
	uint64_t foreign = conf->set & port_type_fields() & ~takes;
	uint64_t missing = row->needs & ~conf->set;
	char list[128], word[WORD_SIZE];

	if (foreign) {
		field = first_field(foreign);
		list_fields(takes, list, sizeof(list));
		(void)err_set_field(err, -EINVAL, field, "%s %s port has no %s", row->article, type,
			word_of(field, word));
		err_hint(err, "of these settings it has: %s", list);
		return -EINVAL;
	}
	if (row->needs_one && !(row->needs_one & conf->set))
		missing = row->needs_one;
	if (!missing)
		return 0;
	field = first_field(missing);
	(void)err_set_field(err, -EINVAL, field, "%s %s port needs a %s", row->article, type,
		row->needs_one ? "file" : word_of(field, word));
	err_hint(err, "%s", row->hint);
	return -EINVAL;
}

int port_type_check(const struct ctl_port *conf, struct err *err)
{
	int r;

	if (conf->type == CTL_PORT_PATCH)
		return bad(conf, "type", ctl_port_types[conf->type], "is made by a link",
			"join two bridges: `netcfg link add NAME BRIDGE BRIDGE`", err);
	r = check_fields(conf, err);

	if (r == 0)
		r = check_dev(conf, err);
	if (r == 0)
		r = check_addresses(conf, err);
	if (r == 0)
		r = check_namespace(conf, err);
	if (r == 0)
		r = check_files(conf, err);
	if (r == 0)
		r = check_access(conf, err);
	if (r == 0 && makes_dev(conf->type) && !CTL_HAS(conf, ctl_port, dev) &&
		!is_ifname(conf->name)) {
		(void)err_set_field(err, -EINVAL, "dev",
			"its interface cannot have the name of the port");
		err_hint(err, "add dev NAME, with at most 15 characters and no colon");
		r = -EINVAL;
	}
	return r;
}

/* ---- Two ports ------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a[0] && !strcmp(a, b);
}

/* Several memif ports may share a socket, by number, if they stand on the same side of it. */
static bool shares_path(const struct ctl_port *a, const struct ctl_port *b)
{
	return a->type == CTL_PORT_MEMIF && b->type == CTL_PORT_MEMIF && a->mode == b->mode &&
	       a->memif_id != b->memif_id;
}

const char *port_type_conflict(const struct ctl_port *conf, const struct ctl_port *other)
{
	if (same_text(conf->path, other->path) && !shares_path(conf, other))
		return "path";
	if (same_text(conf->dev, other->dev))
		return "dev";
	if (same_text(conf->devargs, other->devargs))
		return "devargs";
	if (same_text(conf->netns, other->netns) && same_text(conf->peer, other->peer))
		return "peer";
	if (same_text(conf->tx_file, other->tx_file) || same_text(conf->tx_file, other->rx_file))
		return "tx_file";
	if (same_text(conf->rx_file, other->tx_file))
		return "rx_file";
	return NULL;
}
