#include "pci_bind.h"

#include "str.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLASS_NETWORK    0x02
#define CLASS_PCI_BRIDGE 0x0604
#define MAX_UPPERS       4 /* a VLAN on a bond in a bridge is 3 */

/* Reading sysfs */

static const char *sys(const struct pci_bind_env *env)
{
	return env && env->sys ? env->sys : "/sys";
}

static const char *proc(const struct pci_bind_env *env)
{
	return env && env->proc ? env->proc : "/proc";
}

/* A path that is cut names nothing that could be opened. */
__attribute__((format(printf, 2, 3))) static void make_path(char path[PATH_MAX], const char *fmt,
	...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, PATH_MAX, fmt, ap);
	va_end(ap);
}

/* First line of a file, without its newline. False when it cannot be read. */
static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *in = fopen(path, "re");
	bool ok = in && fgets(buf, (int)size, in);

	if (in)
		fclose(in);
	if (!ok)
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

static uint32_t read_hex(const char *dir, const char *file)
{
	char path[PATH_MAX], text[32];

	make_path(path, "%s/%s", dir, file);
	return read_line(path, text, sizeof(text)) ? (uint32_t)strtoul(text, NULL, 16) : 0;
}

/* Last part of where the link dir/file leads; "" when there is none. */
static void read_link_name(const char *dir, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	make_path(path, "%s/%s", dir, file);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	slash = strrchr(target, '/');
	(void)str_copy(buf, size, slash ? slash + 1 : target);
}

/* DDDD:BB:DD.F in full and lower case, from that or BB:DD.F. False if text is none. */
static bool parse_address(const char *text, char ret[PCI_BIND_ADDR_SIZE])
{
	unsigned domain = 0, bus, slot, fn;
	int used = 0;

	if ((sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &fn, &used) != 4 ||
		    text[used])) {
		domain = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &fn, &used) != 3 || text[used])
			return false;
	}
	if (slot > 31 || fn > 7)
		return false;
	(void)snprintf(ret, PCI_BIND_ADDR_SIZE, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff,
		slot, fn);
	return true;
}

static void device_dir(const struct pci_bind_env *env, const char *address, char dir[PATH_MAX])
{
	make_path(dir, "%s/bus/pci/devices/%s", sys(env), address);
}

