/**
 * ctl_vswitch: what one can ask of a vswitch, as field tables (see ctl_schema.h for the macros).
 *
 * Interface net.weft.vswitch. Names identify bridges, ports and links; a port's name may hold a
 * colon (`r1:eth1`). "exist_ok" and "missing_ok" make add and del idempotent: an object that exists
 * with the same settings is success, with other settings an error.
 */
#ifndef WEFT_LIB_CTL_VSWITCH_H
#define WEFT_LIB_CTL_VSWITCH_H

#include "ctl_iface.h"
#include "impair/impair_fields.h"
#include "pacing/pacing_fields.h"
#include "policer/policer_fields.h"
#include "sflow/sflow_fields.h"
#include "shaper/shaper_fields.h"
#include "storm/storm_fields.h"

enum ctl_port_type {
	CTL_PORT_VHOST_USER, /* a guest, over a Unix socket */
	CTL_PORT_NIC,        /* a NIC taken from the host, by its PCI address or name */
	CTL_PORT_AF_XDP,     /* an interface that stays the host's, by AF_XDP */
	CTL_PORT_AF_PACKET,  /* the same, by packet sockets */
	CTL_PORT_TAP,        /* an interface made on the host: the host itself is the peer */
	CTL_PORT_VETH,       /* an interface made in a network namespace */
	CTL_PORT_PCAP,       /* capture files: one replayed, one recorded */
	CTL_PORT_MEMIF,      /* another packet program, over shared memory */
	CTL_PORT_DPDK,       /* any other device of DPDK, by its arguments */
	CTL_PORT_PATCH,      /* an end of a link between bridges, which makes it */
};
/* "vhost-user" "nic" "af-xdp" "af-packet" "tap" "veth" "pcap" "memif" "dpdk" "patch" */
extern const char *const ctl_port_types[];
enum ctl_sock_mode { CTL_SOCK_SERVER, CTL_SOCK_CLIENT };
extern const char *const ctl_sock_modes[]; /* "server", "client" */
/** IEEE 802.1Q port roles in Open vSwitch's words. */
enum ctl_vlan_mode {
	CTL_VLAN_ACCESS,
	CTL_VLAN_TRUNK,
	CTL_VLAN_NATIVE_TAGGED,
	CTL_VLAN_NATIVE_UNTAGGED,
};
extern const char *const ctl_vlan_modes[]; /* "access" "trunk" "native-tagged" "native-untagged" */
enum ctl_reserved { CTL_RESERVED_FORWARD, CTL_RESERVED_DROP };
extern const char *const ctl_reserved_modes[]; /* "forward", "drop" */
enum ctl_conn_state {
	CTL_CONN_LISTENING,   /* server mode, nobody connected */
	CTL_CONN_CONNECTING,  /* client mode, retrying */
	CTL_CONN_NEGOTIATING, /* connected, rings not ready */
	CTL_CONN_RUNNING,     /* at least one ring pair runs */
	CTL_CONN_BROKEN,      /* the peer broke the protocol; being reset */
};
extern const char *const ctl_conn_states[];
enum ctl_ring_layout { CTL_RING_NONE, CTL_RING_SPLIT, CTL_RING_PACKED };
extern const char *const ctl_ring_layouts[]; /* "none" "split" "packed" */
enum ctl_fdb_type { CTL_FDB_DYNAMIC, CTL_FDB_STATIC };
extern const char *const ctl_fdb_types[]; /* "dynamic" "static" */

/** What a port counts beside its frames: see vswitch/feature/count. */
enum ctl_count_mode { CTL_COUNT_OFF, CTL_COUNT_SIZES, CTL_COUNT_VLANS, CTL_COUNT_ALL };
extern const char *const ctl_count_modes[]; /* "off" "sizes" "vlans" "all" */

/* What a new port has where neither the request nor its device says anything. */
#define CTL_DEFAULT_MTU 9216

/* ---- switch ---- */
/* rx_frames + copies = tx_frames + dropped + held, where held frames wait until they are due. */
#define CTL_SWITCH_FIELDS(F, T)                                                                  \
	F(T, STR, version, OPT, 0, 31, "", "program version")                                    \
	F(T, U32, pid, OPT, 0, UINT32_MAX, "", "process id")                                     \
	F(T, U64, uptime_s, OPT, 0, UINT64_MAX, "s", "seconds since start", CTL_GAUGE)           \
	F(T, U32, workers, OPT, 0, 256, "", "packet threads", CTL_GAUGE)                         \
	F(T, U32, bridges, OPT, 0, UINT32_MAX, "", "number of bridges", CTL_GAUGE)               \
	F(T, U32, ports, OPT, 0, UINT32_MAX, "", "number of ports", CTL_GAUGE)                   \
	F(T, U32, links, OPT, 0, UINT32_MAX, "", "number of links", CTL_GAUGE)                   \
	F(T, U32, fdb_entries, OPT, 0, UINT32_MAX, "", "addresses in the forwarding database",   \
		CTL_GAUGE)                                                                       \
	F(T, U32, fdb_max, OPT, 0, UINT32_MAX, "", "addresses that it can hold", CTL_GAUGE)      \
	F(T, U64, rx_frames, OPT, 0, UINT64_MAX, "frames",                                       \
		"received since start, from ports gone too", CTL_COUNTER)                        \
	F(T, U64, copies, OPT, 0, UINT64_MAX, "frames",                                          \
		"added by flooding, segmentation, duplication and injection", CTL_COUNTER)       \
	F(T, U64, tx_frames, OPT, 0, UINT64_MAX, "frames",                                       \
		"delivered since start, to ports gone too", CTL_COUNTER)                         \
	F(T, U64, dropped, OPT, 0, UINT64_MAX, "frames", "not delivered, see drops of ports",    \
		CTL_COUNTER)                                                                     \
	F(T, U64, held, OPT, 0, UINT64_MAX, "frames", "received + copies - delivered - dropped", \
		CTL_GAUGE)                                                                       \
	F(T, U64, learn_events_lost, OPT, 0, UINT64_MAX, "",                                     \
		"reports of new addresses that did not reach control: their frames flood",       \
		CTL_COUNTER)                                                                     \
	F(T, U64, learn_events_limited, OPT, 0, UINT64_MAX, "",                                  \
		"new addresses that were not learned, for a limit", CTL_COUNTER)                 \
	F(T, U64, punts_lost, OPT, 0, UINT64_MAX, "frames",                                      \
		"copies of frames, such as samples, that did not reach control", CTL_COUNTER)    \
	F(T, U64, injected, OPT, 0, UINT64_MAX, "frames",                                        \
		"that the switch put in at ports or sent by itself; copies, too", CTL_COUNTER)
