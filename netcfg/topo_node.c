#include "topo_priv.h"

#include "str.h"
#include "topo_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Images */

const char *topo_path_hint(const char *path, int error)
{
	if (error == EACCES)
		return "this user may not read it, or not enter a directory above it";
	if (error != ENOENT)
		return "";
	if (path[0] == '~' || strchr(path, '$'))
		return "~ and $VARIABLES stand for themselves here: write the path out";
	return path[0] == '/' ? "" : "paths start at the directory of the lab file";
}

/* As access(); a directory is none that could be read. */
static int check_file(const char *path, int mode)
{
	struct stat st;

	if (access(path, mode) || stat(path, &st))
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	errno = EISDIR;
	return -1;
}

/* An absolute path for text; what it names must be readable. NULL with an error in diag. */
static const char *read_path(struct topo_reader *reader, const char *what,
	const struct topo_text *text)
{
	const char *path = text->text;
	bool is_disk = !strcmp(what, "disk");

	if (path[0] != '/')
		path = arena_printf(&reader->topo->arena, "%s/%s", reader->dir, path);
	if (path && is_disk && strchr(path, ',')) { /* its settings follow one */
		diag_add(reader->diag, text->mark, DIAG_IMAGE,
			"%s \"%.60s\": a path may not hold a comma", what, path);
		return NULL;
	}
	if (path && reader->check_files && check_file(path, is_disk ? R_OK | W_OK : R_OK)) {
		int error = errno;
		const char *hint = topo_path_hint(text->text, error);

		if (error == ENOENT && strstr(path, "build/guest/"))
			hint = "build it: tools/guest-image (installed: weft-guest-image)";
		else if (is_disk && (error == EACCES || error == EROFS))
			hint = "a disk is read and written, which this user may not do with it";
		diag_hint(diag_add(reader->diag, text->mark, DIAG_IMAGE, "%s \"%.80s\": %s", what,
				  text->text, strerror(error)),
			"%s", hint);
		return NULL;
	}
	if (path && reader->check_files && is_disk && !topo_check_disk(path, text, reader->diag))
		return NULL;
	return path;
}

static const char *read_ready(struct topo_reader *reader, const struct yaml_value *value)
{
	struct topo_ready_spec spec = {0};

	topo_spec_read(&topo_ready_schema, value, &spec, reader->diag);
	return spec.console.text;
}

static void read_image(struct topo_reader *reader, const struct yaml_value *value,
	struct topo_image *image)
{
	struct topo_image_spec spec = {0};
	unsigned errors = reader->diag->n;

	image->name = value->key->text;
	topo_spec_read(&topo_image_schema, value, &spec, reader->diag);
	if (spec.kernel.text)
		image->kernel = read_path(reader, "kernel", &spec.kernel);
	else if (reader->diag->n == errors)
		diag_hint(diag_add(reader->diag, value->key->mark, DIAG_IMAGE,
				  "image \"%s\" has no kernel", image->name),
			"add \"kernel: FILE\"");
	if (spec.initrd.text)
		image->initrd = read_path(reader, "initrd", &spec.initrd);
	if (spec.disk.text)
		image->disk = read_path(reader, "disk", &spec.disk);
	image->cmdline = spec.cmdline.text;
	image->ready = read_ready(reader, spec.ready);
	image->vcpus = (uint32_t)spec.vcpus;
	image->memory_bytes = spec.memory;
}

void topo_read_images(struct topo_reader *reader, const struct yaml_value *images)
{
	struct topo *topo = reader->topo;

	if (!images || !images->n)
		return;
	if (images->n > TOPO_MAX_IMAGES) {
		diag_add(reader->diag, images->mark, DIAG_LIMIT, "more than %d images",
			TOPO_MAX_IMAGES);
		return;
	}
	topo->images = arena_alloc(&topo->arena, images->n * sizeof(*topo->images));
	if (!topo->images)
		return;
	for (const struct yaml_value *v = images->first; v; v = v->next) {
		if (topo_is_misplaced(v->key, "images", reader->diag) ||
			!topo_name_check("image", v->key->text, v->key->mark, TOPO_NAME_MAX,
				reader->diag))
			continue;
		read_image(reader, v, &topo->images[topo->n_images++]);
	}
}

