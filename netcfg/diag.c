#include "diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a)   (sizeof(a) / sizeof((a)[0]))
#define LINE_MAX_SHOWN 120

/* What many nodes have from one group or range is wrong once. */
static bool is_noted(const struct diag *diag, const struct diag_item *new)
{
	for (unsigned i = 0; i < diag->n && i < DIAG_MAX; i++) {
		const struct diag_item *item = &diag->items[i];

		if (item->mark.line == new->mark.line && item->mark.column == new->mark.column &&
			item->code == new->code && !strcmp(item->text, new->text))
			return true;
	}
	return false;
}

struct diag_item *diag_add(struct diag *diag, struct diag_mark mark, enum diag_code code,
	const char *fmt, ...)
{
	struct diag_item item = {.mark = mark, .code = code};
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(item.text, sizeof(item.text), fmt, args);
	va_end(args);
	if (is_noted(diag, &item) || diag->n++ >= DIAG_MAX)
		return NULL;
	diag->items[diag->n - 1] = item;
	return &diag->items[diag->n - 1];
}

void diag_hint(struct diag_item *item, const char *fmt, ...)
{
	va_list args;

	if (!item)
		return;
	va_start(args, fmt);
	(void)vsnprintf(item->hint, sizeof(item->hint), fmt, args);
	va_end(args);
}

