#include "unix_socket.h"

#include "closer.h"
#include "str.h"
#include "unix_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* As often as a dead socket may turn up again in the place of one that was removed. */
#define PLACE_TRIES 8
/* What make_name() adds: two dots and a number. */
#define NAME_EXTRA 18
#define NAME_SIZE  (UNIX_PATH_MAX + 1)

/* A path on the way to becoming a socket. */
struct place {
	const char *path, *what;
	const char *name; /* its last part */
	int folder_fd;
};

int unix_address(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!path[0])
		return -EINVAL;
	if (strlen(path) > UNIX_PATH_MAX)
		return -ENAMETOOLONG;
	(void)str_copy(ret_address->sun_path, sizeof(ret_address->sun_path), path);
	return 0;
}

static int place_open(struct place *place, struct err *err)
{
	const char *slash = strrchr(place->path, '/');
	char folder[UNIX_PATH_MAX + 1] = ".";

	place->name = slash ? slash + 1 : place->path;
	if (!*place->name)
		return err_set(err, -EISDIR, "%s '%s': the path of a folder", place->what,
			place->path);
	if (slash)
		(void)snprintf(folder, sizeof(folder), "%.*s",
			slash == place->path ? 1 : (int)(slash - place->path), place->path);
	place->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->folder_fd < 0 && errno == EACCES) /* it may be ours to write, but not to read */
		place->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->folder_fd < 0)
		return err_set(err, -errno, "%s '%s': cannot open its folder: %m", place->what,
			place->path);
	return 0;
}

/*
 * A name beside the path that nobody else uses; people find the path's in it, as long as it fits.
 */
static int make_name(const struct place *place, char *name, size_t size)
{
	uint64_t random;
	int at = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return -EAGAIN;
	if (strlen(place->path) + NAME_EXTRA <= UNIX_PATH_MAX)
		at = snprintf(name, size, ".%s", place->name);
	(void)snprintf(name + at, size - (size_t)at, ".%016" PRIx64, random);
	return 0;
}

/* ---- Who is there ---- */

/* Is a program's answer to be had at the socket? 0 = no: it is dead. */
static int check_served(const struct place *place, struct err *err)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), code = 0;

	(void)unix_address(place->path, &address);
	if (fd < 0)
		return err_set(err, -errno, "%s '%s': %m", place->what, place->path);
	/* EPROTOTYPE: by a socket of packets, as memif's. */
	if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)) || errno == EAGAIN ||
		errno == EPROTOTYPE) {
		code = err_set(err, -EADDRINUSE, "%s '%s': a running program serves it",
			place->what, place->path);
		err_hint(err, "stop that program, or choose another path");
	} else if (errno != ECONNREFUSED && errno != ENOENT) {
		code = err_set(err, -errno, "%s '%s': cannot find out who serves it: %m",
			place->what, place->path);
	}
	(void)close(fd);
	return code;
}