static const struct topo_image *find_image(struct topo_reader *reader, const struct topo_text *name)
{
	const struct topo *topo = reader->topo;
	const char *names[TOPO_MAX_IMAGES];
	const char *nearest;
	struct diag_item *item;

	for (unsigned i = 0; i < topo->n_images; i++) {
		if (!strcmp(topo->images[i].name, name->text))
			return &topo->images[i];
		names[i] = topo->images[i].name;
	}
	item = diag_add(reader->diag, name->mark, DIAG_NO_IMAGE, "no image called \"%.40s\"",
		name->text);
	nearest = str_nearest(name->text, names, topo->n_images);
	if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
	else
		diag_hint(item, "list it under \"images\"");
	return NULL;
}

/* Nodes */

/* What the node says itself, then its group, then the defaults. */
static void read_spec(struct topo_reader *reader, const struct yaml_value *value,
	struct topo_node_spec *spec, bool report)
{
	struct diag quiet = {.file = ""};
	struct diag *diag = report ? reader->diag : &quiet;
	struct topo_node_spec group_spec = {0};
	const struct yaml_value *group;
	const char *nearest;

	topo_spec_read(&topo_node_schema, value, spec, diag);
	if (!spec->group.text && reader->node_defaults.group.text)
		spec->group = reader->node_defaults.group;
	if (spec->group.text) {
		group = reader->groups ? topo_yaml_get(reader->groups, spec->group.text) : NULL;
		if (group) {
			topo_spec_read(&topo_node_schema, group, &group_spec,
				&quiet); /* reported once, below */
		} else {
			const char *names[256];
			unsigned n = 0;
			struct diag_item *item = diag_add(diag, spec->group.mark, DIAG_NO_GROUP,
				"no group called \"%.40s\"", spec->group.text);

			for (const struct yaml_value *g = reader->groups ? reader->groups->first
									 : NULL;
				g && n < 256; g = g->next)
				names[n++] = g->key->text;
			nearest = str_nearest(spec->group.text, names, n);
			if (nearest)
				diag_hint(item, "did you mean \"%s\"?", nearest);
			else
				diag_hint(item, "list it under \"groups\"");
		}
		topo_spec_inherit(&topo_node_schema, spec, &group_spec);
	}
	topo_spec_inherit(&topo_node_schema, spec, &reader->node_defaults);
}

static void check_groups(struct topo_reader *reader)
{
	for (const struct yaml_value *g = reader->groups ? reader->groups->first : NULL; g;
		g = g->next) {
		struct topo_node_spec spec = {0};

		if (topo_is_misplaced(g->key, "groups", reader->diag))
			continue;
		topo_spec_read(&topo_node_schema, g, &spec, reader->diag);
		if (spec.group.text)
			diag_add(reader->diag, spec.group.mark, DIAG_VALUE,
				"a group cannot be in a group");
	}
}

static void add_node(struct topo_reader *reader, const struct yaml_value *value, const char *name,
	const struct topo_node_spec *spec, const struct topo_image *image)
{
	struct topo *topo = reader->topo;
	struct topo_node *node;
	int other = topo_find_node(topo, name);

	if (!topo_name_check("node", name, value->key->mark, TOPO_NAME_MAX, reader->diag))
		return;
	if (!strcmp(name, "vswitch")) { /* its sockets and logs stand beside those of nodes */
		diag_hint(diag_add(reader->diag, value->key->mark, DIAG_NAME_TAKEN,
				  "\"vswitch\" is the name of the lab's switch"),
			"call the node otherwise");
		return;
	}
	if (other >= 0) {
		diag_add(reader->diag, value->key->mark, DIAG_NAME_TAKEN,
			"node \"%s\" is there already, at line %u", name,
			topo->nodes[other].mark.line);
		return;
	}
	node = &topo->nodes[topo->n_nodes++];
	node->name = name;
	node->mark = value->key->mark;
	node->image = image;
	node->guest_args = "";
	node->cmdline = spec->cmdline.text;
	node->rank = (uint32_t)spec->rank;
	node->n_nics = (unsigned)spec->interfaces;
	node->offload = !topo_spec_has(&topo_node_schema, spec, "offload") || spec->offload;
	node->vcpus = spec->vcpus             ? (uint32_t)spec->vcpus
		      : image && image->vcpus ? image->vcpus
					      : 1;
	node->memory_bytes = spec->memory                   ? spec->memory
			     : image && image->memory_bytes ? image->memory_bytes
							    : TOPO_DEFAULT_MEMORY;
	if (spec->disk.text)
		node->disk = read_path(reader, "disk", &spec->disk);
	node->ready = spec->ready ? read_ready(reader, spec->ready) : NULL;
	if (!node->ready)
		node->ready = image && image->ready ? image->ready : TOPO_READY_TEXT;
}

