/**
 * pci_bind: taking a NIC from the kernel for a user-space driver, and rebinding it.
 *
 * A NIC that a program drives by itself is bound to vfio-pci; its interface then vanishes from
 * the host until the NIC is rebound to the kernel's driver. This file finds the NIC, says what
 * stands in the way and what would be lost, and does it. It reads and writes sysfs; the kernel is
 * the only state.
 *
 *   kernel driver --pci_bind_take()--> vfio-pci --pci_bind_rebind()--> kernel driver
 *
 * Taking: driver_override = vfio-pci, unbind, drivers_probe. Rebinding: driver_override empty,
 * unbind, drivers_probe. Both look afterwards what became of it; a taking that failed is undone.
 *
 * VFIO hands over whole IOMMU groups: every device of the NIC's group must be without driver, on
 * vfio-pci, or a PCI bridge. Without an IOMMU (no group) vfio works only in its unsafe no-IOMMU
 * mode, in which the NIC can write to all memory.
 *
 * Threads: any; one caller per NIC.
 * Limits: a NIC has at most PCI_BIND_MAX_IFACES interfaces that are told of.
 * Source: Linux, Documentation/driver-api/vfio.rst and Documentation/ABI/testing/sysfs-bus-pci.
 */
#ifndef WEFT_LIB_PCI_BIND_H
#define WEFT_LIB_PCI_BIND_H

#include "err.h"

#include <ifaddrs.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_BIND_ADDR_SIZE  13 /* "0000:03:00.0" */
#define PCI_BIND_NAME_SIZE  32
#define PCI_BIND_MAX_IFACES 8
#define PCI_BIND_VFIO       "vfio-pci"

/** Where the system is looked for; NULL or zeroed = the real one. For tests. */
struct pci_bind_env {
	const char *sys;             /* instead of /sys */
	const char *proc;            /* instead of /proc */
	const char *dev;             /* instead of /dev */
	const struct ifaddrs *addrs; /* instead of getifaddrs() */
	/** instead of writing text to the file; returns 0 or -errno */
	int (*write)(void *ctx, const char *path, const char *text);
	void *ctx;
};

struct pci_bind_nic {
	char address[PCI_BIND_ADDR_SIZE];
	uint16_t vendor, device;         /* PCI ids */
	uint32_t class;                  /* 0x020000 = Ethernet */
	char driver[PCI_BIND_NAME_SIZE]; /* "" = none */
	bool overridden;                 /* driver_override names vfio-pci */
	int group;                       /* IOMMU group, -1 = none */
	unsigned n_ifaces;
	char ifaces[PCI_BIND_MAX_IFACES][16];
	unsigned n_others;  /* devices beside it in its group, bridges not counted */
	char blockers[128]; /* those of them that prevent vfio: "ADDR (DRIVER), ...", "" = none */
};

/** What the host would lose with the NIC. */
struct pci_bind_use {
	bool default_route; /* an interface of it, or one on top of it, leads to everywhere */
	bool address;       /* such an interface has an address beyond the link */
	bool only_address;  /* and no other interface of the host has one */
	char iface[16];     /* the one that is meant, "" = none */
};

/**
 * The NIC that dev names, by interface or by PCI address (0000:03:00.0 or 03:00.0).
 * returns  0, -ENODEV (there is none), -ENOTSUP (no PCI device), with err set
 */
int pci_bind_find(const struct pci_bind_env *env, const char *dev, struct pci_bind_nic *ret_nic,
	struct err *err);
/** Call fn for each NIC (PCI class 02) in the order of addresses; as pci_bind_find(). */
int pci_bind_each(const struct pci_bind_env *env,
	int (*fn)(void *ctx, const struct pci_bind_nic *nic), void *ctx, struct err *err);

/**
 * May dev, as in pci_bind_find(), mean the NIC at address (as in pci_bind_nic)? The name of an
 * interface is gone while the NIC is taken: then a name by location (enp5s0f1) tells, and any
 * other may have been the NIC's.
 */
bool pci_bind_may_be(const struct pci_bind_env *env, const char *dev, const char *address);

/** Is it on a driver for user space: vfio-pci, or one of the uio kind? */
bool pci_bind_is_taken(const struct pci_bind_nic *nic);
/** Does its kernel driver let programs drive it beside the kernel, so that it must not be taken? */
bool pci_bind_is_shared(const struct pci_bind_nic *nic);
/** What the host does with the NIC's interfaces now. */
void pci_bind_use(const struct pci_bind_env *env, const struct pci_bind_nic *nic,
	struct pci_bind_use *ret_use);

/**
 * May and can the NIC be taken? Each reason names itself, with what to do about it:
 *   -ENOTSUP  it is no NIC, or one that is shared as it is
 *   -ENODEV   vfio-pci is not loaded
 *   -EPERM    no IOMMU, and the unsafe mode is off
 *   -EBUSY    others in its group; or the host needs it (the latter only without force)
 * A NIC that is taken already is fine.
 */
int pci_bind_check(const struct pci_bind_env *env, const struct pci_bind_nic *nic, bool force,
	struct err *err);

/** Take it: bind it to vfio-pci. Call pci_bind_check() before. 0, -EACCES, -EIO, ... */
int pci_bind_take(const struct pci_bind_env *env, const struct pci_bind_nic *nic, struct err *err);

/**
 * Give the NIC (an address as in pci_bind_nic) back to the kernel's driver. One that is not on
 * vfio-pci is only freed of its override. ret_driver (may be NULL) is who took it.
 * returns  0, -EBUSY (a program uses it: unbinding would wait for that), -ENODEV, -EACCES, -EIO
 *          (no driver took it), with err set
 */
int pci_bind_rebind(const struct pci_bind_env *env, const char *address,
	char ret_driver[PCI_BIND_NAME_SIZE], struct err *err);

#endif
