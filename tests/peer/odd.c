#include "odd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_SIZE     (UINT64_C(1) << 30)
#define LINGER_S      3600
#define REQUEST_BYTES (64 * 1024)

/* ---- A file whose server is silent ---- */

/*
 * Who waits for the server cannot be killed, so a process may never wait for itself, however it
 * ends: the server is a process of its own, which alone has /dev/fuse. It ends when it gets the
 * lock of a file that its creator holds: an ending process closes its descriptors by number, this
 * one before the file, and gives the lock up at once, not when all are closed, as with the end of a
 * pipe. And it lives for SERVER_S at most.
 */
#define SERVER_S    60
#define SERVER_MS   50 /* between looks at the lock */
#define FILE_MIN_FD 512

struct odd_file {
	int dev_fd; /* until it is mounted */
	int hold;   /* locked; with a byte in it the server is silent */
	int fd;
	int error;
	pid_t server;
};

static void reply(int dev_fd, uint64_t unique, const void *payload, size_t size)
{
	struct fuse_out_header head = {.len = (uint32_t)(sizeof(head) + size), .unique = unique};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)payload, size}};

	(void)!writev(dev_fd, iov, size ? 2 : 1);
}

static void answer(int dev_fd, const struct fuse_in_header *request)
{
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096, .max_background = 16};
	struct fuse_open_out opened = {.fh = 1};
	struct fuse_attr_out attr = {.attr_valid = 3600,
		.attr = {.ino = 1, .mode = S_IFREG | 0666, .nlink = 1, .size = FILE_SIZE}};

	if (request->opcode == FUSE_INIT)
		reply(dev_fd, request->unique, &init, sizeof(init));
	else if (request->opcode == FUSE_OPEN)
		reply(dev_fd, request->unique, &opened, sizeof(opened));
	else if (request->opcode == FUSE_GETATTR)
		reply(dev_fd, request->unique, &attr, sizeof(attr));
	else if (request->opcode == FUSE_FLUSH)
		reply(dev_fd, request->unique, NULL, 0);
}

static bool take_lock(int fd)
{
	const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return !fcntl(fd, F_SETLK, &lock);
}

static bool is_silent(int hold)
{
	return lseek(hold, 0, SEEK_END) > 0;
}

/* Answer until the creator wants silence; end with it. Only what a fork of threads may call. */
static _Noreturn void serve(int dev_fd, int hold)
{
	static char request[REQUEST_BYTES];

	(void)alarm(SERVER_S);
	/* Nothing else of the creator's stays open here: 3 and 4 are all. */
	dev_fd = fcntl(dev_fd, F_DUPFD, 64);
	hold = fcntl(hold, F_DUPFD, 64);
	(void)dup2(dev_fd, 3);
	(void)dup2(hold, 4);
	(void)close_range(5, ~0U, 0);
	while (!take_lock(4)) {
		struct pollfd pfd = {3, POLLIN, 0};

		if (poll(&pfd, 1, SERVER_MS) <= 0)
			continue;
		if (read(3, request, sizeof(request)) > 0) {
			if (!is_silent(4))
				answer(3, (const void *)request);
		} else if (errno == EPERM) {
			(void)usleep(1000); /* not mounted yet */
		} else {
			break;
		}
	}
	_exit(0);
}

/* In a thread, because its mounts are its own from here on. */
static void *mount_and_open(void *arg)
{
	struct odd_file *file = arg;
	char path[] = "/tmp/weft-odd-XXXXXX", options[96];
	int place = mkstemp(path), fd = -1;

	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=100666,user_id=0,group_id=0",
		file->dev_fd);
	if (place < 0 || unshare(CLONE_NEWNS) ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("odd", path, "fuse", MS_NOSUID | MS_NODEV, options))
		file->error = -errno;
	(void)close(file->dev_fd); /* the server has it alone */
	file->dev_fd = -1;
	if (!file->error) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		file->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FILE_MIN_FD);
		if (file->fd < 0)
			file->error = -errno;
		if (fd >= 0)
			(void)close(fd);
		(void)umount2(path, MNT_DETACH);
	}
	if (place >= 0) {
		(void)close(place);
		(void)unlink(path);
	}
	return NULL;
}

