#include "nic.h"

#include "str.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool read_attr(const struct pci_bind_env *env, const char *iface, const char *attr,
	char *buf, size_t size)
{
	char *path = str_dup_printf("%s/class/net/%s/%s", env && env->sys ? env->sys : "/sys",
		iface, attr);
	FILE *in = path ? fopen(path, "re") : NULL;
	bool ok = in && fgets(buf, (int)size, in);

	if (in)
		fclose(in);
	free(path);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

static void read_iface(const struct pci_bind_env *env, const char *name, struct nic *nic)
{
	char text[32];

	*nic = (struct nic){.is_pci = false};
	(void)str_copy(nic->name, sizeof(nic->name), name);
	if (!read_attr(env, name, "address", nic->mac, sizeof(nic->mac)))
		nic->mac[0] = '\0';
	nic->up = read_attr(env, name, "flags", text, sizeof(text)) && strtoul(text, NULL, 16) & 1;
	nic->carrier = read_attr(env, name, "carrier", text, sizeof(text)) && text[0] == '1';
	/* A driver that does not know it says -1. */
	if (read_attr(env, name, "speed", text, sizeof(text)) && text[0] != '-')
		nic->speed_mbps = (uint32_t)strtoul(text, NULL, 10);
}

static void read_pci(const struct pci_bind_env *env, struct nic *nic)
{
	nic->is_pci = true;
	pci_bind_use(env, &nic->pci, &nic->use);
	(void)pci_bind_check(env, &nic->pci, false, &nic->why);
}

struct pci_list {
	const struct pci_bind_env *env;
	int (*fn)(void *ctx, const struct nic *nic);
	void *ctx;
};

static int each_bare_pci(void *ctx, const struct pci_bind_nic *pci)
{
	struct pci_list *list = ctx;
	struct nic nic = {.pci = *pci};

	if (pci->n_ifaces)
		return 0;
	read_pci(list->env, &nic);
	return list->fn(list->ctx, &nic);
}

int nic_each(const struct pci_bind_env *env, int (*fn)(void *ctx, const struct nic *nic), void *ctx)
{
	struct pci_list list = {env, fn, ctx};
	struct dirent **entries;
	char *dir = str_dup_printf("%s/class/net", env && env->sys ? env->sys : "/sys");
	int n = dir ? scandir(dir, &entries, NULL, versionsort) : 0;
	int r = 0;

	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		struct nic nic;
		char type[8];

		/* 772 is ARPHRD_LOOPBACK; what has no type (bonding_masters) is no interface. */
		if (!r && name[0] != '.' && read_attr(env, name, "type", type, sizeof(type)) &&
			strcmp(type, "772")) {
			read_iface(env, name, &nic);
			if (!pci_bind_find(env, name, &nic.pci, NULL))
				read_pci(env, &nic);
			r = fn(ctx, &nic);
		}
		free(entries[i]);
	}
	if (n > 0)
		free(entries);
	free(dir);
	return r ? r : pci_bind_each(env, each_bare_pci, &list, NULL);
}

/* Explaining */

static void print_pci(FILE *out, const struct pci_bind_nic *pci)
{
	fprintf(out, "NIC %s (%04x:%04x)", pci->address, pci->vendor, pci->device);
	for (unsigned i = 0; i < pci->n_ifaces; i++)
		fprintf(out, "%s %s",
			i                   ? ","
			: pci->n_ifaces > 1 ? ", interfaces"
					    : ", interface",
			pci->ifaces[i]);
	fprintf(out, ", %s%s", pci->driver[0] ? "driver " : "no driver", pci->driver);
	if (pci->group >= 0)
		fprintf(out, ", IOMMU group %d", pci->group);
	fprintf(out, "\n");
}

void nic_explain_take(FILE *out, const struct pci_bind_nic *pci, const struct pci_bind_use *use)
{
	print_pci(out, pci);
	if (pci_bind_is_taken(pci)) {
		fprintf(out, "  is bound to %s already; nothing changes\n", pci->driver);
		return;
	}
	if (pci->driver[0])
		fprintf(out, "  will be unbound from %s and bound to vfio-pci, for the switch\n",
			pci->driver);
	else
		fprintf(out, "  will be bound to vfio-pci, for the switch\n");
	for (unsigned i = 0; i < pci->n_ifaces; i++)
		fprintf(out,
			"  interface %s will be gone from the host, with its addresses and "
			"routes\n",
			pci->ifaces[i]);
	if (use->default_route)
		fprintf(out, "  the host will lose its default route (%s)\n", use->iface);
	if (use->only_address)
		fprintf(out, "  the host will lose its only address (%s); connections to it end\n",
			use->iface);
	if (pci->group < 0)
		fprintf(out, "  there is no IOMMU: the NIC will be able to write to all memory of "
			     "the host\n");
	fprintf(out, "  until: `netcfg nic unbind %s`, or the next boot\n", pci->address);
}

/* Say what returning it will do. */
static void explain_rebind(FILE *out, const struct pci_bind_nic *pci)
{
	print_pci(out, pci);
	if (pci_bind_is_taken(pci))
		fprintf(out,
			"  will be unbound from %s and left to the kernel's own driver\n"
			"  its interface will be back, down and without the addresses that it "
			"had\n",
			pci->driver);
	else
		fprintf(out, "  is not bound to vfio-pci; nothing changes\n");
}

/* Doing */

int nic_take(const struct pci_bind_env *env, const char *dev, bool force, bool dry_run, FILE *out,
	struct pci_bind_nic *ret_pci, struct err *err)
{
	struct pci_bind_use use;
	int r = pci_bind_find(env, dev, ret_pci, err);

	if (!r)
		r = pci_bind_check(env, ret_pci, force, err);
	if (r)
		return r;
	pci_bind_use(env, ret_pci, &use);
	if (out)
		nic_explain_take(out, ret_pci, &use);
	if (out)
		fflush(out);
	return dry_run ? 0 : pci_bind_take(env, ret_pci, err);
}

int nic_rebind(const struct pci_bind_env *env, const char *dev, bool dry_run, FILE *out,
	struct err *err)
{
	char driver[PCI_BIND_NAME_SIZE];
	struct pci_bind_nic pci;
	int r = pci_bind_find(env, dev, &pci, err);
	bool taken;

	if (r)
		return r;
	taken = pci_bind_is_taken(&pci);
	if (out)
		explain_rebind(out, &pci);
	if (out)
		fflush(out);
	if (dry_run)
		return 0;
	r = pci_bind_rebind(env, pci.address, driver, err);
	if (r || !taken || !out || pci_bind_find(env, pci.address, &pci, err))
		return r;
	fprintf(out, "now: ");
	print_pci(out, &pci);
	return 0;
}