CTL_STRUCT(ctl_switch, CTL_SWITCH_FIELDS);

/* ---- worker ---- */
#define CTL_WORKER_FIELDS(F, T)                                                                  \
	F(T, U32, worker, OPT, 0, 255, "", "number of the packet thread",                        \
		CTL_COLUMN(1, "WORKER", BRIEF), CTL_LABEL)                                       \
	F(T, U32, cpu, OPT, 0, UINT32_MAX, "", "CPU that it is pinned to; absent = none",        \
		CTL_COLUMN(2, "CPU", BRIEF))                                                     \
	F(T, U32, busy, OPT, 0, 100, "%", "part of the last second that it spent on frames",     \
		CTL_COLUMN(3, "BUSY", BRIEF), CTL_GAUGE)                                         \
	F(T, U32, rings, OPT, 0, UINT32_MAX, "", "queues of ports that it takes frames from",    \
		CTL_COLUMN(4, "QUEUES", BRIEF), CTL_GAUGE)                                       \
	F(T, U64, frames_per_s, OPT, 0, UINT64_MAX, "frames/s", "taken in the last second",      \
		CTL_COLUMN(5, "FRAMES/S", BRIEF))                                                \
	F(T, U64, frames, OPT, 0, UINT64_MAX, "frames", "taken since start",                     \
		CTL_COLUMN(6, "FRAMES", TABLE), CTL_COUNTER)                                     \
	F(T, U64, moves, OPT, 0, UINT64_MAX, "", "queues given to it to balance the load, ever", \
		CTL_COLUMN(7, "MOVES", TABLE), CTL_COUNTER)
CTL_STRUCT(ctl_worker, CTL_WORKER_FIELDS);

/* ---- bridge ---- */
/* ageing: IEEE 802.1Q-2018, table 8-6 "Ageing time parameter values" */
#define CTL_BRIDGE_FIELDS(F, T)                                                                  \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "bridge name", CTL_COLUMN(1, "BRIDGE", BRIEF), \
		CTL_LABEL)                                                                       \
	F(T, U32, ageing_s, OPT, 0, 1000000, "s",                                                \
		"idle time after which a learned address goes; 0 = never", .def = "300",         \
		.lab = "ageing", CTL_COLUMN(4, "AGEING", TABLE))                                 \
	F(T, VLANS, vlans, OPT, 0, 0, "", "VLANs that exist on the bridge", .def = "all",        \
		.lab = "vlans", CTL_COLUMN(5, "VLANS", TABLE))                                   \
	F(T, ENUM, reserved, OPT, 0, 0, ctl_reserved_modes, "frames to 01:80:c2:00:00:00-0f",    \
		.def = "drop", .lab = "reserved", CTL_COLUMN(6, "RESERVED", TABLE))              \
	F(T, U32, fdb_max, OPT, 1, 1048576, "", "most addresses learned on this bridge",         \
		.def = "65536", CTL_GAUGE)                                                       \
	F(T, BOOL, exist_ok, ASK, 0, 1, "", "no error when it exists already")                   \
	F(T, U32, ports, SHOW, 0, UINT32_MAX, "", "number of ports",                             \
		CTL_COLUMN(2, "PORTS", BRIEF), CTL_GAUGE)                                        \
	F(T, U32, fdb_entries, SHOW, 0, UINT32_MAX, "", "addresses known",                       \
		CTL_COLUMN(3, "ADDRESSES", BRIEF), CTL_GAUGE)
CTL_STRUCT(ctl_bridge, CTL_BRIDGE_FIELDS);

/* A name to delete or to show; empty set = all. */
#define CTL_REF_FIELDS(F, T)                                          \
	F(T, STR, name, OPT, 1, 127, "", "object name; absent = all") \
	F(T, BOOL, missing_ok, ASK, 0, 1, "", "no error when it does not exist")
CTL_STRUCT(ctl_ref, CTL_REF_FIELDS);

/* ---- what features of the switch can be told: vswitch/feature ---- */
enum ctl_impair_distribution {
	CTL_IMPAIR_UNIFORM,
	CTL_IMPAIR_NORMAL,
	CTL_IMPAIR_PARETO,
	CTL_IMPAIR_PARETONORMAL,
};
extern const char *const ctl_impair_distributions[];

CTL_STRUCT(ctl_impair, IMPAIR_FIELDS);

CTL_STRUCT(ctl_pacing, PACING_FIELDS);

enum ctl_policer_action { CTL_POLICER_PASS, CTL_POLICER_REMARK, CTL_POLICER_DROP };
extern const char *const ctl_policer_actions[]; /* "pass", "remark", "drop" */

CTL_STRUCT(ctl_policer, POLICER_FIELDS);

enum ctl_shaper_class { CTL_SHAPER_PCP, CTL_SHAPER_DSCP };
extern const char *const ctl_shaper_classes[]; /* "pcp", "dscp" */
enum ctl_shaper_scheduler { CTL_SHAPER_STRICT, CTL_SHAPER_DRR };
extern const char *const ctl_shaper_schedulers[]; /* "strict", "drr" */

