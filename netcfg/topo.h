/**
 * topo: a lab as its file describes it, with ranges, groups, defaults and meshes resolved.
 *
 * topo_parse.c reads the top, topo_node.c images, groups and nodes, topo_port.c ports of the host,
 * topo_link.c bridges and links, topo_mirror.c mirrors, topo_step.c what is tested; the keys are
 * the tables of topo_schema.c. Nothing here asks a daemon: see state.h for what a lab has to look
 * like in the daemons, plan.h for how to get there.
 *
 * Data model: everything lives in topo->arena; pointers are borrowed from it.
 * Limits: TOPO_MAX_*.
 */
#ifndef WEFT_NETCFG_TOPO_H
#define WEFT_NETCFG_TOPO_H

#include "arena.h"
#include "ctl_vswitch.h"
#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

#define TOPO_MAX_NODES      1024
#define TOPO_MAX_NICS       26 /* of a node; vmm's limit */
#define TOPO_MAX_BRIDGES    256
#define TOPO_MAX_LINKS      8192
#define TOPO_MAX_PORTS      256
#define TOPO_MAX_IMAGES     256
#define TOPO_MAX_MIRRORS    32 /* the switch's limit */
#define TOPO_MAX_ADDRS      64 /* of a node */
#define TOPO_MAX_STEPS      256
#define TOPO_MAX_STEP_PORTS 64
#define TOPO_CMDLINE_MAX    2047 /* x86's COMMAND_LINE_SIZE, without the NUL */
#define TOPO_NAME_MAX       32
#define TOPO_LAB_NAME_MAX   40
#define TOPO_DEFAULT_MEMORY (256ull << 20)
#define TOPO_NFGUEST_MEMORY (32ull << 20)
#define TOPO_NFGUEST_NICS   8 /* that it drives */
#define TOPO_READY_TEXT     "weft-guest: ready"
#define TOPO_NFGUEST_READY  "\"ready\":1"

struct topo_image {
	const char *name;
	const char *kernel, *initrd, *disk; /* absolute paths; NULL = none */
	const char *cmdline;                /* NULL = none */
	const char *ready;                  /* console text, NULL = TOPO_READY_TEXT */
	uint32_t vcpus;                     /* 0 = not said */
	uint64_t memory_bytes;              /* 0 = not said */
	bool is_nfguest;                    /* ours, wherever it is installed; no kernel then */
};

struct topo_nic {
	bool used;    /* a link ends here */
	uint32_t mtu; /* of that link, as the file says it; 0 = it does not */
	struct diag_mark mark;
};

struct topo_node {
	const char *name;
	struct diag_mark mark;
	const struct topo_image *image;
	const char *disk;       /* absolute path, NULL = the image's */
	const char *cmdline;    /* appended to the image's, NULL = nothing */
	const char *guest_args; /* kernel arguments made from ipv4, gateway, ...; never NULL */
	const char *ready;
	uint32_t vcpus, rank;
	uint64_t memory_bytes;
	bool offload;    /* offered to the guest */
	unsigned *after; /* indices of nodes that must be ready first */
	unsigned n_after;
	unsigned n_nics; /* NIC i of nics[] is eth(i+1) */
	struct topo_nic nics[TOPO_MAX_NICS];
};

struct topo_bridge {
	const char *name;
	struct diag_mark mark;
	struct ctl_bridge conf; /* name, and what the file says */
};

/** A port of the switch that is no node's: the host, a NIC, files. */
struct topo_port {
	const char *name;
	struct diag_mark mark;
	struct ctl_port conf; /* name, type and what the type takes, complete */
	struct diag_mark ip;  /* where its addresses stand */
	bool used;            /* a link ends here */
	uint32_t mtu;         /* of that link; 0 = it does not say */
	struct diag_mark cabled;
};

/** What a cable is plugged into: a NIC of a node, or a port. */
struct topo_end {
	bool is_port;
	unsigned node, nic; /* NIC */
	unsigned port;
};

/** a is never a bridge; the other end is b (joins_ports) or a bridge. But among the patches both
 *  ends are bridges, `from` and `bridge`, and the VLANs are those of a port in each. */
struct topo_link {
	struct topo_end a, b;
	bool joins_ports;
	unsigned bridge, from;
	uint32_t mtu; /* 0 = not said */
	struct diag_mark mtu_mark;
	bool enabled;
	uint32_t vlan_mode; /* enum ctl_vlan_mode */
	uint16_t tag, native;
	struct vlan_set trunks;
	struct ctl_impair a_to_b, b_to_a; /* trimmed */
	const struct ctl_port *limits;    /* of the port at a, or in from; trimmed; NULL: none */
	const struct ctl_port *limits_b;  /* of that at b, or of a patch in bridge */
	struct diag_mark mark;
};

/** How the lab's switch is started. */
struct topo_switch {
	const char *metrics;        /* as its option takes it; NULL = none */
	uint64_t hold_memory_bytes; /* 0 = the switch's default */
};

/** Copies of frames to a port. */
struct topo_mirror {
	const char *name;
	struct diag_mark mark;
	struct ctl_mirror conf; /* complete, but for the program of the filter */
};

/** One step of a test: a command in a node, or swbench between ports. */
struct topo_step {
	const char *name;
	struct diag_mark mark;
	const char *node, *exec; /* a shell's command; NULL = none */
	const char *swbench;     /* its verb and options; NULL = none */
	unsigned ports[TOPO_MAX_STEP_PORTS], n_ports;
	unsigned timeout_s; /* 0 = the command's default */
};

struct topo {
	struct arena arena;
	const char *name;
	struct topo_image *images;
	struct topo_node *nodes;
	struct topo_bridge *bridges;
	struct topo_port *ports;
	struct topo_link *links;
	struct topo_link *patches; /* links between bridges */
	struct topo_mirror *mirrors;
	struct topo_step *steps;
	struct ctl_sflow sflow; /* what the file says of it */
	struct topo_switch sw;
	unsigned n_images, n_nodes, n_bridges, n_ports, n_links, n_patches, n_mirrors, n_steps;
	struct topo_image nfguest; /* what nodes of that kind boot */
};

/**
 * Read the file that diag names and holds. dir: where relative paths begin. check_files: kernels
 * and disks must be readable, and filters be right, which may look up names of hosts. Errors go to
 * diag; the lab is complete only if diag->n is 0.
 * returns 0, or -EINVAL with errors in diag
 */
int topo_parse(const char *dir, bool check_files, struct diag *diag, struct topo *ret_topo);
void topo_done(struct topo *topo);
/** As snprintf(): what the node's kernel is told. The node has an image. */
size_t topo_cmdline(const struct topo_node *node, char *buf, size_t size);

/** What a step of swbench may begin with; ends by NULL. */
extern const char *const topo_swbench_verbs[];

/** -1 = none of that name. */
int topo_find_node(const struct topo *topo, const char *name);
int topo_find_bridge(const struct topo *topo, const char *name);
int topo_find_port(const struct topo *topo, const char *name);

#endif
