#include "disk_format.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	off_t at;
	const char *magic;
} formats[] = {
	{"qcow2", 0, "QFI\xfb"},
	{"vmdk", 0, "KDMV"},
	{"vhdx", 0, "vhdxfile"},
	{"vdi", 64, "\x7f\x10\xda\xbe"},
};

const char *disk_format_find(int fd)
{
	char head[8];

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		size_t len = strlen(formats[i].magic);

		if (pread(fd, head, len, formats[i].at) == (ssize_t)len &&
			!memcmp(head, formats[i].magic, len))
			return formats[i].name;
	}
	return NULL;
}