CTL_STRUCT(ctl_shaper, SHAPER_FIELDS);

enum ctl_storm_action { CTL_STORM_DROP, CTL_STORM_SHUT };
extern const char *const ctl_storm_actions[]; /* "drop", "shut" */

CTL_STRUCT(ctl_storm, STORM_FIELDS);

/* ---- port ---- */
#define CTL_ON(type) (1u << CTL_PORT_##type)
#define CTL_PORT_FIELDS(F, T)                                                                      \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF),       \
		CTL_LABEL)                                                                         \
	F(T, STR, bridge, OPT, 0, CTL_NAME_MAX, "", "bridge that it belongs to; empty = none",     \
		CTL_COLUMN(5, "BRIDGE", BRIEF))                                                    \
	F(T, ENUM, type, NEW, 0, 0, ctl_port_types, "port type", .def = "vhost-user",              \
		.made = CTL_ON(PATCH), .lab = "type", CTL_COLUMN(2, "TYPE", TABLE))                \
	F(T, STR, path, NEW, 1, CTL_PATH_MAX, "", "Unix socket",                                   \
		.types = CTL_ON(VHOST_USER) | CTL_ON(MEMIF), .is_path = true, .lab = "path",       \
		CTL_COLUMN(12, "ENDPOINT", NAMED))                                                 \
	F(T, ENUM, mode, NEW, 0, 0, ctl_sock_modes, "who listens: server = the switch",            \
		.types = CTL_ON(VHOST_USER) | CTL_ON(MEMIF), .def = "server", .lab = "mode",       \
		CTL_COLUMN(11, "MODE", NAMED))                                                     \
	F(T, STR, dev, NEW, 1, 63, "",                                                             \
		"interface or PCI address to take, or name of the interface to make",              \
		.types = CTL_ON(NIC) | CTL_ON(AF_XDP) | CTL_ON(AF_PACKET) | CTL_ON(TAP) |          \
			 CTL_ON(VETH),                                                             \
		.lab = "dev")                                                                      \
	F(T, STR, devargs, NEW, 1, 255, "", "device arguments as DPDK takes them",                 \
		.types = CTL_ON(DPDK), .lab = "devargs")                                           \
	F(T, MAC, mac, NEW, 0, 0, "", "address of the host's side, or of a veth's peer",           \
		.types = CTL_ON(TAP) | CTL_ON(VETH), .lab = "mac")                                 \
	F(T, STR, owner, NEW, 1, 63, "",                                                           \
		"USER who may open the interface, or USER[:GROUP] who gets the socket",            \
		.types = CTL_ON(VHOST_USER) | CTL_ON(TAP), .lab = "owner")                         \
	F(T, STR, socket_mode, NEW, 1, 4, "", "mode of the socket's file, such as 0660",           \
		.types = CTL_ON(VHOST_USER), .lab = "socket-mode")                                 \
	F(T, STR, ip, NEW, 1, 63, "", "ADDRESS/PREFIX put on the host's side, or a veth's peer",   \
		.types = CTL_ON(TAP) | CTL_ON(VETH), .lab = "ip")                                  \
	F(T, STR, netns, NEW, 1, CTL_PATH_MAX, "", "network namespace, name or path",              \
		.types = CTL_ON(VETH), .lab = "netns")                                             \
	F(T, STR, peer, NEW, 1, CTL_IFNAME_MAX, "", "interface made in the namespace",             \
		.types = CTL_ON(VETH), .lab = "peer")                                              \
	F(T, STR, rx_file, NEW, 1, CTL_FILE_MAX, "", "capture file replayed into the switch",      \
		.types = CTL_ON(PCAP), .is_path = true, .lab = "rx-file")                          \
	F(T, STR, tx_file, NEW, 1, CTL_FILE_MAX, "", "capture file of what the switch sends",      \
		.types = CTL_ON(PCAP), .is_path = true, .lab = "tx-file")                          \
	F(T, BOOL, loop, NEW, 0, 1, "", "replay for ever", .types = CTL_ON(PCAP), .def = "off",    \
		.lab = "loop")                                                                     \
	F(T, U32, memif_id, NEW, 0, UINT32_MAX, "", "number of the interface on its socket",       \
		.types = CTL_ON(MEMIF), .def = "0", .lab = "memif-id")                             \
	F(T, BOOL, rebind, NEW, 0, 1, "",                                                          \
		"return the NIC to the kernel's driver when the port goes", .types = CTL_ON(NIC),  \
		.def = "off", .lab = "rebind")                                                     \
	F(T, ENUM, vlan_mode, OPT, 0, 0, ctl_vlan_modes,                                           \
		"VLAN role (default from tag, trunks, native)", CTL_COLUMN(6, "VLAN", BRIEF))      \
	F(T, U16, tag, OPT, 0, 4094, "", "access VLAN; 0 removes it")                              \
	F(T, VLANS, trunks, OPT, 0, 0, "", "VLANs carried tagged")                                 \
	F(T, U16, native, OPT, 0, 4094, "", "VLAN of untagged frames on a trunk; 0 removes it")    \
	F(T, BOOL, enabled, OPT, 0, 1, "", "administrative state", .def = "on", CTL_GAUGE)         \
	F(T, U32, mtu, OPT, 68, 65535, "bytes",                                                    \
		"largest layer-3 packet (default " CTL_TEXT(                                       \
			CTL_DEFAULT_MTU) "; its device's, if smaller)",                            \
		CTL_COLUMN(7, "MTU", TABLE), CTL_GAUGE)                                            \
	F(T, U16, queues, NEW, 1, 16, "", "most queue pairs", .def = "16", .lab = "queues")        \
	F(T, U32, fdb_max, OPT, 0, 1048576, "",                                                    \
		"most addresses learned on this port; 0 = the bridge's limit", .def = "0")         \
	F(T, ENUM, count, OPT, 0, 0, ctl_count_modes, "count frames by size, by VLAN or both",     \
		.def = "off", .lab = "count")                                                      \
	F(T, MSG, in, OPT, 0, 0, ctl_impair, "impairment of what the switch gets from the port")   \
	F(T, MSG, out, OPT, 0, 0, ctl_impair, "impairment of what the port gets")                  \
	F(T, MSG, pacing, OPT, 0, 0, ctl_pacing, "rate that the port is slowed down to")           \
	F(T, MSG, policer, OPT, 0, 0, ctl_policer, "limit of what the switch takes from the port") \
	F(T, MSG, shaper, OPT, 0, 0, ctl_shaper, "rate and queues of what the port gets")          \
	F(T, MSG, storm_control, OPT, 0, 0, ctl_storm, "limits of what the port sends to all")     \
	F(T, BOOL, exist_ok, ASK, 0, 1, "", "no error when it exists already")                     \
	F(T, BOOL, replace, ASK, 0, 1, "",                                                         \
		"of an impairment that is set, what it does not name goes to its default")         \
	F(T, STR, link, SHOW, 0, CTL_NAME_MAX, "", "link that it is an end of")                    \
	F(T, BOOL, carrier, SHOW, 0, 1, "", "link is up towards the guest",                        \
		CTL_COLUMN(4, "CARRIER", BRIEF), CTL_GAUGE)                                        \
	F(T, ENUM, state, SHOW, 0, 0, ctl_conn_states, "connection state",                         \
		CTL_COLUMN(3, "STATE", BRIEF), CTL_GAUGE)                                          \
	F(T, ENUM, rings, SHOW, 0, 0, ctl_ring_layouts, "ring layout in use",                      \
		CTL_COLUMN(8, "RINGS", NAMED))                                                     \
	F(T, U16, queue_pairs, SHOW, 0, 256, "", "queue pairs that run",                           \
		CTL_COLUMN(9, "QUEUES", NAMED), CTL_GAUGE)                                         \
	F(T, U64, features, SHOW, 0, UINT64_MAX, "", "virtio features in use")                     \
	F(T, STR, driver, SHOW, 0, 31, "", "driver that serves the device")                        \
	F(T, U32, speed, SHOW, 0, UINT32_MAX, "Mbit/s", "speed of the line",                       \
		CTL_COLUMN(10, "SPEED", IF_ANY), CTL_GAUGE)                                        \
	F(T, U64, connects, SHOW, 0, UINT64_MAX, "", "times a peer connected", CTL_COUNTER)        \
	F(T, STR, last_error, SHOW, 0, 255, "", "why the last connection ended",                   \
		CTL_COLUMN(13, "ERROR", NOTE))                                                     \
	F(T, STR, shut_reason, SHOW, 0, 127, "", "why the switch disabled the port",               \
		CTL_COLUMN(14, "DISABLED", NOTE))