static int compare(const void *a, const void *b)
{
	const struct diag_mark *x = &((const struct diag_item *)a)->mark;
	const struct diag_mark *y = &((const struct diag_item *)b)->mark;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

void diag_sort(struct diag *diag)
{
	qsort(diag->items, diag->n < DIAG_MAX ? diag->n : DIAG_MAX, sizeof(diag->items[0]),
		compare);
}

/* The line's start and length; NULL when the file has no such line. */
static const char *find_line(const struct diag *diag, unsigned line, int *ret_len)
{
	const char *at = diag->text, *end = diag->text + diag->size, *newline;

	for (; at && --line; at++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return NULL;
	}
	if (!at || at >= end)
		return NULL;
	newline = memchr(at, '\n', (size_t)(end - at));
	*ret_len = (int)((newline ? newline : end) - at);
	if (*ret_len && at[*ret_len - 1] == '\r')
		--*ret_len;
	return at;
}

/* What a terminal would obey is shown as '?'. Continuation bytes of UTF-8 pass. */
static void print_source(FILE *out, const char *line, int len)
{
	for (int i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		fputc(c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '?' : c, out);
	}
}

static void print_item(const struct diag *diag, const struct diag_item *item, FILE *out)
{
	const char *line;
	int len = 0;
	unsigned column = item->mark.column, underline = item->mark.len ? item->mark.len : 1;

	if (!item->mark.line) {
		fprintf(out, "%s: error: %s [E%02d]\n", diag->file, item->text, item->code);
		if (item->hint[0])
			fprintf(out, "      | %s\n", item->hint);
		return;
	}
	fprintf(out, "%s:%u:%u: error: %s [E%02d]\n", diag->file, item->mark.line, column,
		item->text, item->code);
	line = find_line(diag, item->mark.line, &len);
	if (!line || !column || column > LINE_MAX_SHOWN) {
		if (item->hint[0])
			fprintf(out, "      | %s\n", item->hint);
		return;
	}
	if (len > LINE_MAX_SHOWN)
		len = LINE_MAX_SHOWN;
	fprintf(out, "%5u | ", item->mark.line);
	print_source(out, line, len);
	fprintf(out, "\n      | %*s^", (int)column - 1, "");
	for (unsigned i = 1; i < underline && column + i <= (unsigned)len; i++)
		fputc('~', out);
	fprintf(out, "%s%s\n", item->hint[0] ? " " : "", item->hint);
}

void diag_print(const struct diag *diag, FILE *out)
{
	unsigned n = diag->n < DIAG_MAX ? diag->n : DIAG_MAX;

	for (unsigned i = 0; i < n; i++)
		print_item(diag, &diag->items[i], out);
	if (diag->n > DIAG_MAX)
		fprintf(out, "%s: error: %u more errors are not shown\n", diag->file,
			diag->n - DIAG_MAX);
}

json_t *diag_json(const struct diag *diag)
{
	json_t *errors = json_array();
	unsigned n = diag->n < DIAG_MAX ? diag->n : DIAG_MAX;

	for (unsigned i = 0; i < n; i++) {
		const struct diag_item *item = &diag->items[i];
		char code[8];

		(void)snprintf(code, sizeof(code), "E%02d", item->code);
		json_array_append_new(errors,
			json_pack("{s:i, s:i, s:s, s:s, s:s}", "line", (int)item->mark.line,
				"column", (int)item->mark.column, "code", code, "message",
				item->text, "hint", item->hint));
	}
	return json_pack("{s:i, s:s, s:o, s:i}", "version", 1, "file", diag->file, "errors", errors,
		"count", (int)diag->n);
}

static const char *const explanations[] = {
	[DIAG_SYNTAX] =
		"The file is not YAML. Look at the line and the one above it: indentation by tabs, "
		"a\n"
		"missing colon, and brackets or quotes that are not closed are the usual causes.",
	[DIAG_LIMIT] = "The file is too large, nested too deeply, or describes too many objects. "
		       "Limits: 1 MiB,\n"
		       "16 levels, 200000 values, 1024 nodes, 26 interfaces a node, 256 bridges, "
		       "256 ports,\n"
		       "8192 links.",
	[DIAG_UNKNOWN_KEY] = "There is no such key here. Keys are listed in weft-lab(5). Wrong "
			     "indentation can make a\n"
			     "key belong to the wrong thing.",
	[DIAG_YAML_FEATURE] = "Anchors, aliases, merge keys, tags and several documents in one "
			      "file are not read. Use\n"
			      "`defaults` and `groups` for what nodes and links have in common.",
	[DIAG_DUPLICATE_KEY] =
		"A key stands twice in the same map; one of the two values would be lost.",
	[DIAG_TYPE] = "The value has the wrong type: a list, a map, a number, true or false, or a "
		      "text is wanted.\n"
		      "Only true and false are booleans (YAML 1.2).",
	[DIAG_MISSING_KEY] = "A key that must be there is not.",
	[DIAG_NOT_SUPPORTED] = "The key is known, but this release cannot do it. Remove it, so "
			       "that the lab does not\n"
			       "silently lack what the file asks for.",
	[DIAG_VERSION] = "The file must say `version: 1`.",
	[DIAG_NAME] = "Names begin with a letter or digit and hold letters, digits, '-', '_' and "
		      "'.', at most 32\n"
		      "characters (lab names: 40).",
	[DIAG_NAME_TAKEN] = "Nodes, bridges and ports share one set of names, because an endpoint "
			    "may be any of them.",
	[DIAG_NO_NODE] = "An endpoint, or `after`, names a node that is not under `nodes`.",
	[DIAG_NO_BRIDGE] = "An endpoint without an interface must be a bridge listed under "
			   "`bridges`, or a port under\n"
			   "`ports`.",
	[DIAG_CABLED] = "An interface or port takes one cable. It is already in another link.",
	[DIAG_ENDPOINT] = "An endpoint is NODE:INTERFACE (r1:eth1), or the name of a bridge (br0) "
			  "or port (host0).",
	[DIAG_NO_IMAGE] = "The node's image is not under `images`, or the node has none (see "
			  "defaults.node.image).",
	[DIAG_NO_GROUP] = "The node's group is not under `groups`.",
	[DIAG_INTERFACE] = "Interfaces of nodes are eth1 to eth26, in the order of the PCI slots. "
			   "eth0 is kept for a\n"
			   "management interface.",
	[DIAG_LINK_ENDS] =
		"A link joins two different interfaces or ports, or one of them and one bridge.",
	[DIAG_VLAN_SYNTAX] = "VLANs are written 10, or as a list with ranges: [10, 20-29].",
	[DIAG_VLAN_RANGE] = "VLAN ids are 1 to 4094; 0 and 4095 are reserved by IEEE 802.1Q.",
	[DIAG_VLAN_ROLE] =
		"The VLAN settings of the link contradict each other, or it joins two ports: "
		"which has none:\n"
		"then every frame passes with the tags it has. Or it has none though "
		"its bridge has a list\n"
		"of VLANs: frames without a tag would be dropped.",
	[DIAG_VLAN_BRIDGE] = "The bridge's `vlans` do not hold this VLAN.",
	[DIAG_NUMBER] = "The number is malformed or out of range. Sizes are written 256M or 2G.",
	[DIAG_VALUE] = "The value is not one of those that the key takes.",
	[DIAG_RANGE] = "A range of names is written h1..4, which means h1, h2, h3 and h4; at most "
		       "1024 names.",
	[DIAG_IMAGE] = "An image needs a kernel, and its files must be readable. Relative paths "
		       "start at the\n"
		       "directory of the lab file.",
	[DIAG_AFTER] = "Nodes wait for each other in a circle.",
	[DIAG_ADDRESS] = "An address is written 10.0.0.1/24 or 2001:db8::1/64, a gateway without "
			 "the length. It is one\n"
			 "that a host can have, no other node has it on the same VLAN or link, and "
			 "a gateway is in\n"
			 "one of the node's own networks.",
	[DIAG_MESH] = "A mesh needs at least two nodes.",
	[DIAG_PORT] = "Each port type needs some settings, takes others and has no more than "
		      "those; two ports\n"
		      "cannot have the same device, interface, socket or file. `netcfg help port "
		      "add` and\n"
		      "netcfg(1), PORT TYPES, list what each type takes.",
	[DIAG_MTU] = "Nodes on one network (the same bridge, and the same VLAN for their untagged "
		     "frames) have one\n"
		     "MTU. A node drops what is larger than its own, and nothing tells the sender.",
	[DIAG_MIRROR] =
		"A mirror copies the frames of an interface, a port, a bridge or a VLAN to "
		"an interface or port\n"
		"that no link has, so that who looks on there sees copies and nothing else; "
		"with `vlan`, which\n"
		"tags the copies, it may be in a bridge. No copy is copied again.",
};

const char *diag_explain(unsigned code)
{
	return code < ARRAY_LEN(explanations) ? explanations[code] : NULL;
}
