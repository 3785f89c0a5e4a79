#include "host_watch.h"

#include "host_link.h"
#include "host_nl.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rtnetlink.h>

/* Between looks for what no message tells. */
#define LOOK_NS UINT64_C(1000000000)

struct host_watch {
	int fd;
	uint32_t ifindex;
	struct ev_source *source, *timer;
	struct host_watch_state told;
	struct host_link_gso gso; /* when it was looked at last */
	host_watch_fn *fn;
	void *ctx;
};

/* Subscribed before the first look, so that no change falls between. Owned fd or -errno. */
static int subscribe(struct err *err)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "netlink: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	r = err_set(err, -errno, "netlink: link changes: %s", strerror(errno));
	close(fd);
	return r;
}

static struct host_watch_state state_of(const struct host_link_info *info)
{
	return (struct host_watch_state){
		.up = info->up, .carrier = info->carrier, .mtu = info->mtu, .tso = info->tso};
}

/* Tell, if there is news. The watch may be gone afterwards. */
static void tell(struct host_watch *watch, const struct host_watch_state *now)
{
	if (watch->told.gone == now->gone && watch->told.up == now->up &&
		watch->told.carrier == now->carrier && watch->told.mtu == now->mtu &&
		watch->told.tso == now->tso)
		return;
	watch->told = *now;
	watch->fn(watch->ctx, now);
}

/* Is a message about the watched interface? */
static bool is_about(const struct host_watch *watch, const struct nlmsghdr *msg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(msg);

	/* A bridge reports its ports by messages of its own family, deletion from it included. */
	return (msg->nlmsg_type == RTM_NEWLINK || msg->nlmsg_type == RTM_DELLINK) &&
	       mnl_nlmsg_get_payload_len(msg) >= sizeof(*ifi) && ifi->ifi_family == AF_UNSPEC &&
	       (uint32_t)ifi->ifi_index == watch->ifindex;
}

/* Look how the interface is now, and tell: a message says that something changed, and not all of
 * what. The watch may be gone afterwards. */
static void look(struct host_watch *watch)
{
	struct host_watch_state now = {.gone = true};
	char name[IF_NAMESIZE];
	struct host_link_info info;

	if (if_indextoname(watch->ifindex, name) && !host_link_get(NULL, name, &info, NULL)) {
		now = state_of(&info);
		watch->gso = info.gso;
	}
	tell(watch, &now);
}

/* Read what is queued, at most a few messages: a storm must not keep the loop. True: the interface
 * may have changed. */
static bool drain(const struct host_watch *watch)
{
	union {
		struct nlmsghdr align;
		char bytes[16384];
	} buf;
	bool changed = false;

	for (int i = 0; i < 16; i++) {
		ssize_t n = recv(watch->fd, buf.bytes, sizeof(buf.bytes), MSG_DONTWAIT);
		const struct nlmsghdr *msg = &buf.align;
		int left = (int)n;

		if (n < 0 && errno == ENOBUFS) {
			changed = true; /* messages were lost */
			continue;
		}
		if (n <= 0)
			break;
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left))
			changed |= is_about(watch, msg);
	}
	return changed;
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	struct host_watch *watch = ctx;

	if (drain(watch))
		look(watch);
}

/* Only of the kernel: a driver may take its time. */
static void on_timer(void *ctx)
{
	struct host_watch *watch = ctx;
	char name[IF_NAMESIZE];
	struct host_link_info info;

	if (!watch->told.gone && if_indextoname(watch->ifindex, name) &&
		!host_link_peek(NULL, name, &info, NULL) &&
		memcmp(&info.gso, &watch->gso, sizeof(info.gso)) != 0)
		look(watch);
}

int host_watch_create(struct ev *ev, const char *name, host_watch_fn *fn, void *ctx,
	struct host_watch **ret_watch, struct host_watch_state *ret_state, struct err *err)
{
	struct host_watch *watch = calloc(1, sizeof(*watch));
	struct host_link_info info;
	int r;

	if (!watch)
		return err_set(err, -ENOMEM, "interface '%s': no memory", name);
	watch->fn = fn;
	watch->ctx = ctx;
	watch->fd = subscribe(err);
	r = watch->fd < 0 ? watch->fd : host_link_get(NULL, name, &info, err);
	if (!r) {
		watch->ifindex = info.ifindex;
		watch->told = state_of(&info);
		watch->gso = info.gso;
		r = ev_add_io(ev, watch->fd, EPOLLIN, on_readable, watch, &watch->source);
		if (!r)
			r = ev_add_timer(ev, on_timer, watch, &watch->timer);
		if (r)
			(void)err_set(err, r, "interface '%s': watch: %s", name, strerror(-r));
	}
	if (r) {
		host_watch_destroy(watch);
		return r;
	}
	ev_timer_set(watch->timer, LOOK_NS, LOOK_NS);
	*ret_watch = watch;
	*ret_state = watch->told;
	return 0;
}

void host_watch_destroy(struct host_watch *watch)
{
	if (!watch)
		return;
	ev_del(watch->source);
	ev_del(watch->timer);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}