CTL_STRUCT(ctl_port, CTL_PORT_FIELDS);

/*
 * Counters: rx = received from the guest by the switch, tx = delivered to the guest. Over all ports
 * rx_frames + copies = tx_frames + rx_dropped + tx_dropped + frames held (ctl_switch). Columns have
 * the words of the IF-MIB.
 */
#define CTL_PORT_STATS_FIELDS(F, T)                                                                \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF),       \
		CTL_LABEL)                                                                         \
	F(T, U64, rx_frames, OPT, 0, UINT64_MAX, "frames", "received from the port",               \
		CTL_COLUMN(3, "IN-FRAMES", BRIEF), CTL_COUNTER)                                    \
	F(T, U64, rx_bytes, OPT, 0, UINT64_MAX, "bytes", "received, without frame check sequence", \
		CTL_COLUMN(2, "IN-OCTETS", TABLE), CTL_COUNTER)                                    \
	F(T, U64, rx_multicast, OPT, 0, UINT64_MAX, "frames", "received to group addresses",       \
		CTL_COLUMN(4, "IN-MCAST", NAMED), CTL_COUNTER)                                     \
	F(T, U64, rx_broadcast, OPT, 0, UINT64_MAX, "frames", "received to the broadcast address", \
		CTL_COLUMN(5, "IN-BCAST", NAMED), CTL_COUNTER)                                     \
	F(T, U64, rx_dropped, OPT, 0, UINT64_MAX, "frames", "received and dropped, see drops",     \
		CTL_COLUMN(6, "IN-DROPS", BRIEF), CTL_COUNTER)                                     \
	F(T, U64, tx_frames, OPT, 0, UINT64_MAX, "frames", "delivered to the port",                \
		CTL_COLUMN(8, "OUT-FRAMES", BRIEF), CTL_COUNTER)                                   \
	F(T, U64, tx_bytes, OPT, 0, UINT64_MAX, "bytes",                                           \
		"delivered, without frame check sequence", CTL_COLUMN(7, "OUT-OCTETS", TABLE),     \
		CTL_COUNTER)                                                                       \
	F(T, U64, tx_multicast, OPT, 0, UINT64_MAX, "frames", "delivered to group addresses",      \
		CTL_COLUMN(9, "OUT-MCAST", NAMED), CTL_COUNTER)                                    \
	F(T, U64, tx_broadcast, OPT, 0, UINT64_MAX, "frames",                                      \
		"delivered to the broadcast address", CTL_COLUMN(10, "OUT-BCAST", NAMED),          \
		CTL_COUNTER)                                                                       \
	F(T, U64, tx_dropped, OPT, 0, UINT64_MAX, "frames", "not delivered, see drops",            \
		CTL_COLUMN(11, "OUT-DROPS", BRIEF), CTL_COUNTER)                                   \
	F(T, U64, copies, OPT, 0, UINT64_MAX, "frames",                                            \
		"added by flooding, segmentation and duplication", CTL_COUNTER)                    \
	F(T, U64, rx_unicast, OPT, 0, UINT64_MAX, "frames", "received to one host's address",      \
		CTL_COLUMN(12, "IN-UCAST", NAMED), CTL_COUNTER)                                    \
	F(T, U64, rx_errors, OPT, 0, UINT64_MAX, "frames",                                         \
		"received and dropped for what was wrong with them",                               \
		CTL_COLUMN(13, "IN-ERRORS", NAMED), CTL_COUNTER)                                   \
	F(T, U64, tx_unicast, OPT, 0, UINT64_MAX, "frames", "delivered to one host's address",     \
		CTL_COLUMN(14, "OUT-UCAST", NAMED), CTL_COUNTER)                                   \
	F(T, U64, tx_errors, OPT, 0, UINT64_MAX, "frames",                                         \
		"not delivered for what was wrong with them or the port's ring",                   \
		CTL_COLUMN(15, "OUT-ERRORS", NAMED), CTL_COUNTER)
