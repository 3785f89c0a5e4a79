#include "unix_conn.h"

#include "closer.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of 4 KiB, to find descriptors at the end; more than a socket holds. */
#define MAX_READS 256

void unix_conn_receive_inline(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)); /* a socket has it */
}

ssize_t unix_conn_read(int fd, void *dst, size_t size)
{
	struct iovec iov = {.iov_base = dst, .iov_len = size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	unix_conn_receive_inline(fd);
	do {
		n = recvmsg(fd, &mh, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && mh.msg_flags & MSG_CTRUNC)
		return -EBADMSG;
	/* What was looked at is what is read: the peer can only add something behind it. */
	if (n > 0)
		n = recv(fd, dst, (size_t)n, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

void unix_conn_end(int fd, struct closer *closer)
{
	uint8_t unread[4096];
	ssize_t n = 1;

	/* From here on the peer adds nothing. */
	(void)shutdown(fd, SHUT_RDWR);
	for (unsigned i = 0; n > 0 && i < MAX_READS; i++)
		n = unix_conn_read(fd, unread, sizeof(unread));
	if (n <= 0 && n != -EBADMSG)
		(void)close(fd);
	else if (closer)
		closer_close(closer, fd);
}
