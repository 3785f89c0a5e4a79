#include "host_link.h"

#include "host_nl.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#define MAX_ADDRS 8
/* Of a device, as ethtool counts them; Linux 6.1 has 62. */
#define MAX_FEATURES 256
/* IFLA_GSO_IPV4_MAX_SIZE of Linux 6.3: headers of before have no name for it. */
#define LINK_GSO_IPV4_MAX_SIZE 63

bool host_link_name_ok(const char *text)
{
	size_t len = strnlen(text, IFNAMSIZ);

	if (!len || len >= IFNAMSIZ || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == '/' || *c == ':' || *c == 0x7f)
			return false;
	}
	return true;
}

int host_link_check_name(const char *name, struct err *err)
{
	if (host_link_name_ok(name))
		return 0;
	(void)err_set(err, -EINVAL, "interface '%.64s': not a name of an interface", name);
	err_hint(err, "1 to 15 characters, no '/', ':' or space");
	return -EINVAL;
}

/* ethtool */

/* Ask or tell the driver; data starts with its command. 0 or -errno. */
static int ethtool(int fd, const char *name, void *data)
{
	struct ifreq ifr = {.ifr_data = data};

	(void)str_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static const struct offload {
	uint32_t bit;
	uint32_t get, set; /* ethtool commands */
	uint32_t flag;     /* of ETHTOOL_[GS]FLAGS, 0 = the command's value is a boolean */
	const char *name;  /* as ethtool -k shows it */
} offload_table[] = {
	/*
	 * A stack without checksum offload cannot segment, so the order of switching off is this.
	 */
	{HOST_OFFLOAD_LRO, ETHTOOL_GFLAGS, ETHTOOL_SFLAGS, ETH_FLAG_LRO, "large-receive-offload"},
	{HOST_OFFLOAD_GRO, ETHTOOL_GGRO, ETHTOOL_SGRO, 0, "generic-receive-offload"},
	{HOST_OFFLOAD_TSO, ETHTOOL_GTSO, ETHTOOL_STSO, 0, "tcp-segmentation-offload"},
	{HOST_OFFLOAD_GSO, ETHTOOL_GGSO, ETHTOOL_SGSO, 0, "generic-segmentation-offload"},
	{HOST_OFFLOAD_SG, ETHTOOL_GSG, ETHTOOL_SSG, 0, "scatter-gather"},
	{HOST_OFFLOAD_TX_CSUM, ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM, 0, "tx-checksumming"},
	{HOST_OFFLOAD_RX_CSUM, ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM, 0, "rx-checksumming"},
};
#define N_OFFLOADS (sizeof(offload_table) / sizeof(offload_table[0]))

/* 0 or -errno; an offload that the driver does not know is off. */
static int offload_get(int fd, const char *name, const struct offload *offload, bool *ret_on)
{
	struct ethtool_value value = {.cmd = offload->get};
	int r = ethtool(fd, name, &value);

	*ret_on = !r && (offload->flag ? value.data & offload->flag : value.data);
	return r == -EOPNOTSUPP ? 0 : r;
}

static int offload_set(int fd, const char *name, const struct offload *offload, bool enabled)
{
	struct ethtool_value value = {.cmd = offload->get};
	int r;

	if (offload->flag) {
		r = ethtool(fd, name, &value);
		if (r)
			return r;
		value.data &= ~offload->flag;
	}
	value.cmd = offload->set;
	value.data = offload->flag ? value.data | (enabled ? offload->flag : 0) : enabled;
	return ethtool(fd, name, &value);
}

/* A socket for ethtool's requests on an interface of that name. -errno with err set. */
static int open_control(const char *netns, const char *name, struct err *err)
{
	int r = host_link_check_name(name, err);

	return r ? r : host_nl_socket(netns, AF_INET, SOCK_DGRAM, 0, err);
}

int host_link_get_offloads(const char *netns, const char *name, uint32_t *ret_offloads,
	struct err *err)
{
	int fd = open_control(netns, name, err), r = 0;

	if (fd < 0)
		return fd;
	*ret_offloads = 0;
	for (unsigned i = 0; !r && i < N_OFFLOADS; i++) {
		bool on;

		r = offload_get(fd, name, &offload_table[i], &on);
		*ret_offloads |= on ? offload_table[i].bit : 0;
	}
	if (r)
		(void)err_set(err, r, "interface '%s': offloads: %s", name, strerror(-r));
	close(fd);
	return r;
}

/* Bring one offload to where it should be. 0 or -errno with err set. */
static int offload_change(int fd, const char *name, const struct offload *offload, bool enabled,
	struct err *err)
{
	bool on;
	int r = offload_get(fd, name, offload, &on);

	if (!r && on != enabled)
		r = offload_set(fd, name, offload, enabled);
	/* Drivers report success and keep what they cannot change. */
	if (!r && !offload_get(fd, name, offload, &on) && on != enabled)
		r = -EOPNOTSUPP;
	if (!r)
		return 0;
	(void)err_set(err, r, "interface '%s': switch %s %s: %s", name, offload->name,
		enabled ? "on" : "off", strerror(-r));
	host_nl_hint(err, r);
	return r;
}

int host_link_set_offloads(const char *netns, const char *name, uint32_t offloads, bool enabled,
	struct err *err)
{
	int fd = open_control(netns, name, err), r = 0;

	if (fd < 0)
		return fd;
	for (unsigned i = 0; !r && i < N_OFFLOADS; i++) {
		const struct offload *offload = &offload_table[enabled ? N_OFFLOADS - 1 - i : i];

		if (offloads & offload->bit)
			r = offload_change(fd, name, offload, enabled, err);
	}
	close(fd);
	return r;
}

/* Which of TCP's segmentations are active, by the names that ethtool -k shows. */
static uint32_t ask_tso(int fd, const char *name)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} wanted[] = {
		{HOST_TSO4, "tx-tcp-segmentation"},
		{HOST_TSO6, "tx-tcp6-segmentation"},
		{HOST_TSO_ECN, "tx-tcp-ecn-segmentation"},
	};
	struct {
		struct ethtool_sset_info head;
		uint32_t n;
	} set = {.head = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_FEATURES}};
	struct {
		struct ethtool_gstrings head;
		char names[MAX_FEATURES][ETH_GSTRING_LEN];
	} strings = {.head = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES}};
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block blocks[MAX_FEATURES / 32];
	} features = {.head = {.cmd = ETHTOOL_GFEATURES, .size = MAX_FEATURES / 32}};
	uint32_t tso = 0;

	if (ethtool(fd, name, &set) || !set.head.sset_mask || set.n > MAX_FEATURES)
		return 0;
	strings.head.len = set.n;
	if (ethtool(fd, name, &strings) || ethtool(fd, name, &features))
		return 0;
	for (unsigned i = 0; i < set.n; i++) {
		bool active = features.blocks[i / 32].active >> i % 32 & 1;

		for (unsigned w = 0; active && w < sizeof(wanted) / sizeof(wanted[0]); w++) {
			if (!strncmp(strings.names[i], wanted[w].name, ETH_GSTRING_LEN))
				tso |= wanted[w].bit;
		}
	}
	return tso;
}

