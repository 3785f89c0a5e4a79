/* NICs taken and rebound on a made-up sysfs, behind which a small kernel binds drivers. */
#include "pci_bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define NIC_ADDRESS "0000:03:00.0"

static char root[32];
static char sys_dir[48], proc_dir[48], dev_dir[48];
static bool vfio_refuses;
static struct pci_bind_env env;
static struct pci_bind_nic nic;
static struct err err;

/* Building the tree */

__attribute__((format(printf, 2, 3))) static void root_path(char path[PATH_MAX], const char *fmt,
	...)
{
	int n = snprintf(path, PATH_MAX, "%s/", root);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path + n, PATH_MAX - (size_t)n, fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 1, 2))) make_dir(const char *fmt, ...)
{
	char path[PATH_MAX] = "";
	int n = snprintf(path, sizeof(path), "%s/", root);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	for (char *c = path + n; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		(void)mkdir(path, 0700);
		*c = '/';
	}
	(void)mkdir(path, 0700);
}

static void write_text(const char *file, const char *text)
{
	char path[PATH_MAX];
	FILE *out;

	root_path(path, "%s", file);
	out = fopen(path, "we");
	assert_non_null(out);
	(void)fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void make_link(const char *target, const char *file)
{
	char path[PATH_MAX];

	root_path(path, "%s", file);
	(void)unlink(path);
	if (target)
		assert_int_equal(symlink(target, path), 0);
}

/* A device with driver ("" = none) in a group (-1 = none), with one interface ("" = none). */
static void make_device(const char *address, const char *class, const char *driver, int group,
	const char *iface)
{
	char file[PATH_MAX], target[PATH_MAX];

	make_dir("sys/devices/pci0000:00/0000:00:1c.0/%s", address);
	make_dir("sys/bus/pci/devices");
	(void)snprintf(target, sizeof(target), "../../../devices/pci0000:00/0000:00:1c.0/%s",
		address);
	(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s", address);
	make_link(target, file);
	(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/class", address);
	write_text(file, class);
	(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/vendor", address);
	write_text(file, "0x8086\n");
	(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/device", address);
	write_text(file, "0x10d3\n");
	(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/driver_override", address);
	write_text(file, "(null)\n");
	if (driver[0]) {
		make_dir("sys/bus/pci/drivers/%s", driver);
		(void)snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
		(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/driver", address);
		make_link(target, file);
	}
	if (group >= 0) {
		make_dir("sys/kernel/iommu_groups/%d/devices", group);
		(void)snprintf(file, sizeof(file), "sys/kernel/iommu_groups/%d/devices/%s", group,
			address);
		make_link("..", file);
		(void)snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%d", group);
		(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/iommu_group", address);
		make_link(target, file);
	}
	if (iface[0]) {
		make_dir("sys/bus/pci/devices/%s/net/%s", address, iface);
		make_dir("sys/class/net");
		(void)snprintf(target, sizeof(target),
			"../../devices/pci0000:00/0000:00:1c.0/%s/net/%s", address, iface);
		(void)snprintf(file, sizeof(file), "sys/class/net/%s", iface);
		make_link(target, file);
	}
}

/* The small kernel: what writes to sysfs do to the links. */

static void read_override(const char *address, char *buf, size_t size)
{
	char path[PATH_MAX];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver_override", sys_dir,
		address);
	in = fopen(path, "re");
	assert_non_null(in);
	if (!fgets(buf, (int)size, in))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	(void)fclose(in);
}

static int kernel_write(void *ctx, const char *path, const char *text)
{
	char file[PATH_MAX], target[PATH_MAX], override[64];
	const char *driver = "e1000e";

	assert_memory_equal(path, root, strlen(root));
	path += strlen(root) + 1;
	if (strstr(path, "/driver_override")) {
		write_text(path, text);
		return 0;
	}
	if (strstr(path, "/driver/unbind")) {
		(void)snprintf(file, sizeof(file), "%.*s", (int)(strlen(path) - strlen("/unbind")),
			path);
		make_link(NULL, file);
		return 0;
	}
	assert_string_equal(path, "sys/bus/pci/drivers_probe");
	read_override(text, override, sizeof(override));
	if (!strcmp(override, "vfio-pci"))
		driver = vfio_refuses ? NULL : "vfio-pci";
	(void)snprintf(file, sizeof(file), "sys/bus/pci/devices/%s/driver", text);
	(void)snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s",
		driver ? driver : "");
	make_link(driver ? target : NULL, file);
	return 0;
}

static int refuse_write(void *ctx, const char *path, const char *text)
{
	return -EACCES;
}

static int set_up(void **state)
{
	(void)snprintf(root, sizeof(root), "/tmp/weft-pci-XXXXXX");
	assert_non_null(mkdtemp(root));
	(void)snprintf(sys_dir, sizeof(sys_dir), "%s/sys", root);
	(void)snprintf(proc_dir, sizeof(proc_dir), "%s/proc", root);
	(void)snprintf(dev_dir, sizeof(dev_dir), "%s/dev", root);
	vfio_refuses = false;
	err_clear(&err);
	make_dir("proc/net");
	write_text("proc/net/route", "Iface\tDestination\tGateway\n");
	make_dir("sys/bus/pci/drivers/vfio-pci");
	make_device("0000:00:1c.0", "0x060400\n", "pcieport", 7, "");
	make_device(NIC_ADDRESS, "0x020000\n", "e1000e", 7, "enp3s0");
	static struct ifaddrs none;
	env = (struct pci_bind_env){.sys = sys_dir,
		.proc = proc_dir,
		.dev = dev_dir,
		.addrs = &none,
		.write = kernel_write};
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int tear_down(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void find(void)
{
	if (pci_bind_find(&env, NIC_ADDRESS, &nic, &err))
		fail_msg("%s", err.msg);
}

static void a_card_is_found_by_any_of_its_names(void **state)
{
	static const char *const names[] = {"enp3s0", NIC_ADDRESS, "03:00.0"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(pci_bind_find(&env, names[i], &nic, &err), 0);
		assert_string_equal(nic.address, NIC_ADDRESS);
		assert_string_equal(nic.driver, "e1000e");
		assert_string_equal(nic.ifaces[0], "enp3s0");
		assert_int_equal(nic.n_ifaces, 1);
		assert_int_equal(nic.vendor, 0x8086);
		assert_int_equal(nic.class, 0x020000);
		assert_int_equal(nic.group, 7);
		assert_int_equal(nic.n_others, 0); /* the bridge above it does not count */
	}
}

static void a_name_that_is_gone_tells_what_it_can(void **state)
{
	static const struct {
		const char *dev, *address;
		bool may_be;
	} cases[] = {
		/* Of what is there the system tells. */
		{NIC_ADDRESS, NIC_ADDRESS, true},
		{"03:00.0", NIC_ADDRESS, true},
		{"0000:03:00.1", NIC_ADDRESS, false},
		{"enp3s0", NIC_ADDRESS, true},
		{"enp3s0", "0000:05:00.0", false},
		{"eth0", NIC_ADDRESS, false}, /* it is not taken, and called otherwise */
		/* Of what is gone only names by location do. */
		{"enp5s0", "0000:05:00.0", true},
		{"enp5s0", "0000:06:00.0", false},
		{"enp16s2f3", "0000:10:02.3", true},
		{"enp16s2f3", "0000:10:02.0", false},
		{"enP1p5s0", "0001:05:00.0", true},
		{"enP1p5s0", "0000:05:00.0", false},
		{"enp5s0f0np0", "0000:05:00.0", true},
		{"enp5s0f1np1", "0000:05:00.0", false},
		{"enp5s0f0v2", "0000:05:02.1", true}, /* a virtual function may be anywhere */
		{"enp5s99", "0000:05:00.0", true},
		{"eth0", "0000:05:00.0", true},
		{"", "0000:05:00.0", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (pci_bind_may_be(&env, cases[i].dev, cases[i].address) != cases[i].may_be)
			fail_msg("'%s' and %s: not %d", cases[i].dev, cases[i].address,
				cases[i].may_be);
	}
}

static void what_is_no_card_is_named(void **state)
{
	make_dir("sys/devices/virtual/net/br0");
	make_link("../../devices/virtual/net/br0", "sys/class/net/br0");
	assert_int_equal(pci_bind_find(&env, "br0", &nic, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "interface 'br0': it is no PCI device"));
	assert_int_equal(pci_bind_find(&env, "nic9", &nic, &err), -ENODEV);
	assert_int_equal(pci_bind_find(&env, "../net/br0", &nic, &err), -ENODEV);
	assert_int_equal(pci_bind_find(&env, "", &nic, &err), -ENODEV);
	assert_int_equal(pci_bind_find(&env, "0000:04:00.0", &nic, &err), -ENODEV);
	assert_string_equal(err.msg, "PCI device '0000:04:00.0' not found");
	make_device("0000:06:00.0", "0x020000\n", "mlx5_core", 10, "");
	assert_int_equal(pci_bind_find(&env, "06:00.0", &nic, &err), 0);
	assert_int_equal(pci_bind_check(&env, &nic, true, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "mlx5_core serves programs"));
	make_device("0000:05:00.0", "0x010802\n", "nvme", 8, "");
	assert_int_equal(pci_bind_find(&env, "05:00.0", &nic, &err), 0);
	assert_int_equal(pci_bind_check(&env, &nic, true, &err), -ENOTSUP);
}

static void an_interface_of_virtio_belongs_to_its_card(void **state)
{
	make_device("0000:04:00.0", "0x020000\n", "virtio-pci", 9, "");
	make_dir("sys/bus/pci/devices/0000:04:00.0/virtio3/net/eth0");
	make_link("../../devices/pci0000:00/0000:00:1c.0/0000:04:00.0/virtio3/net/eth0",
		"sys/class/net/eth0");
	assert_int_equal(pci_bind_find(&env, "eth0", &nic, &err), 0);
	assert_string_equal(nic.address, "0000:04:00.0");
	assert_string_equal(nic.ifaces[0], "eth0");
}

static int count_card(void *ctx, const struct pci_bind_nic *one)
{
	(*(unsigned *)ctx)++;
	return 0;
}

static void only_network_cards_are_listed(void **state)
{
	unsigned n = 0;

	make_device("0000:04:00.0", "0x020000\n", "", 9, "");
	make_device("0000:05:00.0", "0x010802\n", "nvme", 8, "");
	assert_int_equal(pci_bind_each(&env, count_card, &n, &err), 0);
	assert_int_equal(n, 2);
}

static void a_card_is_taken_and_given_back(void **state)
{
	char driver[PCI_BIND_NAME_SIZE];

	find();
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), 0);
	assert_int_equal(pci_bind_take(&env, &nic, &err), 0);
	find();
	assert_true(pci_bind_is_taken(&nic));
	assert_true(nic.overridden);
	assert_int_equal(pci_bind_take(&env, &nic, &err), 0); /* twice is fine */
	assert_int_equal(pci_bind_rebind(&env, NIC_ADDRESS, driver, &err), 0);
	assert_string_equal(driver, "e1000e");
	find();
	assert_false(nic.overridden);
	assert_int_equal(pci_bind_rebind(&env, NIC_ADDRESS, driver, &err), 0);
	assert_string_equal(driver, "e1000e");
}

static void a_taking_that_fails_is_undone(void **state)
{
	find();
	vfio_refuses = true;
	assert_int_equal(pci_bind_take(&env, &nic, &err), -EIO);
	assert_non_null(strstr(err.msg, "vfio-pci did not take it"));
	find();
	assert_string_equal(nic.driver, "e1000e");
	assert_false(nic.overridden);
	env.write = refuse_write;
	assert_int_equal(pci_bind_take(&env, &nic, &err), -EACCES);
	assert_non_null(strstr(err.hint, "root"));
	find();
	assert_string_equal(nic.driver, "e1000e");
}

static void what_vfio_lacks_is_named(void **state)
{
	char path[PATH_MAX];

	make_device("0000:03:00.1", "0x020000\n", "e1000e", 7, "enp3s1");
	make_device("0000:03:00.2", "0x0c0330\n", "", 7, "");
	find();
	assert_int_equal(nic.n_others, 2);
	assert_int_equal(pci_bind_check(&env, &nic, true, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "group 7 are in use: 0000:03:00.1 (e1000e)"));
	assert_null(strstr(err.msg, "03:00.2"));

	(void)snprintf(path, sizeof(path), "%s/bus/pci/devices/" NIC_ADDRESS "/iommu_group",
		sys_dir);
	assert_int_equal(unlink(path), 0);
	find();
	assert_int_equal(nic.group, -1);
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -EPERM);
	assert_non_null(strstr(err.msg, "IOMMU"));
	make_dir("sys/module/vfio/parameters");
	write_text("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -EPERM);
	write_text("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), 0);

	(void)snprintf(path, sizeof(path), "%s/bus/pci/drivers/vfio-pci", sys_dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -ENODEV);
	assert_string_equal(err.hint, "load it: 'modprobe vfio-pci'");
}

static void a_default_route_holds_the_card(void **state)
{
	struct pci_bind_use use;

	find();
	write_text("proc/net/route",
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
		"enp3s0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
	pci_bind_use(&env, &nic, &use);
	assert_false(use.default_route);
	write_text("proc/net/route",
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
		"other0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), 0);
	write_text("proc/net/route",
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
		"enp3s0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "'enp3s0' has the default route"));
	assert_int_equal(pci_bind_check(&env, &nic, true, &err), 0);

	write_text("proc/net/route", "Iface\n");
	write_text("proc/net/ipv6_route",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003   enp3s0\n");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -EBUSY);
}

static void so_does_one_of_a_bridge_on_top(void **state)
{
	make_dir("sys/class/net/br0");
	make_dir("sys/class/net/bond0");
	make_link("../bond0", "sys/class/net/enp3s0/upper_bond0");
	make_link("../br0", "sys/class/net/bond0/upper_br0");
	write_text("proc/net/route", "Iface\n"
				     "br0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	find();
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "'br0' has the default route"));
}

static struct ifaddrs *address(struct ifaddrs *entry, struct ifaddrs *next, const char *name,
	struct sockaddr_in *in, const char *text)
{
	in->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
	*entry = (struct ifaddrs){.ifa_next = next,
		.ifa_name = (char *)name,
		.ifa_flags = strcmp(name, "lo") ? IFF_UP : IFF_UP | IFF_LOOPBACK,
		.ifa_addr = (struct sockaddr *)in};
	return entry;
}

static void the_only_address_holds_the_card(void **state)
{
	struct ifaddrs lo, mine, other;
	struct sockaddr_in in[3];
	struct pci_bind_use use;

	find();
	env.addrs = address(&lo, NULL, "lo", &in[0], "127.0.0.1");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), 0);
	env.addrs = address(&mine, &lo, "enp3s0", &in[1], "169.254.3.4");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), 0);
	env.addrs = address(&mine, &lo, "enp3s0", &in[1], "192.0.2.1");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "'enp3s0' has the only address"));
	assert_int_equal(pci_bind_check(&env, &nic, true, &err), 0);
	env.addrs = address(&other, &mine, "eth1", &in[2], "198.51.100.1");
	assert_int_equal(pci_bind_check(&env, &nic, false, &err), 0);
	pci_bind_use(&env, &nic, &use);
	assert_true(use.address);
	assert_false(use.only_address);
	assert_string_equal(use.iface, "enp3s0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_card_is_found_by_any_of_its_names, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_name_that_is_gone_tells_what_it_can, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_card_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_interface_of_virtio_belongs_to_its_card, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(only_network_cards_are_listed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_card_is_taken_and_given_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_taking_that_fails_is_undone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_vfio_lacks_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_default_route_holds_the_card, set_up, tear_down),
		cmocka_unit_test_setup_teardown(so_does_one_of_a_bridge_on_top, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_only_address_holds_the_card, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
