#include "host_veth.h"

#include "host_link.h"
#include "host_nl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <unistd.h>

/* One request makes both ends where they belong, so that no name is ever taken in passing. */
static int create(struct host_nl *nl, const struct host_veth *veth, int netns_fd, struct err *err)
{
	struct nlattr *linkinfo, *data, *peer;
	struct nlmsghdr *req;

	(void)host_nl_request(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	req = nl->req;
	mnl_attr_put_strz(req, IFLA_IFNAME, veth->name);
	if (veth->mtu)
		mnl_attr_put_u32(req, IFLA_MTU, veth->mtu);
	linkinfo = mnl_attr_nest_start(req, IFLA_LINKINFO);
	mnl_attr_put_strz(req, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(req, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(req, VETH_INFO_PEER);
	/* The far end has a header of its own inside the attribute (struct ifinfomsg, zero). */
	memset(mnl_nlmsg_get_payload_tail(req), 0, sizeof(struct ifinfomsg));
	req->nlmsg_len += NLMSG_ALIGN(sizeof(struct ifinfomsg));
	mnl_attr_put_strz(req, IFLA_IFNAME, veth->peer);
	if (veth->mtu)
		mnl_attr_put_u32(req, IFLA_MTU, veth->mtu);
	if (veth->peer_mac)
		mnl_attr_put(req, IFLA_ADDRESS, sizeof(veth->peer_mac->bytes),
			veth->peer_mac->bytes);
	if (netns_fd >= 0)
		mnl_attr_put_u32(req, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(req, peer);
	mnl_attr_nest_end(req, data);
	mnl_attr_nest_end(req, linkinfo);
	return host_nl_talk(nl, NULL, NULL, err, "veth pair '%s', '%s'", veth->name, veth->peer);
}

/*
 * After the pair exists: both ends ready for a switch port, of a new one ours up. What is so
 * already costs nothing.
 */
static int set_up(const struct host_veth *veth, bool is_new, struct err *err)
{
	struct host_link_conf near = {.admin = is_new ? HOST_LINK_UP : HOST_LINK_KEEP,
		.quiet = true,
		.mtu = veth->mtu,
		.alias = veth->alias};
	struct host_link_conf far = {.admin = HOST_LINK_UP,
		.mtu = veth->mtu,
		.mac = veth->peer_mac,
		.ip = veth->peer_ip};
	int r = host_link_set(NULL, veth->name, &near, err);

	if (!r)
		r = host_link_set_offloads(veth->netns, veth->peer, HOST_OFFLOADS_TX, false, err);
	if (!r)
		r = host_link_set(veth->netns, veth->peer, &far, err);
	return r;
}

/* The kernel does not say which end's name is taken. */
static int refuse_taken(const struct host_veth *veth, bool elsewhere, struct err *err)
{
	struct host_link_info info;
	bool is_near = !host_link_get(NULL, veth->name, &info, NULL);
	const char *name = is_near ? veth->name : veth->peer;

	elsewhere = elsewhere && !is_near;
	(void)err_set(err, -EEXIST, "interface '%s': there is one of this name already%s%s", name,
		elsewhere ? " in namespace " : "", elsewhere ? veth->netns : "");
	err_hint(err, "choose another name, or, if nobody needs it: ip link delete %s%s", name,
		elsewhere ? ", in that namespace" : "");
	return -EEXIST;
}

int host_veth_add(const struct host_veth *veth, struct err *err)
{
	bool elsewhere = veth->netns && veth->netns[0];
	struct host_nl *nl;
	int netns_fd = -1, r = host_link_check_name(veth->name, err);

	if (!r)
		r = host_link_check_name(veth->peer, err);
	if (!r)
		r = host_link_check_ip(veth->peer_ip, err);
	if (!r && elsewhere) {
		netns_fd = host_nl_open_netns(veth->netns, err);
		r = netns_fd < 0 ? netns_fd : 0;
	}
	if (!r)
		r = host_nl_open(NULL, &nl, err);
	if (!r) {
		r = create(nl, veth, netns_fd, err);
		host_nl_close(nl);
		if (r == -EEXIST)
			r = refuse_taken(veth, elsewhere, err);
		if (!r) {
			r = set_up(veth, true, err);
			if (r)
				(void)host_link_delete(NULL, veth->name,
					NULL); /* err tells the first fault */
		}
	}
	if (netns_fd >= 0)
		close(netns_fd);
	return r;
}

int host_veth_take(const struct host_veth *veth, struct err *err)
{
	struct host_link_info near, far;
	int r = host_link_get(NULL, veth->name, &near, err);

	if (!r)
		r = host_link_get(veth->netns, veth->peer, &far, err);
	if (r)
		return r;
	if (strcmp(near.kind, "veth") != 0 || strcmp(far.kind, "veth") != 0 ||
		near.link != far.ifindex || far.link != near.ifindex)
		return err_set(err, -EXDEV, "interfaces '%s', '%s': not the two ends of one pair",
			veth->name, veth->peer);
	return set_up(veth, false, err);
}