static bool is_below(uint32_t limit, uint32_t wanted)
{
	return limit && limit < wanted;
}

/*
 * The segmentations of TCP that the device's limits let be used. Linux holds IPv4 to gso_max_size
 * or to gso_ipv4_max_size, depending on its age: here to both.
 */
static uint32_t allowed_tso(const struct host_link_gso *gso)
{
	if (is_below(gso->max_size, HOST_TSO_SIZE) || is_below(gso->max_segs, HOST_TSO_SEGS))
		return 0;
	return is_below(gso->ipv4_max_size, HOST_TSO_SIZE) ? HOST_TSO_ALL & ~HOST_TSO4
							   : HOST_TSO_ALL;
}

/* What only the driver knows: its name, the bus address, the speed. Unknown stays empty. */
static void ask_driver(int fd, struct host_link_info *info)
{
	struct ethtool_drvinfo drv = {.cmd = ETHTOOL_GDRVINFO};
	/*
	 * A driver answers a first ask with the (negated) number of words that its link modes take.
	 */
	struct {
		struct ethtool_link_settings head;
		uint32_t modes[3 * 127];
	} link = {.head.cmd = ETHTOOL_GLINKSETTINGS};
	unsigned domain, bus, dev, fn;

	if (!ethtool(fd, info->name, &drv)) {
		drv.driver[sizeof(drv.driver) - 1] = drv.bus_info[sizeof(drv.bus_info) - 1] = '\0';
		(void)str_copy(info->driver, sizeof(info->driver), drv.driver);
		if (sscanf(drv.bus_info, "%4x:%2x:%2x.%1x", &domain, &bus, &dev, &fn) == 4)
			(void)str_copy(info->pci, sizeof(info->pci), drv.bus_info);
	}
	info->tso = ask_tso(fd, info->name) & allowed_tso(&info->gso);
	if (ethtool(fd, info->name, &link) || link.head.link_mode_masks_nwords >= 0)
		return;
	link.head.link_mode_masks_nwords = -link.head.link_mode_masks_nwords;
	link.head.cmd = ETHTOOL_GLINKSETTINGS;
	if (!ethtool(fd, info->name, &link) && link.head.speed != (uint32_t)SPEED_UNKNOWN)
		info->speed_mbps = link.head.speed;
}

