#include "small_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#define TEMPLATE "/tmp/weft-small-XXXXXX"

static char folder[sizeof(TEMPLATE)];
static char filler[sizeof(folder) + sizeof("/filler")];
static int is_mounted;

int small_fs_setup(void **state)
{
	char options[32];

	memcpy(folder, TEMPLATE, sizeof(folder));
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(filler, sizeof(filler), "%s/filler", folder);
	(void)snprintf(options, sizeof(options), "size=%u", SMALL_FS_BYTES);
	is_mounted = (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
		     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		     mount("tmpfs", folder, "tmpfs", 0, options) == 0;
	return 0;
}

int small_fs_teardown(void **state)
{
	/*
	 * A file that the kernel closes later, as io_uring's, keeps the mount busy, but not its
	 * place.
	 */
	return (is_mounted && umount2(folder, MNT_DETACH)) || rmdir(folder);
}

const char *small_fs_folder(void)
{
	if (!is_mounted) {
		(void)printf("# no small file system can be mounted here, skipped\n");
		skip();
	}
	return folder;
}

void small_fs_fill(void)
{
	static const uint8_t zeroes[4096];
	int fd = open(filler, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeroes, sizeof(zeroes)) == sizeof(zeroes))
		;
	assert_int_equal(errno, ENOSPC);
	(void)close(fd);
}

void small_fs_make_room(void)
{
	assert_int_equal(unlink(filler), 0);
}
