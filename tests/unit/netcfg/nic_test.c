/* What is said about NICs before they are taken, and which interfaces are listed. */
#include "nic.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/weft-nic-XXXXXX";
static char sys_dir[64], proc_dir[64];
static struct pci_bind_env env;

static const struct pci_bind_nic sample = {.address = "0000:03:00.0",
	.vendor = 0x8086,
	.device = 0x10d3,
	.class = 0x020000,
	.driver = "e1000e",
	.group = 7,
	.n_ifaces = 1,
	.ifaces = {"enp3s0"}};

static void make_dir(const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void write_text(const char *file, const char *text)
{
	char path[PATH_MAX];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", root, file);
	out = fopen(path, "we");
	assert_non_null(out);
	(void)fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	static const char *const dirs[] = {"proc", "proc/net", "sys", "sys/bus", "sys/bus/pci",
		"sys/bus/pci/devices", "sys/bus/pci/devices/0000:05:00.0", "sys/class",
		"sys/class/net", "sys/class/net/lo", "sys/class/net/eth10", "sys/class/net/eth9"};
	static struct ifaddrs none;

	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dir(dirs[i]);
	(void)snprintf(sys_dir, sizeof(sys_dir), "%s/sys", root);
	(void)snprintf(proc_dir, sizeof(proc_dir), "%s/proc", root);
	env = (struct pci_bind_env){.sys = sys_dir, .proc = proc_dir, .addrs = &none};
	write_text("sys/class/net/bonding_masters", "\n");
	write_text("sys/class/net/lo/type", "772\n");
	write_text("sys/class/net/eth9/type", "1\n");
	write_text("sys/class/net/eth9/address", "02:00:00:00:00:09\n");
	write_text("sys/class/net/eth9/flags", "0x1003\n");
	write_text("sys/class/net/eth9/carrier", "1\n");
	write_text("sys/class/net/eth9/speed", "1000\n");
	write_text("sys/class/net/eth10/type", "1\n");
	write_text("sys/class/net/eth10/flags", "0x1002\n");
	write_text("sys/class/net/eth10/speed", "-1\n");
	write_text("sys/bus/pci/devices/0000:05:00.0/class", "0x020000\n");
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

struct list {
	struct nic nics[8];
	unsigned n;
};

static int note(void *ctx, const struct nic *nic)
{
	struct list *list = ctx;

	assert_true(list->n < 8);
	list->nics[list->n++] = *nic;
	return 0;
}

static void interfaces_come_first_and_then_bare_cards(void **state)
{
	struct list list = {.n = 0};

	assert_int_equal(nic_each(&env, note, &list), 0);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.nics[0].name, "eth9");
	assert_string_equal(list.nics[0].mac, "02:00:00:00:00:09");
	assert_true(list.nics[0].up && list.nics[0].carrier && !list.nics[0].is_pci);
	assert_int_equal(list.nics[0].speed_mbps, 1000);
	assert_string_equal(list.nics[1].name, "eth10");
	assert_string_equal(list.nics[1].mac, "");
	assert_false(list.nics[1].up || list.nics[1].carrier);
	assert_int_equal(list.nics[1].speed_mbps, 0);
	assert_string_equal(list.nics[2].name, "");
	assert_true(list.nics[2].is_pci);
	assert_string_equal(list.nics[2].pci.address, "0000:05:00.0");
	assert_int_equal(list.nics[2].why.code, -ENODEV); /* no vfio-pci here */
}

/* The explanation, owned. */
static char *explain_take(const struct pci_bind_nic *pci, const struct pci_bind_use *use)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	nic_explain_take(out, pci, use);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void an_explanation_says_what_is_lost(void **state)
{
	struct pci_bind_use use = {.default_route = false};
	struct pci_bind_nic pci = sample;
	char *text = explain_take(&pci, &use);

	assert_string_equal(text,
		"NIC 0000:03:00.0 (8086:10d3), interface enp3s0, driver e1000e, IOMMU group 7\n"
		"  will be unbound from e1000e and bound to vfio-pci, for the switch\n"
		"  interface enp3s0 will be gone from the host, with its addresses and routes\n"
		"  until: `netcfg nic unbind 0000:03:00.0`, or the next boot\n");
	free(text);

	use = (struct pci_bind_use){
		.default_route = true, .address = true, .only_address = true, .iface = "br0"};
	pci.group = -1;
	text = explain_take(&pci, &use);
	assert_non_null(strstr(text, "lose its default route (br0)\n"));
	assert_non_null(strstr(text, "lose its only address (br0)"));
	assert_non_null(strstr(text, "no IOMMU"));
	assert_null(strstr(text, "group"));
	free(text);
}

static void a_card_that_is_taken_changes_nothing(void **state)
{
	struct pci_bind_use use = {.default_route = false};
	struct pci_bind_nic pci = sample;
	char *text;

	(void)snprintf(pci.driver, sizeof(pci.driver), "vfio-pci");
	pci.n_ifaces = 0;
	text = explain_take(&pci, &use);
	assert_string_equal(text, "NIC 0000:03:00.0 (8086:10d3), driver vfio-pci, IOMMU group 7\n"
				  "  is bound to vfio-pci already; nothing changes\n");
	free(text);
}

static int forbid(void *ctx, const char *path, const char *text)
{
	fail_msg("'%s' written to %s", text, path);
	return -EPERM;
}

static void what_cannot_be_taken_is_left_alone(void **state)
{
	struct pci_bind_env frozen = env;
	struct pci_bind_nic pci;
	struct err err = {0};

	frozen.write = forbid;
	assert_int_equal(nic_take(&frozen, "05:00.0", true, false, NULL, &pci, &err), -ENODEV);
	assert_string_equal(err.hint, "load it: 'modprobe vfio-pci'");
	assert_int_equal(nic_take(&frozen, "eth9", true, false, NULL, &pci, &err), -ENOTSUP);
	assert_int_equal(nic_rebind(&frozen, "05:00.0", true, NULL, &err), 0); /* a dry run */
	assert_int_equal(nic_rebind(&frozen, "eth77", false, NULL, &err), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interfaces_come_first_and_then_bare_cards),
		cmocka_unit_test(an_explanation_says_what_is_lost),
		cmocka_unit_test(a_card_that_is_taken_changes_nothing),
		cmocka_unit_test(what_cannot_be_taken_is_left_alone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
