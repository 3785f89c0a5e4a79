#include "topo_priv.h"

#include "disk_format.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool topo_check_disk(const char *path, const struct topo_text *text, struct diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *format = fd < 0 ? NULL : disk_format_find(fd);

	if (fd >= 0)
		close(fd);
	if (format)
		diag_hint(diag_add(diag, text->mark, DIAG_IMAGE, "disk \"%.80s\": is %s, not raw",
				  text->text, format),
			"make it raw: qemu-img convert -O raw FROM TO");
	return !format;
}

/* A disk in use; of the same file by any name. One that cannot be asked is known by its path. */
struct disk {
	const struct topo_node *node;
	const char *path;
	dev_t dev;
	ino_t ino;
};

static bool find_disk(const struct topo_node *node, bool ask, struct disk *ret_disk)
{
	struct stat st;

	*ret_disk = (struct disk){.node = node,
		.path = node->disk    ? node->disk
			: node->image ? node->image->disk
				      : NULL};
	if (ret_disk->path && ask && !stat(ret_disk->path, &st)) {
		ret_disk->dev = st.st_dev;
		ret_disk->ino = st.st_ino;
	}
	return ret_disk->path;
}

static bool is_same(const struct disk *a, const struct disk *b)
{
	if (a->ino && b->ino)
		return a->dev == b->dev && a->ino == b->ino;
	return !strcmp(a->path, b->path);
}

void topo_check_disks(struct topo_reader *reader)
{
	struct topo *topo = reader->topo;
	struct disk *disks = arena_alloc(&topo->arena, (topo->n_nodes + 1) * sizeof(*disks));
	unsigned n = 0;

	for (unsigned i = 0; disks && i < topo->n_nodes; i++) {
		const struct topo_node *node = &topo->nodes[i], *other;
		unsigned k = 0;

		if (!find_disk(node, reader->check_files, &disks[n]))
			continue;
		while (!is_same(&disks[k], &disks[n])) /* at the latest with itself */
			k++;
		if (k == n) {
			n++;
			continue;
		}
		other = disks[k].node;
		diag_hint(diag_add(reader->diag, node->mark, DIAG_IMAGE,
				  "node \"%s\" has the disk of node \"%s\", at line %u", node->name,
				  other->name, other->mark.line),
			"a disk is written to: give each node a copy, with disk: FILE");
	}
}
