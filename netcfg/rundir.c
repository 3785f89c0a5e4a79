#include "rundir.h"

#include "proc.h"
#include "runtime_dir.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int base_path(const struct opts *opts, char *path, size_t size, struct err *err)
{
	char cwd[PATH_MAX];
	int len;

	if (opts->run_dir && opts->run_dir[0] == '/')
		len = snprintf(path, size, "%s", opts->run_dir);
	else if (opts->run_dir)
		len = snprintf(path, size, "%s/%s", getcwd(cwd, sizeof(cwd)) ? cwd : ".",
			opts->run_dir);
	else
		len = runtime_dir_path(path, size);
	if (len < 0 || (size_t)len >= size)
		return err_set(err, -ENAMETOOLONG, "run directory: path is longer than %zu bytes",
			size - 1);
	return 0;
}

int rundir_labs_path(const struct opts *opts, char path[RUNDIR_PATH_SIZE], struct err *err)
{
	char base[RUNDIR_PATH_SIZE];
	int r = base_path(opts, base, sizeof(base), err);

	return r < 0 ? r : rundir_file(base, "labs", "", path, RUNDIR_PATH_SIZE, err);
}

int rundir_path(const struct opts *opts, const char *lab, char path[RUNDIR_PATH_SIZE],
	struct err *err)
{
	char labs[RUNDIR_PATH_SIZE];
	int len, r = rundir_labs_path(opts, labs, err);

	if (r < 0)
		return r;
	len = snprintf(path, RUNDIR_PATH_SIZE, "%s/%s", labs, lab);
	if (len >= RUNDIR_PATH_SIZE)
		return err_set(err, -ENAMETOOLONG, "lab '%s': run directory's path is too long",
			lab);
	return 0;
}

int rundir_file(const char *dir, const char *stem, const char *suffix, char *path, size_t size,
	struct err *err)
{
	int len = snprintf(path, size, "%s/%s%s", dir, stem, suffix);

	if (len < 0 || (size_t)len >= size) {
		(void)err_set(err, -ENAMETOOLONG, "file '%s/%s%s': path is longer than %zu bytes",
			dir, stem, suffix, size - 1);
		err_hint(err, "use shorter names, or `--run-dir DIR` with a shorter path");
		return -ENAMETOOLONG;
	}
	return 0;
}

int rundir_nic_socket(const char *dir, const char *node, unsigned nic, char *path, size_t size,
	struct err *err)
{
	char stem[CTL_NAME_MAX + 16];

	(void)snprintf(stem, sizeof(stem), "%s:eth%u", node, nic + 1);
	return rundir_file(dir, stem, ".sock", path, size, err);
}

pid_t rundir_find_daemon(const char *dir, const char *name)
{
	char pid_file[RUNDIR_PATH_SIZE];

	if (rundir_file(dir, name, ".pid", pid_file, sizeof(pid_file), NULL))
		return 0;
	return proc_find(pid_file);
}

/*
 * Who may rename in the directories above could put another in place: BASE and BASE/labs are ours.
 */
static int check_parents(const char *path, struct err *err)
{
	char part[RUNDIR_PATH_SIZE];
	struct stat st;

	(void)str_copy(part, sizeof(part), path);
	for (int level = 0; level < 2; level++) {
		char *slash = strrchr(part, '/');

		if (!slash || slash == part)
			return 0;
		*slash = '\0';
		if (lstat(part, &st))
			return err_set(err, -errno, "directory '%s': %s", part, strerror(errno));
		if (!S_ISDIR(st.st_mode) || (st.st_uid != geteuid() && st.st_uid) ||
			(st.st_mode & 022 && !(st.st_mode & S_ISVTX))) {
			(void)err_set(err, -EACCES, "directory '%s': others may change it", part);
			err_hint(err, "remove it, or choose another place with `--run-dir DIR`");
			return -EACCES;
		}
	}
	return 0;
}

int rundir_check(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return err_set(err, -errno, "run directory '%s': %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077) {
		(void)err_set(err, -EACCES, "run directory '%s': is not a directory of ours alone",
			path);
		err_hint(err, "remove it, or choose another place with `--run-dir DIR`");
		return -EACCES;
	}
	return check_parents(path, err);
}

int rundir_create(const char *path, struct err *err)
{
	char part[RUNDIR_PATH_SIZE];

	(void)str_copy(part, sizeof(part), path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return err_set(err, -errno, "directory '%s': %s", part, strerror(errno));
		*slash = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set(err, -errno, "directory '%s': %s", path, strerror(errno));
	return rundir_check(path, err);
}

/* Depth is bounded: the switch's state directory is one level down. */
static int remove_at(int parent, const char *name, unsigned depth)
{
	int fd, r = 0;
	struct dirent *entry;
	DIR *dir;

	if (!unlinkat(parent, name, 0))
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (!depth)
		return -ELOOP;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (!r && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = remove_at(fd, entry->d_name, depth - 1);
	}
	closedir(dir);
	if (!r && unlinkat(parent, name, AT_REMOVEDIR))
		r = -errno;
	return r;
}

int rundir_remove(const char *path, struct err *err)
{
	int r = rundir_check(path, err);

	if (r < 0)
		return r;
	r = remove_at(AT_FDCWD, path, 4);
	return r ? err_set(err, r, "run directory '%s': not removed: %s", path, strerror(-r)) : 0;
}

int rundir_lock(const char *path, struct err *err)
{
	char file[RUNDIR_PATH_SIZE];
	int fd, r = rundir_file(path, "lock", "", file, sizeof(file), err);

	if (r < 0)
		return r;
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, -errno, "file '%s': %s", file, strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	(void)err_set(err, -EAGAIN, "another netcfg is changing this lab");
	err_hint(err, "wait until it is done; the lock is '%s'", file);
	return -EAGAIN;
}

int rundir_write_file_name(const char *path, const char *name, struct err *err)
{
	char file[RUNDIR_PATH_SIZE];
	int fd, r = rundir_file(path, "file", "", file, sizeof(file), err);
	size_t len = strlen(name);

	if (r < 0)
		return r;
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, -errno, "file '%s': %s", file, strerror(errno));
	errno = ENOSPC; /* of a write that was cut short */
	if (write(fd, name, len) != (ssize_t)len)
		r = err_set(err, -errno, "file '%s': %s", file, strerror(errno));
	close(fd);
	return r;
}