/* rtnetlink: looking */

static void parse_linkinfo(const struct nlattr *nest, struct host_link_info *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			(void)str_copy(info->kind, sizeof(info->kind), mnl_attr_get_str(attr));
	}
}

static void parse_stats(const struct nlattr *attr, struct host_link_info *info)
{
	struct rtnl_link_stats64 stats = {0};
	size_t len =
		mnl_attr_get_payload_len(attr); /* a kernel of another age knows fewer or more */

	memcpy(&stats, mnl_attr_get_payload(attr), len < sizeof(stats) ? len : sizeof(stats));
	info->tx_dropped = stats.tx_dropped;
}

static void parse_link(const struct nlmsghdr *msg, struct host_link_info *info)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr;

	*info = (struct host_link_info){.ifindex = (uint32_t)ifi->ifi_index,
		.up = ifi->ifi_flags & IFF_UP,
		.promiscuous = ifi->ifi_flags & IFF_PROMISC};
	mnl_attr_for_each(attr, msg, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			(void)str_copy(info->name, sizeof(info->name), mnl_attr_get_str(attr));
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == ETHER_ADDR_LEN)
				memcpy(info->mac.bytes, mnl_attr_get_payload(attr), ETHER_ADDR_LEN);
			break;
		case IFLA_LINK:
			info->link = mnl_attr_get_u32(attr);
			break;
		case IFLA_MTU:
			info->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_MIN_MTU:
			info->min_mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_MAX_MTU:
			info->max_mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_CARRIER:
			info->carrier = mnl_attr_get_u8(attr);
			break;
		case IFLA_IFALIAS:
			(void)str_copy(info->alias, sizeof(info->alias), mnl_attr_get_str(attr));
			break;
		case IFLA_LINKINFO:
			parse_linkinfo(attr, info);
			break;
		case IFLA_GSO_MAX_SIZE:
			info->gso.max_size = mnl_attr_get_u32(attr);
			break;
		case LINK_GSO_IPV4_MAX_SIZE:
			info->gso.ipv4_max_size = mnl_attr_get_u32(attr);
			break;
		case IFLA_GSO_MAX_SEGS:
			info->gso.max_segs = mnl_attr_get_u32(attr);
			break;
		case IFLA_STATS64:
			parse_stats(attr, info);
			break;
		default:
			break;
		}
	}
}