/* A guest without Linux has no addresses to be told, and boots nothing but itself. */
static void check_nfguest(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_node_spec *spec)
{
	const struct {
		const char *key;
		bool is_there;
	} keys[] = {{"ipv4", spec->ipv4}, {"ipv6", spec->ipv6}, {"gateway", spec->gateway},
		{"forwarding", spec->forwarding}, {"disk", spec->disk.text},
		/* From the defaults it is meant for the other nodes. */
		{"image", value->kind == YAML_MAP && topo_yaml_get(value, "image")}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].is_there)
			diag_hint(diag_add(reader->diag, value->key->mark, DIAG_VALUE,
					  "node \"%.40s\" is an nfguest, which knows no \"%s\"",
					  value->key->text, keys[i].key),
				"what it does is said by \"cmdline: mode=...\", see nfguest(1)");
	}
}

static void read_node(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_range *range)
{
	struct topo_node_spec spec = {0};
	const struct topo_image *image = NULL;
	unsigned errors = reader->diag->n;

	read_spec(reader, value, &spec, true);
	if (spec.kind == TOPO_NODE_NFGUEST) {
		check_nfguest(reader, value, &spec);
		image = &reader->topo->nfguest;
	} else if (spec.image.text)
		image = find_image(reader, &spec.image);
	else if (reader->diag->n == errors)
		diag_hint(diag_add(reader->diag, value->key->mark, DIAG_NO_IMAGE,
				  "node \"%.40s\" has no image", value->key->text),
			"add \"image: NAME\", or defaults: { node: { image: NAME } }");
	for (unsigned i = 0; i < topo_range_count(range); i++) {
		const char *name = topo_range_name(&reader->topo->arena, range, i);

		if (name)
			add_node(reader, value, name, &spec, image);
	}
}

void topo_read_nodes(struct topo_reader *reader, const struct yaml_value *nodes)
{
	struct topo *topo = reader->topo;
	struct topo_range range;
	uint64_t total = 0;

	check_groups(reader);
	if (!nodes)
		return;
	for (const struct yaml_value *v = nodes->first; v; v = v->next) {
		struct diag quiet = {.file = ""};

		total += topo_range_parse(v->key, &range, &quiet) ? topo_range_count(&range) : 0;
	}
	if (total > TOPO_MAX_NODES) {
		diag_add(reader->diag, nodes->mark, DIAG_LIMIT, "more than %d nodes",
			TOPO_MAX_NODES);
		return;
	}
	topo->nodes = arena_alloc(&topo->arena, (total ? total : 1) * sizeof(*topo->nodes));
	if (!topo->nodes)
		return;
	for (const struct yaml_value *v = nodes->first; v; v = v->next) {
		if (!topo_is_misplaced(v->key, "nodes", reader->diag) &&
			topo_range_parse(v->key, &range, reader->diag))
			read_node(reader, v, &range);
	}
}

size_t topo_cmdline(const struct topo_node *node, char *buf, size_t size)
{
	const char *image = node->image->cmdline ? node->image->cmdline : "console=ttyS0 quiet";

	return (size_t)snprintf(buf, size, "%s%s%s %s", image, node->cmdline ? " " : "",
		node->cmdline ? node->cmdline : "", node->guest_args);
}

/* What can only be read when all nodes and links are known */

static void add_after(struct topo_reader *reader, struct topo_node *node,
	const struct yaml_value *value)
{
	struct topo *topo = reader->topo;
	struct topo_range range;

	if (value->kind != YAML_SCALAR) {
		diag_add(reader->diag, value->mark, DIAG_TYPE,
			"\"after\" wants names of nodes, not %s", topo_yaml_kind(value));
		return;
	}
	if (!topo_range_parse(value, &range, reader->diag))
		return;
	for (unsigned i = 0; i < topo_range_count(&range); i++) {
		const char *name = topo_range_name(&topo->arena, &range, i);
		int other = name ? topo_find_node(topo, name) : -1;

		if (other < 0) {
			topo_no_node(reader, name ? name : "", value->mark);
			return;
		}
		if (node->n_after < topo->n_nodes)
			node->after[node->n_after++] = (unsigned)other;
	}
}

static void read_after(struct topo_reader *reader, struct topo_node *node,
	const struct yaml_value *after)
{
	struct topo *topo = reader->topo;

	if (!after || topo_yaml_is_null(after))
		return;
	node->after = arena_alloc(&topo->arena, topo->n_nodes * sizeof(*node->after));
	if (!node->after)
		return;
	if (after->kind != YAML_LIST)
		add_after(reader, node, after);
	for (const struct yaml_value *v = after->kind == YAML_LIST ? after->first : NULL; v;
		v = v->next)
		add_after(reader, node, v);
}