CTL_STRUCT(ctl_port_stats, CTL_PORT_STATS_FIELDS);

/* What they grew by a second, over the last second and the last ten. */
#define CTL_PORT_RATES_FIELDS(F, T)                                                                \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF))       \
	F(T, U64, rx_bits_1s, OPT, 0, UINT64_MAX, "bit/s", "received in the last second",          \
		CTL_COLUMN(2, "IN-BIT/S", BRIEF))                                                  \
	F(T, U64, rx_frames_1s, OPT, 0, UINT64_MAX, "frames/s", "received in the last second",     \
		CTL_COLUMN(3, "IN-FR/S", BRIEF))                                                   \
	F(T, U64, tx_bits_1s, OPT, 0, UINT64_MAX, "bit/s", "delivered in the last second",         \
		CTL_COLUMN(4, "OUT-BIT/S", BRIEF))                                                 \
	F(T, U64, tx_frames_1s, OPT, 0, UINT64_MAX, "frames/s", "delivered in the last second",    \
		CTL_COLUMN(5, "OUT-FR/S", BRIEF))                                                  \
	F(T, U64, drops_1s, OPT, 0, UINT64_MAX, "frames/s",                                        \
		"dropped in the last second, in both directions", CTL_COLUMN(6, "DROPS/S", BRIEF)) \
	F(T, U64, rx_bits_10s, OPT, 0, UINT64_MAX, "bit/s", "received, over ten seconds",          \
		CTL_COLUMN(7, "IN-10S", TABLE))                                                    \
	F(T, U64, rx_frames_10s, OPT, 0, UINT64_MAX, "frames/s", "received, over ten seconds",     \
		CTL_COLUMN(9, "IN-FR-10S", NAMED))                                                 \
	F(T, U64, tx_bits_10s, OPT, 0, UINT64_MAX, "bit/s", "delivered, over ten seconds",         \
		CTL_COLUMN(8, "OUT-10S", TABLE))                                                   \
	F(T, U64, tx_frames_10s, OPT, 0, UINT64_MAX, "frames/s", "delivered, over ten seconds",    \
		CTL_COLUMN(10, "OUT-FR-10S", NAMED))                                               \
	F(T, U64, drops_10s, OPT, 0, UINT64_MAX, "frames/s", "dropped, over ten seconds",          \
		CTL_COLUMN(11, "DROPS-10S", NAMED))
CTL_STRUCT(ctl_port_rates, CTL_PORT_RATES_FIELDS);

/* Queues of the port's shaper. */
#define CTL_PORT_QUEUE_FIELDS(F, T)                                                                \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF))       \
	F(T, U16, queue, OPT, 0, 7, "", "queue; 7 is served first", CTL_COLUMN(2, "QUEUE", BRIEF)) \
	F(T, U64, held, OPT, 0, UINT64_MAX, "frames", "frames that wait",                          \
		CTL_COLUMN(3, "HELD", BRIEF))                                                      \
	F(T, U32, limit, OPT, 0, UINT32_MAX, "frames", "that wait at most; absent = memory only",  \
		CTL_COLUMN(4, "LIMIT", TABLE))                                                     \
	F(T, U64, frames, OPT, 0, UINT64_MAX, "frames", "that went on",                            \
		CTL_COLUMN(5, "FRAMES", BRIEF))                                                    \
	F(T, U64, bytes, OPT, 0, UINT64_MAX, "bytes", "of these", CTL_COLUMN(6, "OCTETS", TABLE))  \
	F(T, U64, dropped, OPT, 0, UINT64_MAX, "frames", "dropped for the limit or the memory",    \
		CTL_COLUMN(7, "DROPS", BRIEF))
CTL_STRUCT(ctl_port_queue, CTL_PORT_QUEUE_FIELDS);

/* Of ports that count them: by size, in the classes of RFC 2819, and by VLAN. */
#define CTL_PORT_SIZE_FIELDS(F, T)                                                           \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF), \
		CTL_LABEL)                                                                   \
	F(T, STR, direction, OPT, 2, 2, "", "rx or tx, seen from the switch",                \
		CTL_COLUMN(2, "DIRECTION", BRIEF), CTL_LABEL)                                \
	F(T, STR, size, OPT, 1, 15, "", "bytes on a wire, with frame check sequence",        \
		CTL_COLUMN(3, "SIZE", BRIEF), CTL_LABEL)                                     \
	F(T, U64, frames, OPT, 0, UINT64_MAX, "frames", "frames of that size",               \
		CTL_COLUMN(4, "FRAMES", BRIEF), CTL_COUNTER)
CTL_STRUCT(ctl_port_size, CTL_PORT_SIZE_FIELDS);

/* What workers received from each queue of a port that runs. */
#define CTL_PORT_RX_QUEUE_FIELDS(F, T)                                                       \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF), \
		CTL_LABEL)                                                                   \
	F(T, U32, queue, OPT, 0, 255, "", "number of the queue pair, from 0",                \
		CTL_COLUMN(2, "QUEUE", BRIEF), CTL_LABEL)                                    \
	F(T, U64, frames, OPT, 0, UINT64_MAX, "frames", "received from the queue",           \
		CTL_COLUMN(3, "IN-FRAMES", BRIEF), CTL_COUNTER)