static int take_one(void *ctx, const struct nlmsghdr *msg)
{
	if (msg->nlmsg_type == RTM_NEWLINK)
		parse_link(msg, ctx);
	return 0;
}

struct name_list {
	char text[200];
	size_t len;
};

static int add_name(void *ctx, const struct nlmsghdr *msg)
{
	struct name_list *list = ctx;
	struct host_link_info info;

	if (msg->nlmsg_type != RTM_NEWLINK)
		return 0;
	parse_link(msg, &info);
	if (list->len + strlen(info.name) + 3 < sizeof(list->text))
		list->len += (size_t)snprintf(list->text + list->len,
			sizeof(list->text) - list->len, "%s%s", list->len ? ", " : "", info.name);
	return 0;
}

/* -ENODEV, with what there is. */
static int no_interface(struct host_nl *nl, const char *name, struct err *err)
{
	struct name_list list = {.len = 0};

	(void)host_nl_request(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	(void)host_nl_talk(nl, add_name, &list, NULL, "interfaces"); /* may stay unnamed */
	(void)err_set(err, -ENODEV, "interface '%s' not found", name);
	if (list.len)
		err_hint(err, "there are: %s", list.text);
	return -ENODEV;
}

/* Look it up on an open session, without the driver's words. */
static int find(struct host_nl *nl, const char *name, struct host_link_info *ret, struct err *err)
{
	struct ifinfomsg *ifi;
	int r = host_link_check_name(name, err);

	if (r)
		return r;
	ifi = host_nl_request(nl, RTM_GETLINK, 0, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(nl->req, IFLA_IFNAME, name);
	*ret = (struct host_link_info){.ifindex = 0};
	r = host_nl_talk(nl, take_one, ret, err, "interface '%s'", name);
	if (r == -ENODEV || (!r && !ret->ifindex))
		return no_interface(nl, name, err);
	return r;
}

int host_link_peek(const char *netns, const char *name, struct host_link_info *ret_info,
	struct err *err)
{
	struct host_nl *nl;
	int r = host_nl_open(netns, &nl, err);

	if (r)
		return r;
	r = find(nl, name, ret_info, err);
	host_nl_close(nl);
	return r;
}

int host_link_get(const char *netns, const char *name, struct host_link_info *ret_info,
	struct err *err)
{
	int fd, r = host_link_peek(netns, name, ret_info, err);

	if (r)
		return r;
	fd = host_nl_socket(netns, AF_INET, SOCK_DGRAM, 0, err);
	if (fd < 0)
		return fd;
	ask_driver(fd, ret_info);
	close(fd);
	return 0;
}

/* rtnetlink: changing */

struct addr {
	int family;
	uint8_t prefix;
	uint8_t bytes[16];
};

static int parse_addr(char *text, struct addr *ret, struct err *err)
{
	char *slash = strchr(text, '/'), *end = NULL;
	unsigned long prefix = slash ? strtoul(slash + 1, &end, 10) : 0;

	if (slash)
		*slash = '\0';
	ret->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(ret->family, text, ret->bytes) != 1 || !slash || end == slash + 1 || *end ||
		prefix > (ret->family == AF_INET ? 32 : 128)) {
		if (slash)
			*slash = '/';
		(void)err_set_field(err, -EINVAL, "ip",
			"ip '%s': not an address with its prefix length", text);
		err_hint(err, "as in 192.0.2.1/24 or 2001:db8::1/64");
		return -EINVAL;
	}
	ret->prefix = (uint8_t)prefix;
	return 0;
}

/* Number of addresses in "A/P,B/P", or -errno with err set. */
static int parse_addrs(const char *text, struct addr addrs[MAX_ADDRS], struct err *err)
{
	char copy[MAX_ADDRS * HOST_LINK_ADDR_SIZE], *rest = copy, *word;
	int n = 0;

	if (!text || !text[0])
		return 0;
	if (strlen(text) >= sizeof(copy))
		return err_set_field(err, -EINVAL, "ip", "ip: longer than %zu bytes",
			sizeof(copy) - 1);
	(void)str_copy(copy, sizeof(copy), text);
	while ((word = strsep(&rest, ", "))) {
		int r;

		if (!word[0])
			continue;
		if (n == MAX_ADDRS)
			return err_set_field(err, -EINVAL, "ip", "ip: more than %d addresses",
				MAX_ADDRS);
		r = parse_addr(word, &addrs[n++], err);
		if (r)
			return r;
	}
	return n;
}

int host_link_check_ip(const char *text, struct err *err)
{
	struct addr addrs[MAX_ADDRS];
	int n = parse_addrs(text, addrs, err);

	return n < 0 ? n : 0;
}

static int add_addr(struct host_nl *nl, const struct host_link_info *info, const struct addr *addr,
	struct err *err)
{
	size_t size = addr->family == AF_INET ? 4 : 16;
	struct ifaddrmsg *ifa =
		host_nl_request(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*ifa));
	char text[INET6_ADDRSTRLEN];

	ifa->ifa_family = (uint8_t)addr->family;
	ifa->ifa_prefixlen = addr->prefix;
	ifa->ifa_index = info->ifindex;
	/* The address was chosen by hand: to look for its double would only delay its first use. */
	ifa->ifa_flags = addr->family == AF_INET6 ? IFA_F_NODAD : 0;
	mnl_attr_put(nl->req, IFA_LOCAL, size, addr->bytes);
	mnl_attr_put(nl->req, IFA_ADDRESS, size, addr->bytes);
	(void)inet_ntop(addr->family, addr->bytes, text, sizeof(text));
	return host_nl_talk(nl, NULL, NULL, err, "interface '%s': address %s/%u", info->name, text,
		addr->prefix);
}

