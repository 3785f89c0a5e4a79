/**
 * nic: the interfaces and NICs of this host, and what taking a NIC would mean.
 *
 * What an interface is comes from /sys/class/net, what a NIC is and whether it can be taken from
 * pci_bind.h; both are looked up anew each time. A NIC that was taken has no interface and is
 * listed by its address alone.
 *
 * Threads: one.
 */
#ifndef WEFT_NETCFG_NIC_H
#define WEFT_NETCFG_NIC_H

#include "err.h"
#include "pci_bind.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct nic {
	char name[16]; /* interface, "" = a NIC without one */
	char mac[18];  /* "" = none */
	bool up;
	bool carrier;        /* false while it is down */
	uint32_t speed_mbps; /* 0 = not known */
	bool is_pci;
	struct pci_bind_nic pci;
	struct pci_bind_use use;
	struct err why; /* why the NIC cannot be taken; code 0 = it can */
};

/**
 * Call fn for each interface but loopback, then for each NIC without one, until it returns
 * nonzero. 0 or that.
 */
int nic_each(const struct pci_bind_env *env, int (*fn)(void *ctx, const struct nic *nic),
	void *ctx);

/** Say what taking the NIC will do, and what will stop working. */
void nic_explain_take(FILE *out, const struct pci_bind_nic *pci, const struct pci_bind_use *use);

/**
 * Take the NIC that dev names, after the explanation (out NULL = none); only explain with dry_run.
 * ret_nic is what it was before. 0, or as pci_bind_check() and pci_bind_take().
 */
int nic_take(const struct pci_bind_env *env, const char *dev, bool force, bool dry_run, FILE *out,
	struct pci_bind_nic *ret_pci, struct err *err);
/** Rebind it to the kernel's driver, likewise. 0, or as pci_bind_rebind(). */
int nic_rebind(const struct pci_bind_env *env, const char *dev, bool dry_run, FILE *out,
	struct err *err);

#endif
