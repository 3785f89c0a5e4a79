#include "ctl_listen.h"

#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG	  64
#define LISTEN_MODE	  0660
#define LISTEN_LOCK_TRIES 50
#define LISTEN_LOCK_NS	  20000000

// Returns the locked folder, or -1: whoever keeps the lock for a second shall not keep us from
// starting, and a folder that we cannot read makes bind() say why.
static int listen_lock_folder(const char *path)
{
	struct timespec pause = {.tv_nsec = LISTEN_LOCK_NS};
	const char *slash = strrchr(path, '/');
	char *folder =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int fd;

	if (!folder)
		return -1;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	for (int i = 0; fd >= 0 && i < LISTEN_LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		(void)nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

// Remove the socket at address if no process serves it.
static int listen_clear_stale(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, code = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "control socket '%s': %m", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST, "control socket '%s': something else is there", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "control socket '%s': %m", path);
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN) {
		code = err_set(
			err, -EADDRINUSE, "control socket '%s': a running program serves it", path);
		err_hint(err, "stop that program, or choose another path");
	} else if (errno != ECONNREFUSED) {
		code = err_set(
			err, -errno, "control socket '%s': cannot tell who serves it: %m", path);
	} else if (unlink(path) < 0) {
		code = err_set(
			err, -errno, "control socket '%s': cannot remove the old one: %m", path);
	}
	(void)close(fd);
	return code;
}

static int listen_bind(
	struct ctl_listener *listener, const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat st;

	if (bind(listener->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return err_set(err, -errno, "control socket '%s': cannot create it: %m", path);
	// Before listen(): until then nobody can connect, whatever the umask left.
	if (lstat(path, &st) < 0 || chmod(path, LISTEN_MODE) < 0 ||
		listen(listener->fd, LISTEN_BACKLOG) < 0) {
		int code = err_set(err, -errno, "control socket '%s': cannot serve it: %m", path);

		(void)unlink(path);
		return code;
	}
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	return 0;
}

int ctl_listen(const char *path, struct ctl_listener *ret_listener, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ctl_listener listener = {0};
	int lock_fd, code;

	if (!path[0])
		return err_set(err, -EINVAL, "control socket: the path is empty");
	if (strlen(path) >= sizeof(address.sun_path)) {
		(void)err_set(err, -ENAMETOOLONG,
			"control socket '%s': the path has %zu bytes, at most %zu fit", path,
			strlen(path), sizeof(address.sun_path) - 1);
		err_hint(err, "choose a folder with a shorter name");
		return -ENAMETOOLONG;
	}
	(void)str_copy(address.sun_path, sizeof(address.sun_path), path);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0)
		return err_set(err, -errno, "control socket '%s': %m", path);
	lock_fd = listen_lock_folder(path);
	code = listen_clear_stale(&address, err);
	if (!code)
		code = listen_bind(&listener, &address, err);
	if (lock_fd >= 0)
		(void)close(lock_fd);
	if (code < 0)
		(void)close(listener.fd);
	else
		*ret_listener = listener;
	return code;
}

void ctl_listener_close(struct ctl_listener *listener, const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && st.st_dev == listener->dev && st.st_ino == listener->ino)
		(void)unlink(path);
	(void)close(listener->fd);
}
