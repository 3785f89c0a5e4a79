#include "host_nl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETNS_DIR "/run/netns"

void host_nl_hint(struct err *err, int r)
{
	if (r == -EPERM || r == -EACCES)
		err_hint(err,
			"needs CAP_NET_ADMIN (other namespaces: CAP_SYS_ADMIN too): run vswitch as "
			"root, or setcap cap_net_admin,cap_net_raw+ep on it and start it again");
}

/* The hint of a namespace that is not there: those that are. */
static void hint_netns(struct err *err, const char *netns)
{
	char names[160] = "";
	DIR *dir = opendir(NETNS_DIR);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		size_t len = strlen(names);

		if (entry->d_name[0] != '.' && len + strlen(entry->d_name) + 3 < sizeof(names))
			(void)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "",
				entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (names[0])
		err_hint(err, "there are: %s", names);
	else
		err_hint(err, "ip netns add %.150s", netns);
}

int host_nl_open_netns(const char *netns, struct err *err)
{
	char path[4096];
	bool named = !strchr(netns, '/');
	int fd, r;

	if (!netns[0] || !strcmp(netns, ".") || !strcmp(netns, ".."))
		return err_set(err, -EINVAL, "network namespace '%s': not a name", netns);
	(void)snprintf(path, sizeof(path), "%s%s", named ? NETNS_DIR "/" : "", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	r = -errno;
	(void)err_set(err, r, "network namespace '%s': %s", netns,
		r == -ENOENT ? "not found" : strerror(-r));
	if (r == -ENOENT && named)
		hint_netns(err, netns);
	return r;
}

/* Enter target, make the socket, come back. */
static int socket_there(int home, int target, int domain, int type, int protocol)
{
	int fd;

	if (setns(target, CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		fd = -errno;
	/*
	 * The way back is to where this thread was a moment ago; without it the thread would open
	 * its next socket in a stranger's namespace, so there is no going on.
	 */
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	return fd;
}

int host_nl_socket(const char *netns, int domain, int type, int protocol, struct err *err)
{
	int home = -1, target = -1, fd;

	if (!netns || !netns[0]) {
		fd = socket(domain, type | SOCK_CLOEXEC, protocol);
		return fd >= 0 ? fd : err_set(err, -errno, "socket: %s", strerror(errno));
	}
	target = host_nl_open_netns(netns, err);
	if (target < 0)
		return target;
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0) {
		fd = err_set(err, -errno, "own network namespace: %s", strerror(errno));
	} else {
		fd = socket_there(home, target, domain, type, protocol);
		if (fd < 0)
			(void)err_set(err, fd, "network namespace '%s': %s", netns, strerror(-fd));
		host_nl_hint(err, fd < 0 ? fd : 0);
		close(home);
	}
	close(target);
	return fd;
}

int host_nl_open(const char *netns, struct host_nl **ret_nl, struct err *err)
{
	struct host_nl *nl = calloc(1, sizeof(*nl));
	int one = 1, r;

	if (!nl)
		return err_set(err, -ENOMEM, "netlink: no memory");
	nl->fd = host_nl_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err);
	if (nl->fd < 0) {
		r = nl->fd;
		free(nl);
		return r;
	}
	/* Without these an error has no words and carries the request; old kernels lack them. */
	(void)setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	*ret_nl = nl;
	return 0;
}

void host_nl_close(struct host_nl *nl)
{
	if (!nl)
		return;
	close(nl->fd);
	free(nl);
}

void *host_nl_request(struct host_nl *nl, uint16_t type, uint16_t flags, size_t size)
{
	nl->req = mnl_nlmsg_put_header(nl->buf.bytes);
	nl->req->nlmsg_type = type;
	nl->req->nlmsg_flags = NLM_F_REQUEST | flags;
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP) /* its bits mean other things in other requests */
		nl->req->nlmsg_flags |= NLM_F_ACK;
	nl->req->nlmsg_seq = ++nl->seq;
	return mnl_nlmsg_put_extra_header(nl->req, size);
}

/* The kernel's words in an NLMSG_ERROR, NULL = none. */
static const char *ext_ack(const struct nlmsghdr *msg)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(msg);
	size_t offset = sizeof(*e);
	const struct nlattr *attr;

	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(msg->nlmsg_flags & NLM_F_CAPPED))
		offset += e->msg.nlmsg_len - sizeof(e->msg);
	mnl_attr_for_each(attr, msg, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

/* One message of the answer. 1 = go on, 0 = the end, or -errno; ret_words from the kernel. */
static int take(struct host_nl *nl, const struct nlmsghdr *msg, host_nl_fn *fn, void *ctx,
	const char **ret_words)
{
	const struct nlmsgerr *e;
	int r;

	if (msg->nlmsg_seq != nl->seq)
		return 1;
	switch (msg->nlmsg_type) {
	case NLMSG_ERROR:
		if (mnl_nlmsg_get_payload_len(msg) < sizeof(*e))
			return -EBADMSG;
		e = mnl_nlmsg_get_payload(msg);
		if (e->error)
			*ret_words = ext_ack(msg);
		return e->error;
	case NLMSG_DONE:
		return 0;
	default:
		r = fn ? fn(ctx, msg) : 0;
		return r < 0 ? r : 1;
	}
}

static int read_answer(struct host_nl *nl, host_nl_fn *fn, void *ctx, const char **ret_words)
{
	for (;;) {
		ssize_t n = recv(nl->fd, nl->buf.bytes, sizeof(nl->buf.bytes), 0);
		const struct nlmsghdr *msg = &nl->buf.align;
		int left = (int)n, code;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
			code = take(nl, msg, fn, ctx, ret_words);
			if (code <= 0)
				return code;
		}
	}
}

int host_nl_talk(struct host_nl *nl, host_nl_fn *fn, void *ctx, struct err *err, const char *what,
	...)
{
	const char *words = NULL;
	char text[160];
	va_list ap;
	int r = 0;

	if (send(nl->fd, nl->req, nl->req->nlmsg_len, 0) < 0)
		r = -errno;
	if (!r)
		r = read_answer(nl, fn, ctx, &words);
	if (!r)
		return 0;
	va_start(ap, what);
	(void)vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	(void)err_set(err, r, "%s: %s", text, words ? words : strerror(-r));
	host_nl_hint(err, r);
	return r;
}