/* A node that this one waits for and that never starts; every node that never starts has one. */
static unsigned next_awaited(const struct topo *topo, const bool *done, unsigned node)
{
	unsigned i = 0;

	while (done[topo->nodes[node].after[i]])
		i++;
	return topo->nodes[node].after[i];
}

static void complain_of_circle(struct topo_reader *reader, const bool *done, unsigned from)
{
	const struct topo *topo = reader->topo;
	char names[160];
	unsigned at = from, first;
	size_t len;

	/* After as many steps as there are nodes, one is in the circle and not on the way to it. */
	for (unsigned i = 0; i < topo->n_nodes; i++)
		at = next_awaited(topo, done, at);
	first = at;
	for (unsigned next = next_awaited(topo, done, at); next != at;
		next = next_awaited(topo, done, next))
		first = next < first ? next : first;
	at = next_awaited(topo, done, first);
	if (at == first) {
		diag_add(reader->diag, topo->nodes[first].mark, DIAG_AFTER,
			"node \"%s\" waits for itself by \"after\"", topo->nodes[first].name);
		return;
	}
	len = (size_t)snprintf(names, sizeof(names), "%s", topo->nodes[first].name);
	for (; at != first && len < sizeof(names) - 2 * TOPO_NAME_MAX;
		at = next_awaited(topo, done, at))
		len += (size_t)snprintf(names + len, sizeof(names) - len, ", %s",
			topo->nodes[at].name);
	diag_add(reader->diag, topo->nodes[first].mark, DIAG_AFTER,
		"nodes wait for each other by \"after\": %s%s, %s", names,
		at != first ? ", ..." : "", topo->nodes[first].name);
}

/* Take away nodes that wait for nothing left; what stays is a circle. */
static void check_circles(struct topo_reader *reader)
{
	struct topo *topo = reader->topo;
	bool *done = arena_alloc(&topo->arena, topo->n_nodes + 1);
	bool progress = done != NULL;

	while (progress) {
		progress = false;
		for (unsigned i = 0; i < topo->n_nodes; i++) {
			bool ready = !done[i];

			for (unsigned j = 0; ready && j < topo->nodes[i].n_after; j++)
				ready = done[topo->nodes[i].after[j]];
			if (ready)
				progress = done[i] = true;
		}
	}
	for (unsigned i = 0; done && i < topo->n_nodes; i++) {
		if (!done[i]) {
			complain_of_circle(reader, done, i);
			return;
		}
	}
}

/* What a kernel cuts off is what was said last, addresses of the node, and without a word. */
static void check_cmdlines(struct topo_reader *reader)
{
	const struct topo *topo = reader->topo;

	for (unsigned i = 0; i < topo->n_nodes; i++) {
		const struct topo_node *node = &topo->nodes[i];
		size_t len;

		if (!node->image)
			continue;
		len = topo_cmdline(node, NULL, 0);
		if (len > TOPO_CMDLINE_MAX)
			diag_hint(diag_add(reader->diag, node->mark, DIAG_LIMIT,
					  "the kernel arguments of node \"%s\" are %zu bytes long, "
					  "a kernel takes %d",
					  node->name, len, TOPO_CMDLINE_MAX),
				"every address is a part of them");
	}
}

void topo_finish_nodes(struct topo_reader *reader, const struct yaml_value *nodes)
{
	struct topo *topo = reader->topo;
	struct diag quiet = {.file = ""};
	struct topo_range range;

	for (const struct yaml_value *v = nodes ? nodes->first : NULL; v; v = v->next) {
		struct topo_node_spec spec = {0};

		if (!topo_range_parse(v->key, &range, &quiet))
			continue;
		read_spec(reader, v, &spec, false);
		for (unsigned i = 0; i < topo_range_count(&range); i++) {
			const char *name = topo_range_name(&topo->arena, &range, i);
			int idx = name ? topo_find_node(topo, name) : -1;

			if (idx < 0)
				continue;
			topo_read_addresses(reader, &topo->nodes[idx], &spec);
			read_after(reader, &topo->nodes[idx], spec.after);
		}
	}
	topo_check_addresses(reader);
	topo_check_mtus(reader);
	topo_check_disks(reader);
	check_cmdlines(reader);
	check_circles(reader);
}