CTL_STRUCT(ctl_port_rx_queue, CTL_PORT_RX_QUEUE_FIELDS);

#define CTL_PORT_VLAN_FIELDS(F, T)                                                                 \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "port name", CTL_COLUMN(1, "PORT", BRIEF),       \
		CTL_LABEL)                                                                         \
	F(T, U16, vlan, OPT, 0, 4095, "", "VLAN; 0 = none", CTL_COLUMN(2, "VLAN", BRIEF),          \
		CTL_LABEL)                                                                         \
	F(T, U64, rx_frames, OPT, 0, UINT64_MAX, "frames", "received from the port",               \
		CTL_COLUMN(4, "IN-FRAMES", BRIEF), CTL_COUNTER)                                    \
	F(T, U64, rx_bytes, OPT, 0, UINT64_MAX, "bytes", "received, without frame check sequence", \
		CTL_COLUMN(3, "IN-OCTETS", TABLE), CTL_COUNTER)                                    \
	F(T, U64, tx_frames, OPT, 0, UINT64_MAX, "frames", "sent to the port",                     \
		CTL_COLUMN(6, "OUT-FRAMES", BRIEF), CTL_COUNTER)                                   \
	F(T, U64, tx_bytes, OPT, 0, UINT64_MAX, "bytes", "sent, without frame check sequence",     \
		CTL_COLUMN(5, "OUT-OCTETS", TABLE), CTL_COUNTER)
CTL_STRUCT(ctl_port_vlan, CTL_PORT_VLAN_FIELDS);

#define CTL_DROP_FIELDS(F, T)                                                                   \
	F(T, STR, port, REQ, 1, CTL_NAME_MAX, "",                                               \
		"port that the frame came from or was meant for", CTL_COLUMN(1, "PORT", BRIEF), \
		CTL_LABEL)                                                                      \
	F(T, STR, direction, OPT, 2, 2, "", "rx or tx, seen from the switch",                   \
		CTL_COLUMN(2, "DIRECTION", BRIEF), CTL_LABEL)                                   \
	F(T, STR, reason, OPT, 1, 63, "", "name of the drop reason",                            \
		CTL_COLUMN(3, "REASON", BRIEF), CTL_LABEL)                                      \
	F(T, U64, frames, OPT, 0, UINT64_MAX, "frames", "frames dropped",                       \
		CTL_COLUMN(4, "FRAMES", BRIEF), CTL_COUNTER)                                    \
	F(T, STR, help, OPT, 0, 127, "", "what the reason means", CTL_COLUMN(5, "MEANING", TABLE))
CTL_STRUCT(ctl_drop, CTL_DROP_FIELDS);

/* ---- vlan ---- */
#define CTL_VLAN_FIELDS(F, T)                                                                    \
	F(T, STR, bridge, OPT, 1, CTL_NAME_MAX, "", "bridge")                                    \
	F(T, STR, port, OPT, 1, CTL_NAME_MAX, "", "port")                                        \
	F(T, VLANS, vlans, OPT, 0, 0, "", "VLANs")                                               \
	F(T, STR, name, OPT, 0, 32, "", "what people call the VLAN (with one VLAN of a bridge)") \
	F(T, BOOL, pvid, SHOW, 0, 1, "", "untagged frames of the port belong to it")             \
	F(T, BOOL, tagged, SHOW, 0, 1, "", "frames leave the port with a tag")
CTL_STRUCT(ctl_vlan, CTL_VLAN_FIELDS);

/* ---- fdb ---- */
#define CTL_FDB_FIELDS(F, T)                                                          \
	F(T, STR, bridge, REQ, 1, CTL_NAME_MAX, "", "bridge")                         \
	F(T, U16, vlan, OPT, 0, 4094, "", "VLAN; 0 = the one of frames without VLAN") \
	F(T, MAC, mac, OPT, 0, 0, "", "address")                                      \
	F(T, STR, port, OPT, 1, CTL_NAME_MAX, "", "port")                             \
	F(T, ENUM, type, OPT, 0, 0, ctl_fdb_types, "how it got there")                \
	F(T, U32, age_s, SHOW, 0, UINT32_MAX, "s", "seconds since last seen")         \
	F(T, BOOL, exist_ok, ASK, 0, 1, "", "no error when it exists already")        \
	F(T, BOOL, missing_ok, ASK, 0, 1, "", "no error when it does not exist")
CTL_STRUCT(ctl_fdb, CTL_FDB_FIELDS);

#define CTL_COUNT_FIELDS(F, T) F(T, U64, count, OPT, 0, UINT64_MAX, "", "objects affected")
CTL_STRUCT(ctl_count, CTL_COUNT_FIELDS);

/* ---- link: what joins two ports, or two bridges by a patch port in each ---- */
#define CTL_LINK_FIELDS(F, T)                                                                   \
	F(T, STR, name, REQ, 1, 127, "", "link name; set also takes the name of either port",   \
		CTL_LABEL)                                                                      \
	F(T, STR, a, NEW, 1, CTL_NAME_MAX, "", "one port or bridge", CTL_LABEL)                 \
	F(T, STR, b, NEW, 1, CTL_NAME_MAX, "", "the other", CTL_LABEL)                          \
	F(T, BOOL, enabled, OPT, 0, 1, "", "administrative state: off pulls the cable",         \
		.def = "on", CTL_GAUGE)                                                         \
	F(T, U32, mtu, OPT, 68, 65535, "bytes", "largest layer-3 packet (default: the ports')", \
		CTL_GAUGE)                                                                      \
	F(T, MSG, a_to_b, OPT, 0, 0, ctl_impair, "impairment of what b gets from a",            \
		.lab = "a-to-b")                                                                \
	F(T, MSG, b_to_a, OPT, 0, 0, ctl_impair, "impairment of what a gets from b",            \
		.lab = "b-to-a")                                                                \
	F(T, BOOL, exist_ok, ASK, 0, 1, "", "no error when it exists already")                  \
	F(T, BOOL, replace, ASK, 0, 1, "",                                                      \
		"of an impairment that is set, what it does not name goes to its default")      \
	F(T, BOOL, carrier, SHOW, 0, 1, "", "both ends up and running", CTL_GAUGE)              \
	F(T, U64, held, SHOW, 0, UINT64_MAX, "frames", "frames that wait to be due", CTL_GAUGE)
