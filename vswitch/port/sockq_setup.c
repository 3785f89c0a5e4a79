#include "sockq_setup.h"

#include <errno.h>
#include <sys/mman.h>

int sockq_create(enum sockq_type type, int fd, struct queue **ret_q)
{
	struct sockq *q = mmap(NULL, sizeof(*q), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (q == MAP_FAILED)
		return -ENOMEM;
	q->queue.ops = &sockq_ops;
	q->queue.wake_fd = fd;
	q->kind = type;
	q->fd = fd;
	for (unsigned i = 0; i < FRAME_BURST; i++) {
		q->in_iov[i] = (struct iovec){q->in[i], SOCKQ_IN_SLOT};
		q->in_msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &q->in_iov[i], .msg_iovlen = 1, .msg_control = &q->aux[i]};
		q->out_iov[i].iov_base = q->out[i];
		q->out_msgs[i].msg_hdr =
			(struct msghdr){.msg_iov = &q->out_iov[i], .msg_iovlen = 1};
	}
	*ret_q = &q->queue;
	return 0;
}

void sockq_destroy(struct queue *q)
{
	if (q)
		munmap(q, sizeof(struct sockq));
}