/* Call fn(ctx, name) for the entries of a directory that do not start with a dot. */
static void each_entry(const char *dir, void (*fn)(void *ctx, const char *name), void *ctx)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			fn(ctx, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* A NIC */

static void add_iface(void *ctx, const char *name)
{
	struct pci_bind_nic *nic = ctx;

	if (nic->n_ifaces < PCI_BIND_MAX_IFACES)
		(void)str_copy(nic->ifaces[nic->n_ifaces++], sizeof(nic->ifaces[0]), name);
}

struct below {
	struct pci_bind_nic *nic;
	const char *dir;
};

/* Interfaces of a device that the NIC's driver made in turn: virtio. */
static void add_ifaces_below(void *ctx, const char *name)
{
	struct below *below = ctx;
	char dir[PATH_MAX];

	if (strncmp(name, "virtio", 6))
		return;
	make_path(dir, "%s/%s/net", below->dir, name);
	each_entry(dir, add_iface, below->nic);
}

struct group {
	const struct pci_bind_env *env;
	struct pci_bind_nic *nic;
};

/* A neighbour in the IOMMU group: does it prevent vfio? As vfio_dev_driver_allowed() has it. */
static void look_at_neighbour(void *ctx, const char *address)
{
	struct group *group = ctx;
	struct pci_bind_nic *nic = group->nic;
	char dir[PATH_MAX], driver[PCI_BIND_NAME_SIZE];
	size_t len = strlen(nic->blockers);

	device_dir(group->env, address, dir);
	if (!strcmp(address, nic->address) || read_hex(dir, "class") >> 8 == CLASS_PCI_BRIDGE)
		return;
	nic->n_others++;
	read_link_name(dir, "driver", driver, sizeof(driver));
	if (!driver[0] || !strcmp(driver, PCI_BIND_VFIO) || !strcmp(driver, "pci-stub"))
		return;
	if (len + strlen(address) + strlen(driver) + 6 < sizeof(nic->blockers))
		(void)snprintf(nic->blockers + len, sizeof(nic->blockers) - len, "%s%s (%s)",
			len ? ", " : "", address, driver);
}

static void read_group(const struct pci_bind_env *env, const char *dir, struct pci_bind_nic *nic)
{
	struct group group = {env, nic};
	char number[16], members[PATH_MAX];

	read_link_name(dir, "iommu_group", number, sizeof(number));
	nic->group = isdigit((unsigned char)number[0]) ? atoi(number) : -1;
	if (nic->group < 0)
		return;
	make_path(members, "%s/kernel/iommu_groups/%d/devices", sys(env), nic->group);
	each_entry(members, look_at_neighbour, &group);
}

/* Everything about the device at address; false when there is none. */
static bool read_nic(const struct pci_bind_env *env, const char *address, struct pci_bind_nic *nic)
{
	struct below below = {nic, NULL};
	char dir[PATH_MAX], path[PATH_MAX], text[PCI_BIND_NAME_SIZE];

	*nic = (struct pci_bind_nic){.group = -1};
	device_dir(env, address, dir);
	if (access(dir, F_OK))
		return false;
	(void)str_copy(nic->address, sizeof(nic->address), address);
	nic->vendor = (uint16_t)read_hex(dir, "vendor");
	nic->device = (uint16_t)read_hex(dir, "device");
	nic->class = read_hex(dir, "class");
	read_link_name(dir, "driver", nic->driver, sizeof(nic->driver));
	make_path(path, "%s/driver_override", dir);
	nic->overridden = read_line(path, text, sizeof(text)) && !strcmp(text, PCI_BIND_VFIO);
	make_path(path, "%s/net", dir);
	each_entry(path, add_iface, nic);
	below.dir = dir;
	each_entry(dir, add_ifaces_below, &below);
	read_group(env, dir, nic);
	return true;
}

/* The PCI device under an interface: the last PCI address in the path of its class link. */
static int address_of_iface(const struct pci_bind_env *env, const char *iface,
	char ret[PCI_BIND_ADDR_SIZE], struct err *err)
{
	char link[PATH_MAX], path[PATH_MAX], *rest = path, *part;
	bool found = false;

	make_path(link, "%s/class/net/%s", sys(env), iface);
	if (!iface[0] || strchr(iface, '/') || iface[0] == '.' || !realpath(link, path)) {
		(void)err_set_field(err, -ENODEV, "dev",
			"device '%s': no interface and no PCI device", iface);
		err_hint(err, "see `netcfg nic show`");
		return -ENODEV;
	}
	while ((part = strsep(&rest, "/")))
		found |= strlen(part) == PCI_BIND_ADDR_SIZE - 1 && parse_address(part, ret);
	if (found)
		return 0;
	(void)err_set_field(err, -ENOTSUP, "dev", "interface '%s': it is no PCI device", iface);
	err_hint(err,
		"only a NIC can be taken from the kernel; share the interface: `type af-packet`");
	return -ENOTSUP;
}

int pci_bind_find(const struct pci_bind_env *env, const char *dev, struct pci_bind_nic *ret_nic,
	struct err *err)
{
	char address[PCI_BIND_ADDR_SIZE];
	int r;

	if (!parse_address(dev, address)) {
		r = address_of_iface(env, dev, address, err);
		if (r)
			return r;
	}
	if (read_nic(env, address, ret_nic))
		return 0;
	(void)err_set_field(err, -ENODEV, "dev", "PCI device '%s' not found", address);
	err_hint(err, "see `netcfg nic show`");
	return -ENODEV;
}

/* The address in a name by location. Source: systemd.net-naming-scheme(7), ID_NET_NAME_PATH. */
static bool address_in_name(const char *iface, char ret[PCI_BIND_ADDR_SIZE])
{
	unsigned domain = 0, bus, slot, function = 0;
	int len = 0, more = 0;

	if (sscanf(iface, "enP%5up%3us%2u%n", &domain, &bus, &slot, &len) != 3) {
		domain = 0;
		if (sscanf(iface, "enp%3us%2u%n", &bus, &slot, &len) != 2)
			return false;
	}
	if (sscanf(iface + len, "f%1u%n", &function, &more) == 1)
		len += more;
	/* A port of a NIC follows; anything else (a virtual function) has another address. */
	if (iface[len] && iface[len] != 'n' && iface[len] != 'd')
		return false;
	if (domain > 0xffff || bus > 0xff || slot > 0x1f || function > 7)
		return false;
	(void)snprintf(ret, PCI_BIND_ADDR_SIZE, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return true;
}

bool pci_bind_may_be(const struct pci_bind_env *env, const char *dev, const char *address)
{
	char meant[PCI_BIND_ADDR_SIZE];
	struct pci_bind_nic nic;
	int r = 0;

	if (!parse_address(dev, meant))
		r = address_of_iface(env, dev, meant, NULL);
	if (r == -ENODEV && address_in_name(dev, meant))
		r = 0;
	if (r != -ENODEV)
		return !r && !strcmp(meant, address);
	return !read_nic(env, address, &nic) || !nic.n_ifaces;
}

struct each {
	const struct pci_bind_env *env;
	int (*fn)(void *ctx, const struct pci_bind_nic *nic);
	void *ctx;
	int result;
};

static void each_nic(void *ctx, const char *address)
{
	struct each *each = ctx;
	struct pci_bind_nic nic;
	char dir[PATH_MAX];

	device_dir(each->env, address, dir);
	if (each->result || read_hex(dir, "class") >> 16 != CLASS_NETWORK)
		return;
	if (read_nic(each->env, address, &nic))
		each->result = each->fn(each->ctx, &nic);
}

int pci_bind_each(const struct pci_bind_env *env,
	int (*fn)(void *ctx, const struct pci_bind_nic *nic), void *ctx, struct err *err)
{
	struct each each = {.env = env, .fn = fn, .ctx = ctx};
	char dir[PATH_MAX];

	device_dir(env, "", dir); /* a host without PCI has none */
	each_entry(dir, each_nic, &each);
	return each.result;
}

bool pci_bind_is_taken(const struct pci_bind_nic *nic)
{
	return !strcmp(nic->driver, PCI_BIND_VFIO) || !strcmp(nic->driver, "uio_pci_generic") ||
	       !strcmp(nic->driver, "igb_uio");
}

bool pci_bind_is_shared(const struct pci_bind_nic *nic)
{
	return !strcmp(nic->driver, "mlx5_core") || !strcmp(nic->driver, "mlx4_core");
}

/* What the host does with it */

struct names {
	const struct pci_bind_env *env;
	unsigned n;
	char names[PCI_BIND_MAX_IFACES * MAX_UPPERS][16];
};

static void add_name(struct names *names, const char *name, unsigned depth);

struct uppers {
	struct names *names;
	unsigned depth;
};

static void add_upper(void *ctx, const char *entry)
{
	struct uppers *uppers = ctx;

	if (!strncmp(entry, "upper_", 6))
		add_name(uppers->names, entry + 6, uppers->depth + 1);
}

/* An interface and what stands on it: its bridge, bond, VLANs. */
static void add_name(struct names *names, const char *name, unsigned depth)
{
	struct uppers uppers = {names, depth};
	char dir[PATH_MAX];

	if (depth == MAX_UPPERS || names->n == sizeof(names->names) / sizeof(names->names[0]))
		return;
	(void)str_copy(names->names[names->n++], sizeof(names->names[0]), name);
	make_path(dir, "%s/class/net/%s", sys(names->env), name);
	each_entry(dir, add_upper, &uppers);
}

static const char *find_name(const struct names *names, const char *name)
{
	for (unsigned i = 0; i < names->n; i++)
		if (!strcmp(names->names[i], name))
			return names->names[i];
	return NULL;
}

/* Interface of a line of /proc/net/route that is a default route. */
static bool is_default_ipv4(const char *line, char iface[16])
{
	unsigned destination, mask;

	return sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", iface, &destination, &mask) == 3 &&
	       !destination && !mask;
}

/* The same of /proc/net/ipv6_route; the kernel's own unreachable route is on lo. */
static bool is_default_ipv6(const char *line, char iface[16])
{
	char destination[33];
	unsigned prefix;

	return sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %*x %15s", destination, &prefix,
		       iface) == 3 &&
	       !prefix && strspn(destination, "0") == 32 && strcmp(iface, "lo");
}

static const char *find_default_route(const struct names *names, const char *file,
	bool (*is_default)(const char *line, char iface[16]))
{
	char path[PATH_MAX], line[512], iface[16];
	const char *found = NULL;
	FILE *in;

	make_path(path, "%s/net/%s", proc(names->env), file);
	in = fopen(path, "re");
	while (in && !found && fgets(line, sizeof(line), in))
		if (is_default(line, iface))
			found = find_name(names, iface);
	if (in)
		fclose(in);
	return found;
}

/* Does it lead beyond the link? */
static bool is_global(const struct ifaddrs *addr)
{
	if (!addr->ifa_addr || addr->ifa_flags & IFF_LOOPBACK)
		return false;
	if (addr->ifa_addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr->ifa_addr;

		return ntohl(in->sin_addr.s_addr) >> 16 != 0xa9fe; /* 169.254/16 */
	}
	if (addr->ifa_addr->sa_family == AF_INET6)
		return !IN6_IS_ADDR_LINKLOCAL(
			&((const struct sockaddr_in6 *)addr->ifa_addr)->sin6_addr);
	return false;
}

static void look_at_addresses(const struct ifaddrs *addrs, const struct names *names,
	struct pci_bind_use *use)
{
	bool elsewhere = false;

	for (; addrs; addrs = addrs->ifa_next) {
		const char *name = is_global(addrs) ? find_name(names, addrs->ifa_name) : NULL;

		if (name && !use->iface[0])
			(void)str_copy(use->iface, sizeof(use->iface), name);
		use->address |= name != NULL;
		elsewhere |= !name && is_global(addrs);
	}
	use->only_address = use->address && !elsewhere;
}

void pci_bind_use(const struct pci_bind_env *env, const struct pci_bind_nic *nic,
	struct pci_bind_use *ret_use)
{
	struct names names = {.env = env};
	struct ifaddrs *addrs = NULL;
	const char *route;

	*ret_use = (struct pci_bind_use){.default_route = false};
	for (unsigned i = 0; i < nic->n_ifaces; i++)
		add_name(&names, nic->ifaces[i], 0);
	route = find_default_route(&names, "route", is_default_ipv4);
	if (!route)
		route = find_default_route(&names, "ipv6_route", is_default_ipv6);
	ret_use->default_route = route != NULL;
	if (route)
		(void)str_copy(ret_use->iface, sizeof(ret_use->iface), route);
	if (env && env->addrs) {
		look_at_addresses(env->addrs, &names, ret_use);
	} else if (!getifaddrs(&addrs)) {
		look_at_addresses(addrs, &names, ret_use);
		freeifaddrs(addrs);
	}
}

/* Taking and rebinding */

static bool vfio_is_loaded(const struct pci_bind_env *env)
{
	char path[PATH_MAX];

	make_path(path, "%s/bus/pci/drivers/" PCI_BIND_VFIO, sys(env));
	return !access(path, F_OK);
}

static bool noiommu_is_on(const struct pci_bind_env *env)
{
	char path[PATH_MAX], text[8];

	make_path(path, "%s/module/vfio/parameters/enable_unsafe_noiommu_mode", sys(env));
	return read_line(path, text, sizeof(text)) && text[0] == 'Y';
}

/* Does the host need the NIC? */
static int check_use(const struct pci_bind_env *env, const struct pci_bind_nic *nic,
	struct err *err)
{
	struct pci_bind_use use;

	pci_bind_use(env, nic, &use);
	if (!use.default_route && !use.only_address)
		return 0;
	(void)err_set_field(err, -EBUSY, "dev", "NIC '%s': interface '%s' has %s of this host",
		nic->address, use.iface,
		use.default_route ? "the default route" : "the only address");
	err_hint(err, "taking it would cut the host off; --force does it all the same");
	return -EBUSY;
}

int pci_bind_check(const struct pci_bind_env *env, const struct pci_bind_nic *nic, bool force,
	struct err *err)
{
	if (nic->class >> 16 != CLASS_NETWORK)
		return err_set_field(err, -ENOTSUP, "dev",
			"PCI device '%s': it is no NIC (class %06x)", nic->address, nic->class);
	if (pci_bind_is_taken(nic))
		return 0;
	if (pci_bind_is_shared(nic)) {
		(void)err_set(err, -ENOTSUP,
			"NIC '%s': its driver %s serves programs beside the kernel", nic->address,
			nic->driver);
		err_hint(err,
			"leave it where it is, and use it: `netcfg port add NAME type nic dev %s`",
			nic->address);
		return -ENOTSUP;
	}
	if (!vfio_is_loaded(env)) {
		(void)err_set(err, -ENODEV, "NIC '%s': the driver vfio-pci is not loaded",
			nic->address);
		err_hint(err, "load it: 'modprobe vfio-pci'");
		return -ENODEV;
	}
	if (nic->group < 0 && !noiommu_is_on(env)) {
		(void)err_set(err, -EPERM, "NIC '%s': it is behind no IOMMU", nic->address);
		err_hint(err, "boot with intel_iommu=on (AMD: on by default), or let the NIC "
			      "write to all memory: "
			      "'echo Y >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'");
		return -EPERM;
	}
	if (nic->blockers[0]) {
		(void)err_set(err, -EBUSY, "NIC '%s': others in its IOMMU group %d are in use: %s",
			nic->address, nic->group, nic->blockers);
		err_hint(err, "a group is handed over whole: take these from their drivers, too, "
			      "or use another slot");
		return -EBUSY;
	}
	return force ? 0 : check_use(env, nic, err);
}

static int write_file(const struct pci_bind_env *env, const char *path, const char *text)
{
	int fd, r = 0;

	if (env && env->write)
		return env->write(env->ctx, path, text);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Write to a file of the device, or of the bus where file starts with a slash. */
static int write_attribute(const struct pci_bind_env *env, const char *address, const char *file,
	const char *text, struct err *err)
{
	char path[PATH_MAX];
	int r;

	if (file[0] == '/')
		make_path(path, "%s%s", sys(env), file);
	else
		make_path(path, "%s/bus/pci/devices/%s/%s", sys(env), address, file);
	r = write_file(env, path, text);
	if (!r)
		return 0;
	(void)err_set(err, r, "NIC '%s': %s: %s", address, path, strerror(-r));
	if (r == -EACCES || r == -EPERM || r == -EROFS)
		err_hint(err, "only root of the host may bind drivers");
	return r;
}

static void driver_of(const struct pci_bind_env *env, const char *address,
	char driver[PCI_BIND_NAME_SIZE])
{
	char dir[PATH_MAX];

	device_dir(env, address, dir);
	read_link_name(dir, "driver", driver, PCI_BIND_NAME_SIZE);
}

/* Let go of the driver that it has, and let the bus look for the one that it shall have. */
static int rebind(const struct pci_bind_env *env, const char *address, const char *override,
	struct err *err)
{
	char driver[PCI_BIND_NAME_SIZE];
	int r = write_attribute(env, address, "driver_override", override, err);

	driver_of(env, address, driver);
	if (!r && driver[0])
		r = write_attribute(env, address, "driver/unbind", address, err);
	if (!r)
		r = write_attribute(env, address, "/bus/pci/drivers_probe", address, err);
	return r;
}

int pci_bind_take(const struct pci_bind_env *env, const struct pci_bind_nic *nic, struct err *err)
{
	char driver[PCI_BIND_NAME_SIZE];
	int r;

	if (pci_bind_is_taken(nic))
		return 0;
	r = rebind(env, nic->address, PCI_BIND_VFIO, err);
	driver_of(env, nic->address, driver);
	if (!r && strcmp(driver, PCI_BIND_VFIO)) {
		r = err_set(err, -EIO, "NIC '%s': vfio-pci did not take it", nic->address);
		err_hint(err, "dmesg says why");
	}
	if (!r)
		return 0;
	/* Undone in the same words: no override, and whoever wants it may have it. */
	(void)write_attribute(env, nic->address, "driver_override", "\n", NULL);
	if (!driver[0])
		(void)write_attribute(env, nic->address, "/bus/pci/drivers_probe", nic->address,
			NULL);
	return r;
}

/* A group that a program has open is busy; vfio-pci would wait for it inside the kernel. */
static int check_idle(const struct pci_bind_env *env, const struct pci_bind_nic *nic,
	struct err *err)
{
	char path[PATH_MAX];
	int fd;

	if (nic->group < 0)
		return 0;
	make_path(path, "%s/vfio/%d", env && env->dev ? env->dev : "/dev", nic->group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EBUSY) {
		(void)err_set(err, -EBUSY, "NIC '%s': a program uses it (%s)", nic->address, path);
		err_hint(err, "remove the port that has it: `netcfg port del NAME`");
		return -EBUSY;
	}
	return 0;
}

int pci_bind_rebind(const struct pci_bind_env *env, const char *address,
	char ret_driver[PCI_BIND_NAME_SIZE], struct err *err)
{
	char driver[PCI_BIND_NAME_SIZE];
	struct pci_bind_nic nic;
	int r = pci_bind_find(env, address, &nic, err);

	if (r)
		return r;
	if (pci_bind_is_taken(&nic)) {
		r = check_idle(env, &nic, err);
		if (!r)
			r = rebind(env, nic.address, "\n", err);
	} else if (nic.overridden) {
		r = write_attribute(env, nic.address, "driver_override", "\n", err);
	}
	driver_of(env, nic.address, driver);
	if (ret_driver)
		(void)str_copy(ret_driver, PCI_BIND_NAME_SIZE, driver);
	if (!r && !driver[0]) {
		r = err_set(err, -EIO, "NIC '%s': no driver of the kernel took it", nic.address);
		err_hint(err, "load its module; 'lspci -ks %s' names it", nic.address);
	}
	return r;
}