bool rundir_read_file_name(const char *path, char *name, size_t size)
{
	char file[RUNDIR_PATH_SIZE];
	ssize_t len = -1;
	int fd;

	if (rundir_file(path, "file", "", file, sizeof(file), NULL) < 0)
		return false;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	len = read(fd, name, size - 1);
	close(fd);
	name[len < 0 ? 0 : len] = '\0';
	return len > 0;
}

int rundir_each_lab(const struct opts *opts, int (*fn)(void *ctx, const char *lab), void *ctx,
	struct err *err)
{
	char path[RUNDIR_PATH_SIZE];
	struct dirent **entries;
	int n, r = rundir_labs_path(opts, path, err);

	if (r < 0)
		return r;
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0; /* no directory: no labs */
	if (n < 0)
		return err_set(err, -errno, "directory '%s': %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!r && entries[i]->d_name[0] != '.')
			r = fn(ctx, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int rundir_each_node(const char *path, int (*fn)(void *ctx, const char *node), void *ctx)
{
	struct dirent **entries;
	int r = 0, n = scandir(path, &entries, NULL, versionsort);

	for (int i = 0; i < n; i++) {
		char *name = entries[i]->d_name, *suffix = strrchr(name, '.');

		/* NODE.args is there from before a node starts until the lab is destroyed. */
		if (!r && suffix && suffix != name && !strcmp(suffix, ".args")) {
			*suffix = '\0';
			r = fn(ctx, name);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return r;
}

struct only_lab {
	char name[CTL_NAME_MAX + 1];
	char all[200];
	unsigned n;
};

static int note_lab(void *ctx, const char *lab)
{
	struct only_lab *only = ctx;
	size_t used = strlen(only->all);

	if (!only->n++)
		(void)str_copy(only->name, sizeof(only->name), lab);
	(void)snprintf(only->all + used, sizeof(only->all) - used, "%s%s", used ? ", " : "", lab);
	return 0;
}

int rundir_find_lab(const struct opts *opts, char name[CTL_NAME_MAX + 1], struct err *err)
{
	struct only_lab only = {.n = 0};
	char path[RUNDIR_PATH_SIZE];
	int r;

	if (opts->lab) {
		if (strchr(opts->lab, '/') || opts->lab[0] == '.' ||
			strlen(opts->lab) > CTL_NAME_MAX)
			return err_set(err, -EINVAL, "lab '%.64s': not a lab name", opts->lab);
		(void)str_copy(name, CTL_NAME_MAX + 1, opts->lab);
		r = rundir_path(opts, name, path, err);
		if (r || !access(path, F_OK))
			return r;
		if (errno != ENOENT)
			return err_set(err, -errno, "run directory '%s': %s", path,
				strerror(errno));
		(void)err_set(err, -ENOENT, "lab '%s': does not run", name);
		err_hint(err, "start it: `netcfg apply -f FILE`");
		return -ENOENT;
	}
	r = rundir_each_lab(opts, note_lab, &only, err);
	if (r)
		return r;
	if (!only.n) {
		(void)err_set(err, -ENOENT, "no lab runs");
		err_hint(err, "start one: `netcfg apply -f FILE`");
		return -ENOENT;
	}
	if (only.n > 1) {
		(void)err_set(err, -EINVAL, "%u labs run: %s", only.n, only.all);
		err_hint(err, "say which one: `-L LAB`");
		return -EINVAL;
	}
	(void)str_copy(name, CTL_NAME_MAX + 1, only.name);
	return 0;
}

int rundir_switch_socket(const struct opts *opts, char path[CTL_PATH_MAX + 1], struct err *err)
{
	char lab[CTL_NAME_MAX + 1], dir[RUNDIR_PATH_SIZE];
	struct err why = {0};
	int r;

	if (opts->socket)
		return rundir_file(opts->socket[0] == '/' ? "" : ".",
			opts->socket + (opts->socket[0] == '/'), "", path, CTL_PATH_MAX + 1, err);
	r = rundir_find_lab(opts, lab, &why);
	if (r == -ENOENT && !opts->lab) {
		r = base_path(opts, dir, sizeof(dir), err);
	} else if (r < 0) {
		if (err)
			*err = why;
	} else {
		r = rundir_path(opts, lab, dir, err);
	}
	return r < 0 ? r : rundir_file(dir, "vswitch", ".sock", path, CTL_PATH_MAX + 1, err);
}