CTL_STRUCT(ctl_link, CTL_LINK_FIELDS);

/* ---- mirror: copies of frames to a port (SPAN) ---- */
enum ctl_mirror_dir { CTL_MIRROR_BOTH, CTL_MIRROR_IN, CTL_MIRROR_OUT };
extern const char *const ctl_mirror_dirs[]; /* "both" "in" "out" */
#define CTL_MIRROR_FIELDS(F, T)                                                                  \
	F(T, STR, name, REQ, 1, CTL_NAME_MAX, "", "mirror name", CTL_COLUMN(1, "MIRROR", BRIEF), \
		CTL_LABEL)                                                                       \
	F(T, STR, from, NEW, 1, CTL_NAME_MAX + 8, "",                                            \
		"a port, bridge B = all its ports, or vlan N = its frames at ports of bridges",  \
		.lab = "from", CTL_COLUMN(2, "FROM", BRIEF), CTL_LABEL)                          \
	F(T, ENUM, dir, NEW, 0, 0, ctl_mirror_dirs,                                              \
		"in = what the switch gets from those ports, out = what it sends them",          \
		.lab = "dir", CTL_COLUMN(3, "DIR", BRIEF), .def = "both")                        \
	F(T, STR, to, NEW, 1, CTL_NAME_MAX, "",                                                  \
		"port that gets the copies: in no bridge and on no link, unless they are "       \
		"tagged",                                                                        \
		.lab = "to", CTL_COLUMN(4, "TO", BRIEF), CTL_LABEL)                              \
	F(T, STR, filter, NEW, 1, 1023, "", "frames that pass it, in pcap's language",           \
		.lab = "filter", CTL_COLUMN(9, "FILTER", TABLE))                                 \
	F(T, U32, truncate, NEW, 14, 65557, "bytes", "most of each frame that is copied",        \
		.lab = "truncate", CTL_COLUMN(8, "TRUNCATE", TABLE))                             \
	F(T, U16, vlan, NEW, 1, 4094, "", "VLAN that the copies are tagged with (RSPAN)",        \
		.lab = "vlan", CTL_COLUMN(7, "VLAN", TABLE))                                     \
	F(T, STR, program, ASK, 1, 8192, "",                                                     \
		"the filter as classic BPF, 16 hexadecimal digits an instruction")               \
	F(T, BOOL, exist_ok, ASK, 0, 1, "", "no error when it exists already")                   \
	F(T, U64, frames, SHOW, 0, UINT64_MAX, "frames", "copies made",                          \
		CTL_COLUMN(5, "FRAMES", BRIEF), CTL_COUNTER)                                     \
	F(T, U64, lost, SHOW, 0, UINT64_MAX, "frames", "copies that the port did not get",       \
		CTL_COLUMN(6, "LOST", BRIEF), CTL_COUNTER)                                       \
	F(T, U64, lost_ring_full, SHOW, 0, UINT64_MAX, "frames",                                 \
		"of those: it supplied no buffer in time", CTL_COUNTER)                          \
	F(T, U64, lost_not_running, SHOW, 0, UINT64_MAX, "frames",                               \
		"of those: nobody drove its rings, or it is down", CTL_COUNTER)                  \
	F(T, U64, lost_mtu, SHOW, 0, UINT64_MAX, "frames", "of those: larger than its MTU",      \
		CTL_COUNTER)
CTL_STRUCT(ctl_mirror, CTL_MIRROR_FIELDS);

/* ---- capture ---- */
enum ctl_capture_dir { CTL_CAPTURE_BOTH, CTL_CAPTURE_IN, CTL_CAPTURE_OUT };
extern const char *const ctl_capture_dirs[]; /* "both" "in" "out" */
#define CTL_CAPTURE_SNAPLEN 262144
#define CTL_CAPTURE_BUFFER  (32u << 20)
#define CTL_CAPTURE_FIELDS(F, T)                                                                   \
	F(T, STR, names, REQ, 1, 1023, "",                                                         \
		"ports, links and bridges, separated by blanks; any = every port")                 \
	F(T, STR, filter, OPT, 1, 8192, "",                                                        \
		"program of classic BPF, 16 hexadecimal digits an instruction")                    \
	F(T, ENUM, dir, OPT, 0, 0, ctl_capture_dirs,                                               \
		"in = from the port, out = to it (default both of a port that is named, else in)") \
	F(T, U32, snaplen, OPT, 1, 262144, "bytes", "kept of each frame", .def = "262144")         \
	F(T, U64, buffer, OPT, 262144, 268435456, "bytes",                                         \
		"room for frames that are not read yet", .def = "32MiB", .measure = MEASURE_SIZE)  \
	F(T, BOOL, raw, OPT, 0, 1, "", "leave checksums as they are, finished or not",             \
		.def = "off")                                                                      \
	F(T, BOOL, drops, OPT, 0, 1, "", "frames that are dropped, and no others", .def = "off")
CTL_STRUCT(ctl_capture, CTL_CAPTURE_FIELDS);