static void put_flag(struct ifinfomsg *ifi, unsigned flag, bool on)
{
	ifi->ifi_change |= flag;
	ifi->ifi_flags |= on ? flag : 0;
}

static struct ifinfomsg *request_set(struct host_nl *nl, const struct host_link_info *info)
{
	struct ifinfomsg *ifi = host_nl_request(nl, RTM_SETLINK, 0, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)info->ifindex;
	return ifi;
}

static int set_admin(struct host_nl *nl, const struct host_link_info *info, bool up,
	struct err *err)
{
	put_flag(request_set(nl, info), IFF_UP, up);
	return host_nl_talk(nl, NULL, NULL, err, "interface '%s': %s", info->name,
		up ? "up" : "down");
}

static int set_mac(struct host_nl *nl, const struct host_link_info *info,
	const struct ether_addr48 *mac, struct err *err)
{
	char text[ETHER_ADDR_STR_SIZE];
	int r;

	if (!memcmp(&info->mac, mac, sizeof(*mac)))
		return 0;
	for (int attempt = 0;; attempt++) {
		(void)request_set(nl, info);
		mnl_attr_put(nl->req, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes);
		r = host_nl_talk(nl, NULL, NULL, err, "interface '%s': address %s", info->name,
			ether_addr_format(mac, text));
		/* -EBUSY: the driver changes it only while the interface is down. */
		if (r != -EBUSY || attempt || !info->up || set_admin(nl, info, false, err))
			break;
	}
	if (info->up && !r)
		r = set_admin(nl, info, true, err);
	return r;
}

static int set_mtu(struct host_nl *nl, const struct host_link_info *info, uint32_t mtu,
	struct err *err)
{
	int r;

	if (info->mtu == mtu)
		return 0;
	(void)request_set(nl, info);
	mnl_attr_put_u32(nl->req, IFLA_MTU, mtu);
	r = host_nl_talk(nl, NULL, NULL, err, "interface '%s': MTU %u", info->name, mtu);
	if (r == -EINVAL && info->max_mtu)
		err_hint(err, "it takes %u to %u", info->min_mtu, info->max_mtu);
	return r;
}