/* Remove what was looked at. Something else that has taken its place meanwhile is put back. */
static int remove_dead(const struct place *place, const struct stat *dead, struct err *err)
{
	char aside[NAME_SIZE];
	struct stat st;
	int dir = place->folder_fd, r = make_name(place, aside, sizeof(aside));

	if (!r && renameat(dir, place->name, dir, aside) < 0)
		r = errno == ENOENT ? 0 : -errno;
	else if (!r && (fstatat(dir, aside, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			       st.st_dev != dead->st_dev || st.st_ino != dead->st_ino))
		r = renameat2(dir, aside, dir, place->name, RENAME_NOREPLACE) < 0 ? -errno : 0;
	else if (!r && unlinkat(dir, aside, 0) < 0)
		r = -errno;
	return r ? err_set(err, r, "%s '%s': cannot remove the old one: %s", place->what,
			   place->path, strerror(-r))
		 : 0;
}

/*
 * 0 = nothing is at the path; 1 = a dead socket: ret_st, and ret_fd to be closed, for as long as it
 * is open no other file gets its number; else what keeps the path, in err.
 */
static int look_at(const struct place *place, int *ret_fd, struct stat *ret_st, struct err *err)
{
	int fd = openat(place->folder_fd, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), code;

	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(err, -errno, "%s '%s': %m", place->what, place->path);
	if (fstat(fd, ret_st) < 0)
		code = err_set(err, -errno, "%s '%s': %m", place->what, place->path);
	else if (!S_ISSOCK(ret_st->st_mode))
		code = err_set(err, -EEXIST, "%s '%s': something else is there", place->what,
			place->path);
	else
		code = check_served(place, err);
	if (code) {
		(void)close(fd);
		return code;
	}
	*ret_fd = fd;
	return 1;
}

static int clear_dead(const struct place *place, struct err *err)
{
	struct stat st;
	int fd, r = look_at(place, &fd, &st, err);

	if (r <= 0)
		return r;
	r = remove_dead(place, &st, err);
	(void)close(fd);
	return r;
}

/* Whoever keeps the lock longer shall not keep us from starting. */
static void lock_folder(int fd)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < UNIX_LOCK_MS && flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

/* ---- Our own ---- */

/*
 * What name is in the folder gets access, if it is a socket. By its inode: who can write to the
 * folder may put a link to something else there meanwhile.
 */
static int set_access(int folder_fd, const char *name, const struct unix_access *access,
	struct stat *ret_st)
{
	int fd = openat(folder_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), r = 0;
	char path[32];

	if (fd < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fstat(fd, ret_st) < 0)
		r = -errno;
	else if (!S_ISSOCK(ret_st->st_mode))
		r = -EEXIST;
	/* The mode first: of what is somebody else's it may not be ours to change. */
	else if (access->mode && chmod(path, access->mode) < 0)
		r = -errno;
	else if ((access->uid != (uid_t)-1 || access->gid != (gid_t)-1) &&
		 fchownat(fd, "", access->uid, access->gid, AT_EMPTY_PATH) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

/* Bind the socket to name in the folder, and listen. */
static int serve(const struct place *place, const char *name, const struct unix_access *access,
	int backlog, struct unix_listener *listener)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int r;
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%.*s%s",
		(int)(place->name - place->path), place->path, name);
	/* Where it does not fit, through the descriptor of the folder. */
	if (len > (int)UNIX_PATH_MAX)
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
			place->folder_fd, name);
	if (bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* Before listen(): until then nobody can connect, whatever the umask left. */
	r = set_access(place->folder_fd, name, access, &st);
	if (r)
		return r;
	if (listen(listener->fd, backlog) < 0)
		return -errno;
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	return 0;
}

/* Give the socket its path. */
static int take_place(const struct place *place, const char *name, struct err *err)
{
	int dir = place->folder_fd, r = 0;

	for (unsigned i = 0; i < PLACE_TRIES; i++) {
		if (!linkat(dir, name, dir, place->name, 0))
			return 0;
		if (errno != EEXIST)
			break;
		if (!i)
			lock_folder(dir); /* until the folder is closed */
		r = clear_dead(place, err);
		if (r)
			return r;
		errno = EEXIST;
	}
	return err_set(err, -errno, "%s '%s': cannot create it: %m", place->what, place->path);
}

static int check_path(const char *path, const char *what, struct err *err)
{
	struct sockaddr_un address;
	int r = unix_address(path, &address);

	if (r == -EINVAL)
		return err_set(err, r, "%s: the path is empty", what);
	if (r) {
		(void)err_set(err, r, "%s '%s': the path has %zu bytes, at most %zu fit", what,
			path, strlen(path), UNIX_PATH_MAX);
		err_hint(err, "choose a folder with a shorter name");
	}
	return r;
}

int unix_check_free(const char *path, const char *what, struct err *err)
{
	struct place place = {path, what, NULL, -1};
	struct stat st;
	int fd, r = check_path(path, what, err);

	if (!r)
		r = place_open(&place, err);
	if (r)
		return r;
	r = look_at(&place, &fd, &st, err);
	(void)close(place.folder_fd);
	if (r <= 0)
		return r;
	(void)close(fd);
	return 0;
}

int unix_clear_dead(const char *path, const char *what, struct err *err)
{
	struct place place = {path, what, NULL, -1};
	int r = check_path(path, what, err);

	if (!r)
		r = place_open(&place, err);
	if (r)
		return r;
	lock_folder(place.folder_fd);
	r = clear_dead(&place, err);
	(void)close(place.folder_fd);
	return r;
}

int unix_listen(const char *path, mode_t mode, int backlog, const char *what,
	struct unix_listener *ret_listener, struct err *err)
{
	const struct unix_access access = {mode, (uid_t)-1, (gid_t)-1};

	return unix_listen_for(&access, path, backlog, what, ret_listener, err);
}

int unix_listen_for(const struct unix_access *access, const char *path, int backlog,
	const char *what, struct unix_listener *ret_listener, struct err *err)
{
	struct unix_listener listener = {.fd = -1};
	struct place place = {path, what, NULL, -1};
	char name[NAME_SIZE] = "";
	int r = check_path(path, what, err);

	if (!r)
		r = place_open(&place, err);
	if (r)
		return r;
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = listener.fd < 0 ? -errno : make_name(&place, name, sizeof(name));
	if (!r)
		r = serve(&place, name, access, backlog, &listener);
	if (r)
		(void)err_set(err, r, "%s '%s': cannot create it: %s", what, path, strerror(-r));
	else
		r = take_place(&place, name, err);
	if (name[0])
		(void)unlinkat(place.folder_fd, name, 0);
	(void)close(place.folder_fd);
	if (!r)
		*ret_listener = listener;
	else if (listener.fd >= 0)
		(void)close(listener.fd);
	return r;
}

void unix_listener_close(struct unix_listener *listener, const char *path, struct closer *closer)
{
	struct stat st;
	int fd;

	if (listener->fd < 0)
		return;
	if (!lstat(path, &st) && st.st_dev == listener->dev && st.st_ino == listener->ino)
		(void)unlink(path);
	(void)shutdown(listener->fd, SHUT_RDWR); /* nobody connects from here on */
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		unix_conn_end(fd, closer);
	if (errno == EAGAIN || errno == EINVAL) /* there is nobody left */
		(void)close(listener->fd);
	else if (closer)
		closer_close(closer, listener->fd);
	listener->fd = -1;
}
