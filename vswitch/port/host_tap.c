#include "host_tap.h"

#include "host_nl.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/if_tun.h>

#define TUN_DEV "/dev/net/tun"

/* One more queue of the tap that ifr names; the kernel fills in a name that is missing. */
static int open_queue(struct ifreq *ifr, struct err *err)
{
	int fd = open(TUN_DEV, O_RDWR | O_NONBLOCK | O_CLOEXEC), code;

	if (fd < 0) {
		code = err_set(err, -errno, TUN_DEV ": %s", strerror(errno));
		if (code == -ENOENT || code == -ENODEV)
			err_hint(err, "modprobe tun");
		host_nl_hint(err, code);
		return code;
	}
	if (ioctl(fd, TUNSETIFF, ifr) == 0)
		return fd;
	code = -errno;
	close(fd);
	(void)err_set(err, code, "tap '%s': %s", ifr->ifr_name,
		code == -EBUSY    ? "somebody else has it open"
		: code == -EINVAL ? "there is an interface of this name, and it is no such tap"
				  : strerror(-code));
	if (code == -EINVAL)
		err_hint(err, "ip -d link show %s; a multi-queue tap takes queues of its kind only",
			ifr->ifr_name);
	host_nl_hint(err, code);
	return code;
}

/* What holds for the tap as a whole, by its first queue. */
static int set_device(int fd, const struct host_tap_conf *conf, const char *name, struct err *err)
{
	const char *what = NULL;
	int r = 0;

	if (conf->has_owner && ioctl(fd, TUNSETOWNER, (unsigned long)conf->owner) < 0)
		what = "owner";
	else if (conf->persistent && ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		what = "persistent";
	if (what)
		r = err_set(err, -errno, "tap '%s': %s: %s", name, what, strerror(errno));
	return r;
}

/* What each queue is told by itself. */
static int set_queue(int fd, const struct host_tap_conf *conf, const char *name, struct err *err)
{
	int size = conf->vnet_hdr_size, little = 1;
	int r;

	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return err_set(err, -errno, "tap '%s': virtio header of %d bytes: %s", name, size,
			strerror(errno));
	if (ioctl(fd, TUNSETVNETLE, &little) < 0)
		return err_set(err, -errno, "tap '%s': little-endian headers: %s", name,
			strerror(errno));
	r = host_tap_set_offloads(fd, conf->offloads);
	if (r)
		(void)err_set(err, r, "tap '%s': offloads 0x%x: %s", name, conf->offloads,
			strerror(-r));
	return r;
}

static int check(const struct host_tap_conf *conf, struct err *err)
{
	if (conf->name && conf->name[0] && !host_link_name_ok(conf->name)) {
		(void)err_set(err, -EINVAL, "tap '%.64s': not a name of an interface", conf->name);
		err_hint(err, "1 to 15 characters, no '/', ':' or space");
		return -EINVAL;
	}
	if (!conf->n_queues || conf->n_queues > HOST_TAP_MAX_QUEUES)
		return err_set_field(err, -ERANGE, "queues", "tap: %u queues are not in 1..%d",
			conf->n_queues, HOST_TAP_MAX_QUEUES);
	return 0;
}

int host_tap_open(const struct host_tap_conf *conf, int *ret_fds,
	char ret_name[HOST_LINK_NAME_SIZE], struct err *err)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int r = check(conf, err);
	unsigned n = 0;

	if (r)
		return r;
	if (conf->n_queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	(void)str_copy(ifr.ifr_name, sizeof(ifr.ifr_name),
		conf->name && conf->name[0] ? conf->name : "tap%d");
	while (!r && n < conf->n_queues) {
		ret_fds[n] = open_queue(&ifr, err);
		if (ret_fds[n] < 0) {
			r = ret_fds[n];
			break;
		}
		if (!n)
			r = set_device(ret_fds[n], conf, ifr.ifr_name, err);
		if (!r)
			r = set_queue(ret_fds[n], conf, ifr.ifr_name, err);
		n++;
	}
	while (r && n) {
		close(ret_fds[--n]);
		ret_fds[n] = -1; /* or the caller would close somebody else's */
	}
	if (r)
		return r;
	(void)str_copy(ret_name, HOST_LINK_NAME_SIZE, ifr.ifr_name);
	return 0;
}

int host_tap_set_offloads(int fd, uint32_t offloads)
{
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0 ? -errno : 0;
}

int host_tap_set_carrier(int fd, bool up)
{
	int value = up;

	return ioctl(fd, TUNSETCARRIER, &value) < 0 ? -errno : 0;
}