static int set_alias(struct host_nl *nl, const struct host_link_info *info, const char *alias,
	struct err *err)
{
	(void)request_set(nl, info);
	mnl_attr_put_str(nl->req, IFLA_IFALIAS, alias);
	return host_nl_talk(nl, NULL, NULL, err, "interface '%s': alias", info->name);
}

/* No link-local address, so that IPv6 says nothing by itself. Before the interface goes up. */
static int quiet_ipv6(struct host_nl *nl, const struct host_link_info *info, struct err *err)
{
	struct nlattr *spec, *inet6;
	int r;

	(void)request_set(nl, info);
	spec = mnl_attr_nest_start(nl->req, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nl->req, AF_INET6);
	mnl_attr_put_u8(nl->req, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nl->req, inet6);
	mnl_attr_nest_end(nl->req, spec);
	r = host_nl_talk(nl, NULL, NULL, err, "interface '%s': no IPv6 address", info->name);
	/* No IPv6 on this host, or the MTU is below its 1280: then there is nobody to be quiet. */
	if (r != -EAFNOSUPPORT)
		return r;
	err_clear(err);
	return 0;
}

static int set_flags(struct host_nl *nl, const struct host_link_info *info,
	const struct host_link_conf *conf, struct err *err)
{
	struct ifinfomsg *ifi = request_set(nl, info);

	if (conf->quiet)
		put_flag(ifi, IFF_NOARP, true);
	if (conf->promisc)
		put_flag(ifi, IFF_PROMISC, conf->promisc == HOST_LINK_PROMISC_ON);
	if (conf->admin)
		put_flag(ifi, IFF_UP, conf->admin == HOST_LINK_UP);
	if (!ifi->ifi_change)
		return 0;
	return host_nl_talk(nl, NULL, NULL, err, "interface '%s': set up", info->name);
}

/* On an open session, with the addresses parsed. */
static int apply(struct host_nl *nl, const char *name, const struct host_link_conf *conf,
	const struct addr *addrs, int n_addrs, struct err *err)
{
	struct host_link_info info;
	int r = find(nl, name, &info, err);

	if (!r && conf->alias)
		r = set_alias(nl, &info, conf->alias, err);
	if (!r && conf->mac)
		r = set_mac(nl, &info, conf->mac, err);
	if (!r && conf->mtu)
		r = set_mtu(nl, &info, conf->mtu, err);
	if (!r && conf->quiet)
		r = quiet_ipv6(nl, &info, err);
	if (!r)
		r = set_flags(nl, &info, conf, err);
	for (int i = 0; !r && i < n_addrs; i++)
		r = add_addr(nl, &info, &addrs[i], err);
	return r;
}

int host_link_set(const char *netns, const char *name, const struct host_link_conf *conf,
	struct err *err)
{
	struct addr addrs[MAX_ADDRS];
	struct host_nl *nl;
	int n = parse_addrs(conf->ip, addrs, err);
	int r = n < 0 ? n : host_nl_open(netns, &nl, err);

	if (r)
		return r;
	r = apply(nl, name, conf, addrs, n, err);
	host_nl_close(nl);
	return r;
}

int host_link_delete(const char *netns, const char *name, struct err *err)
{
	struct host_link_info info;
	struct ifinfomsg *ifi;
	struct host_nl *nl;
	int r = host_nl_open(netns, &nl, err);

	if (r)
		return r;
	r = find(nl, name, &info, err);
	if (!r) {
		ifi = host_nl_request(nl, RTM_DELLINK, 0, sizeof(*ifi));
		ifi->ifi_index = (int)info.ifindex;
		r = host_nl_talk(nl, NULL, NULL, err, "interface '%s': delete", name);
	}
	host_nl_close(nl);
	return r;
}
