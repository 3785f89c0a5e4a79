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

struct host_watch {
	int fd;
	uint32_t ifindex;
	bool lost; /* messages were dropped since the queue was last empty */
	struct ev_source *source;
	struct host_watch_state told;
	host_watch_fn *fn;
	void *ctx;
};

/** Subscribed before the first look, so that no change falls between. Owned fd or -errno. */
static int subscribe(struct err *err)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int code;

	if (fd < 0)
		return err_set(err, -errno, "netlink: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	code = err_set(err, -errno, "netlink: link changes: %s", strerror(errno));
	close(fd);
	return code;
}

/** Tell, if there is news. The watch may be gone afterwards. */
static void tell(struct host_watch *watch, const struct host_watch_state *now)
{
	if (watch->told.gone == now->gone && watch->told.up == now->up &&
		watch->told.carrier == now->carrier && watch->told.mtu == now->mtu)
		return;
	watch->told = *now;
	watch->fn(watch->ctx, now);
}

/** What a message says about the watched interface; later messages overwrite earlier ones. */
static void note(
	const struct host_watch *watch, const struct nlmsghdr *msg, struct host_watch_state *now)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr;

	if (msg->nlmsg_type != RTM_NEWLINK && msg->nlmsg_type != RTM_DELLINK)
		return;
	// A bridge reports its ports by messages of its own family, deletion from it included.
	if (mnl_nlmsg_get_payload_len(msg) < sizeof(*ifi) || ifi->ifi_family != AF_UNSPEC ||
		(uint32_t)ifi->ifi_index != watch->ifindex)
		return;
	if (msg->nlmsg_type == RTM_DELLINK) {
		*now = (struct host_watch_state){.gone = true};
		return;
	}
	now->gone = false;
	now->up = ifi->ifi_flags & IFF_UP;
	mnl_attr_for_each(attr, msg, sizeof(*ifi))
	{
		if (mnl_attr_get_type(attr) == IFLA_MTU)
			now->mtu = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == IFLA_CARRIER)
			now->carrier = mnl_attr_get_u8(attr);
	}
}

static void look_again(const struct host_watch *watch, struct host_watch_state *now)
{
	char name[IF_NAMESIZE];
	struct host_link_info info;

	if (!if_indextoname(watch->ifindex, name) || host_link_get(NULL, name, &info, NULL))
		*now = (struct host_watch_state){.gone = true};
	else
		*now = (struct host_watch_state){
			.up = info.up, .carrier = info.carrier, .mtu = info.mtu};
}

/** Read what is queued, at most a few messages: a storm must not keep the loop. False = empty. */
static bool drain(struct host_watch *watch, struct host_watch_state *now)
{
	union {
		struct nlmsghdr align;
		char bytes[16384];
	} buf;

	for (int i = 0; i < 16; i++) {
		ssize_t n = recv(watch->fd, buf.bytes, sizeof(buf.bytes), MSG_DONTWAIT);
		const struct nlmsghdr *msg = &buf.align;
		int left = (int)n;

		if (n < 0 && errno == ENOBUFS) {
			watch->lost = true;
			continue;
		}
		if (n <= 0)
			return false;
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left))
			note(watch, msg, now);
	}
	return true;
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	struct host_watch *watch = ctx;
	struct host_watch_state now = watch->told;
	bool more = drain(watch, &now);

	// The loss is reported before the old messages that still queue: look after the last of
	// them.
	if (watch->lost && more)
		return;
	if (watch->lost)
		look_again(watch, &now);
	watch->lost = false;
	tell(watch, &now);
}

int host_watch_create(struct ev *ev, const char *name, host_watch_fn *fn, void *ctx,
	struct host_watch **ret_watch, struct host_watch_state *ret_state, struct err *err)
{
	struct host_watch *watch = calloc(1, sizeof(*watch));
	struct host_link_info info;
	int code;

	if (!watch)
		return err_set(err, -ENOMEM, "interface '%s': no memory", name);
	watch->fn = fn;
	watch->ctx = ctx;
	watch->fd = subscribe(err);
	code = watch->fd < 0 ? watch->fd : host_link_get(NULL, name, &info, err);
	if (!code) {
		watch->ifindex = info.ifindex;
		watch->told = (struct host_watch_state){
			.up = info.up, .carrier = info.carrier, .mtu = info.mtu};
		code = ev_add_io(ev, watch->fd, EPOLLIN, on_readable, watch, &watch->source);
		if (code)
			(void)err_set(
				err, code, "interface '%s': watch: %s", name, strerror(-code));
	}
	if (code) {
		host_watch_destroy(watch);
		return code;
	}
	*ret_watch = watch;
	*ret_state = watch->told;
	return 0;
}

void host_watch_destroy(struct host_watch *watch)
{
	if (!watch)
		return;
	ev_del(watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}