int odd_file_create(struct odd_file **ret_file)
{
	struct odd_file *file = calloc(1, sizeof(*file));
	pthread_t thread;
	int r;

	if (!file)
		return -ENOMEM;
	file->fd = file->hold = -1;
	file->dev_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	file->hold = memfd_create("odd", MFD_CLOEXEC);
	if (file->dev_fd < 0 || file->hold < 0 || !take_lock(file->hold)) {
		r = -errno;
		odd_file_destroy(file);
		return r;
	}
	file->server = fork();
	if (!file->server)
		serve(file->dev_fd, file->hold);
	if (file->server < 0 || pthread_create(&thread, NULL, mount_and_open, file))
		file->error = -EAGAIN;
	else
		(void)pthread_join(thread, NULL);
	r = file->error;
	if (r) {
		odd_file_destroy(file);
		return r;
	}
	(void)!write(file->hold, "", 1); /* silent from here on */
	*ret_file = file;
	return 0;
}

int odd_file_fd(const struct odd_file *file)
{
	return file->fd;
}

void odd_file_release(struct odd_file *file)
{
	if (file->hold >= 0)
		(void)close(file->hold);
	file->hold = -1;
	if (file->server > 0)
		(void)waitpid(file->server, NULL, 0);
	file->server = 0;
}

void odd_file_destroy(struct odd_file *file)
{
	if (!file)
		return;
	odd_file_release(file);
	if (file->dev_fd >= 0)
		(void)close(file->dev_fd);
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file);
}

/* ---- A socket that lingers ---- */

/* Connected to itself over the loopback. */
static int connect_loopback(int *ret_reader)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(addr);
	const int small = 4096; /* so that it is full soon */
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (listener < 0 || fd < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
		listen(listener, 1) || getsockname(listener, (struct sockaddr *)&addr, &size) ||
		connect(fd, (struct sockaddr *)&addr, size)) {
		int r = -errno;
		(void)close(fd);
		(void)close(listener);
		return r;
	}
	*ret_reader = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	(void)close(listener);
	return fd;
}

int odd_socket(int *ret_reader)
{
	static const char data[4096];
	const struct linger linger = {1, LINGER_S};
	int fd = connect_loopback(ret_reader);

	if (fd < 0)
		return fd;
	/* More than both ends hold: the rest stays unsent. */
	while (send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger))) {
		(void)close(fd);
		return -errno;
	}
	return fd;
}

/* ---- Messages with descriptors ---- */

static ssize_t send_flagged(int to, const void *bytes, size_t size, const int *fds, unsigned n,
	int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * ODD_MAX_FDS)];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n_sent;

	if (n) {
		control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int) * n)};
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * n);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	}
	n_sent = sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT | flags);
	return n_sent < 0 ? -errno : n_sent;
}

ssize_t odd_send(int to, const void *bytes, size_t size, const int *fds, unsigned n)
{
	return send_flagged(to, bytes, size, fds, n, 0);
}

static void *close_socket(void *arg)
{
	(void)close((int)(intptr_t)arg);
	return NULL;
}

/*
 * As a rule the socket lies in a message now, and this close is not its last. But a receiver that
 * was faster may have closed what came already: then it is this one that waits, for as long as the
 * reader is open, and it does so in a thread of its own.
 */
static void close_sent(int fd)
{
	struct timespec until;
	pthread_t thread;

	if (pthread_create(&thread, NULL, close_socket, (void *)(intptr_t)fd))
		return; /* left open: nobody waits */
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	if (pthread_timedjoin_np(thread, NULL, &until))
		(void)pthread_detach(thread);
}

static ssize_t send_socket(int to, const void *bytes, size_t size, int *ret_reader, int flags)
{
	const struct linger none = {0};
	int fd = odd_socket(ret_reader);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = send_flagged(to, bytes, size, &fd, 1, flags);
	if (n < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		(void)close(fd);
	} else {
		close_sent(fd);
	}
	return n;
}

ssize_t odd_socket_send(int to, const void *bytes, size_t size, int *ret_reader)
{
	return send_socket(to, bytes, size, ret_reader, 0);
}

ssize_t odd_socket_send_urgent(int to, int *ret_reader)
{
	return send_socket(to, "u", 1, ret_reader, MSG_OOB);
}
