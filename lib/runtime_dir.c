#include "runtime_dir.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_ours(const char *dir)
{
	struct stat st;

	return dir && dir[0] == '/' && !stat(dir, &st) && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && !access(dir, W_OK);
}

int runtime_dir_path(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int len = is_ours(runtime) ? snprintf(path, size, "%s/weft", runtime)
				   : snprintf(path, size, "/tmp/weft-%u", (unsigned)getuid());

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}