/* Comes with two file descriptors: memory (capture_ring.h), and an eventfd. */
#define CTL_CAPTURE_RING_FIELDS(F, T)                                             \
	F(T, U64, size, OPT, 0, UINT64_MAX, "bytes", "of the ring in the memory") \
	F(T, U64, tsc_hz, OPT, 0, UINT64_MAX, "Hz", "ticks a second of its times")
CTL_STRUCT(ctl_capture_ring, CTL_CAPTURE_RING_FIELDS);

/* ---- sFlow ---- */
CTL_STRUCT(ctl_sflow, SFLOW_FIELDS);

/* ---- trace ---- */
#define CTL_TRACE_MAX_FRAME 9238 /* bytes: 9,216 and an Ethernet header with two tags */
#define CTL_TRACE_FIELDS(F, T)                                                       \
	F(T, STR, port, REQ, 1, CTL_NAME_MAX, "", "port that the frame comes in at") \
	F(T, STR, frame, REQ, 2, 18476, "", "its bytes, two hexadecimal digits each")
CTL_STRUCT(ctl_trace, CTL_TRACE_FIELDS);

enum ctl_trace_step_kind {
	CTL_TRACE_IN,
	CTL_TRACE_STAGE,
	CTL_TRACE_VLAN,
	CTL_TRACE_SOURCE,
	CTL_TRACE_LOOKUP,
	CTL_TRACE_OUT,
	CTL_TRACE_END,
	CTL_TRACE_MORE,
	CTL_TRACE_SENT, /* of netcfg, behind those of the switch */
};
/* "in" "stage" "vlan" "source" "look-up" "out" "end" "more" "sent" */
extern const char *const ctl_trace_step_kinds[];
enum ctl_trace_result {
	CTL_TRACE_GOES_ON,
	CTL_TRACE_HELD,
	CTL_TRACE_CROSSES,
	CTL_TRACE_DELIVERED,
	CTL_TRACE_DROPPED,
};
/* "goes-on" "held" "crosses" "delivered" "dropped" */
extern const char *const ctl_trace_results[];
#define CTL_TRACE_STEP_FIELDS(F, T)                                                         \
	F(T, U16, hop, OPT, 0, UINT16_MAX, "", "links between bridges crossed before")      \
	F(T, ENUM, step, OPT, 0, 0, ctl_trace_step_kinds,                                   \
		"what it is: each port's begin with in or out, and end tells the result")   \
	F(T, STR, port, OPT, 1, CTL_NAME_MAX, "", "port where it is")                       \
	F(T, STR, bridge, OPT, 1, CTL_NAME_MAX, "", "bridge of the port")                   \
	F(T, STR, stage, OPT, 1, 31, "", "name of the stage")                               \
	F(T, ENUM, result, OPT, 0, 0, ctl_trace_results, "what becomes of the frame there") \
	F(T, STR, reason, OPT, 1, 63, "", "name of the drop reason")                        \
	F(T, STR, at, OPT, 1, CTL_NAME_MAX, "",                                             \
		"port that the address is known at, or that the frame crosses to")          \
	F(T, U16, vlan, OPT, 0, 4095, "", "VLAN, or that of the tag; 0 = none")             \
	F(T, U16, pcp, OPT, 0, 7, "", "priority")                                           \
	F(T, BOOL, tagged, OPT, 0, 1, "", "with a tag")                                     \
	F(T, U32, length, OPT, 0, UINT32_MAX, "bytes",                                      \
		"of the frame as the port's peer has it, without frame check sequence")     \
	F(T, U32, more, OPT, 0, UINT32_MAX, "", "steps left out")                           \
	F(T, STR, detail, OPT, 0, 127, "", "more, for people")
CTL_STRUCT(ctl_trace_step, CTL_TRACE_STEP_FIELDS);

/* ---- inject ---- */
enum ctl_inject_dir { CTL_INJECT_IN, CTL_INJECT_OUT };
extern const char *const ctl_inject_dirs[]; /* "in" "out" */
#define CTL_INJECT_FIELDS(F, T)                                                                  \
	F(T, STR, port, REQ, 1, CTL_NAME_MAX, "", "port")                                        \
	F(T, ENUM, dir, OPT, 0, 0, ctl_inject_dirs,                                              \
		"in = as if the port's peer had sent it, out = to the port's peer", .def = "in") \
	F(T, STR, frame, REQ, 2, 18476, "", "its bytes, two hexadecimal digits each")
CTL_STRUCT(ctl_inject, CTL_INJECT_FIELDS);

/* ---- events ---- */
#define CTL_EVENT_FIELDS(F, T)                                                           \
	F(T, U64, seq, OPT, 0, UINT64_MAX, "",                                           \
		"number: one more than the last one's, or as many more as were lost")    \
	F(T, U64, time_ns, OPT, 0, UINT64_MAX, "ns", "wall clock")                       \
	F(T, STR, object, OPT, 1, 15, "", "bridge, port, link, mirror, fdb and so on")   \
	F(T, STR, name, OPT, 0, 127, "", "its name")                                     \
	F(T, STR, event, OPT, 1, 31, "",                                                 \
		"added, removed, changed, connected, carrier-up, moved, lost and so on") \
	F(T, STR, detail, OPT, 0, 255, "", "more, for people")                           \
	F(T, U16, vlan, OPT, 0, 4094, "", "VLAN of the address")                         \
	F(T, MAC, mac, OPT, 0, 0, "", "address that moved")                              \
	F(T, STR, port, OPT, 1, CTL_NAME_MAX, "", "port where it is now")                \
	F(T, STR, from, OPT, 1, CTL_NAME_MAX, "", "port where it was before")            \
	F(T, U64, lost, OPT, 0, UINT64_MAX, "", "events before this one that the client missed")
CTL_STRUCT(ctl_event, CTL_EVENT_FIELDS);

/** The methods, with what each takes and answers, are a table of ctl_vswitch.c. */
extern const struct ctl_interface ctl_vswitch_interface;

#endif
