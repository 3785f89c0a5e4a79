#include "ctl_vswitch.h"

#include <errno.h>

const char *const ctl_port_types[] = {"vhost-user", "nic", "af-xdp", "af-packet", "tap", "veth",
	"pcap", "memif", "dpdk", "patch", NULL};
const char *const ctl_sock_modes[] = {"server", "client", NULL};
const char *const ctl_vlan_modes[] = {"access", "trunk", "native-tagged", "native-untagged", NULL};
const char *const ctl_reserved_modes[] = {"forward", "drop", NULL};
const char *const ctl_conn_states[] = {
	"listening", "connecting", "negotiating", "running", "broken", NULL};
const char *const ctl_ring_layouts[] = {"none", "split", "packed", NULL};
const char *const ctl_impair_distributions[] = {
	"uniform", "normal", "pareto", "paretonormal", NULL};
const char *const ctl_policer_actions[] = {"pass", "remark", "drop", NULL};
const char *const ctl_shaper_classes[] = {"pcp", "dscp", NULL};
const char *const ctl_shaper_schedulers[] = {"strict", "drr", NULL};
const char *const ctl_storm_actions[] = {"drop", "shut", NULL};
const char *const ctl_count_modes[] = {"off", "sizes", "vlans", "all", NULL};
const char *const ctl_mirror_dirs[] = {"both", "in", "out", NULL};
const char *const ctl_capture_dirs[] = {"both", "in", "out", NULL};
const char *const ctl_trace_step_kinds[] = {
	"in", "stage", "vlan", "source", "look-up", "out", "end", "more", "sent", NULL};
const char *const ctl_trace_results[] = {
	"goes-on", "held", "crosses", "delivered", "dropped", NULL};
const char *const ctl_inject_dirs[] = {"in", "out", NULL};
const char *const ctl_fdb_types[] = {"dynamic", "static", NULL};

CTL_SCHEMA(ctl_switch, CTL_SWITCH_FIELDS);
CTL_SCHEMA(ctl_worker, CTL_WORKER_FIELDS);
CTL_SCHEMA(ctl_bridge, CTL_BRIDGE_FIELDS);
CTL_SCHEMA(ctl_ref, CTL_REF_FIELDS);
CTL_SCHEMA(ctl_port, CTL_PORT_FIELDS);
CTL_SCHEMA(ctl_port_stats, CTL_PORT_STATS_FIELDS);
CTL_SCHEMA(ctl_port_rates, CTL_PORT_RATES_FIELDS);
CTL_SCHEMA(ctl_port_queue, CTL_PORT_QUEUE_FIELDS);
CTL_SCHEMA(ctl_port_size, CTL_PORT_SIZE_FIELDS);
CTL_SCHEMA(ctl_port_rx_queue, CTL_PORT_RX_QUEUE_FIELDS);
CTL_SCHEMA(ctl_port_vlan, CTL_PORT_VLAN_FIELDS);
CTL_SCHEMA(ctl_drop, CTL_DROP_FIELDS);
CTL_SCHEMA(ctl_vlan, CTL_VLAN_FIELDS);
CTL_SCHEMA(ctl_fdb, CTL_FDB_FIELDS);
CTL_SCHEMA(ctl_count, CTL_COUNT_FIELDS);
CTL_SCHEMA(ctl_impair, IMPAIR_FIELDS);
CTL_SCHEMA(ctl_pacing, PACING_FIELDS);
CTL_SCHEMA(ctl_policer, POLICER_FIELDS);
CTL_SCHEMA(ctl_shaper, SHAPER_FIELDS);
CTL_SCHEMA(ctl_storm, STORM_FIELDS);
CTL_SCHEMA(ctl_link, CTL_LINK_FIELDS);
CTL_SCHEMA(ctl_mirror, CTL_MIRROR_FIELDS);
CTL_SCHEMA(ctl_capture, CTL_CAPTURE_FIELDS);
CTL_SCHEMA(ctl_capture_ring, CTL_CAPTURE_RING_FIELDS);
CTL_SCHEMA(ctl_sflow, SFLOW_FIELDS);
CTL_SCHEMA(ctl_trace, CTL_TRACE_FIELDS);
CTL_SCHEMA(ctl_trace_step, CTL_TRACE_STEP_FIELDS);
CTL_SCHEMA(ctl_inject, CTL_INJECT_FIELDS);
CTL_SCHEMA(ctl_event, CTL_EVENT_FIELDS);

#define READ   CTL_READ, CTL_STABLE
#define CHANGE CTL_CHANGE, CTL_STABLE
#define NONE   &ctl_empty_schema
#define REF    &ctl_ref_schema

static const struct ctl_method methods[] = {
	{"SwitchShow", READ, CTL_ONE, NONE, &ctl_switch_schema, "show the switch itself"},
	{"WorkerShow", READ, CTL_ROWS, NONE, &ctl_worker_schema,
		"list packet threads: how busy they are, what they do"},

	{"BridgeAdd", CHANGE, CTL_ONE, &ctl_bridge_schema, NONE, "add a learning bridge"},
	{"BridgeSet", CHANGE, CTL_ONE, &ctl_bridge_schema, NONE, "change settings of a bridge"},
	{"BridgeDel", CHANGE, CTL_ONE, REF, NONE, "delete a bridge that has no ports"},
	{"BridgeShow", READ, CTL_ROWS, REF, &ctl_bridge_schema, "list bridges"},

	{"PortAdd", CHANGE, CTL_ONE, &ctl_port_schema, NONE, "add a port"},
	{"PortSet", CHANGE, CTL_ONE, &ctl_port_schema, NONE,
		"change settings of a port; what is absent stays"},
	{"PortDel", CHANGE, CTL_ONE, REF, NONE, "delete a port that is no end of a link"},
	{"PortShow", READ, CTL_ROWS, REF, &ctl_port_schema, "list ports with settings and state"},
	{"PortStats", READ, CTL_ROWS, REF, &ctl_port_stats_schema, "list counters of ports"},
	{"PortRates", READ, CTL_ROWS, REF, &ctl_port_rates_schema,
		"list what counters of ports grow by a second"},
	{"PortSizes", READ, CTL_ROWS, REF, &ctl_port_size_schema,
		"list frames by size, of ports that count them"},
	{"PortRxQueues", READ, CTL_ROWS, REF, &ctl_port_rx_queue_schema,
		"list what was received from each queue of ports"},
	{"PortVlans", READ, CTL_ROWS, REF, &ctl_port_vlan_schema,
		"list frames by VLAN, of ports that count them"},
	{"PortDrops", READ, CTL_ROWS, REF, &ctl_drop_schema,
		"list how many frames were dropped for which reason"},
	{"PortQueues", READ, CTL_ROWS, REF, &ctl_port_queue_schema,
		"list the queues of ports' shapers"},

	{"VlanAdd", CHANGE, CTL_ONE, &ctl_vlan_schema, NONE,
		"add VLANs to a bridge, or to the trunk list of a port"},
	{"VlanDel", CHANGE, CTL_ONE, &ctl_vlan_schema, NONE,
		"remove VLANs from a bridge, or from the trunk list of a port"},
	{"VlanSet", CHANGE, CTL_ONE, &ctl_vlan_schema, NONE,
		"replace the VLANs of a bridge or a port, or name a VLAN of a bridge"},
	{"VlanShow", READ, CTL_ROWS, &ctl_vlan_schema, &ctl_vlan_schema,
		"list VLANs by bridge and port; fields given are filters"},

	{"FdbAdd", CHANGE, CTL_ONE, &ctl_fdb_schema, NONE, "add a static address"},
	{"FdbDel", CHANGE, CTL_ONE, &ctl_fdb_schema, NONE, "delete an address"},
	{"FdbShow", READ, CTL_ROWS, &ctl_fdb_schema, &ctl_fdb_schema,
		"list addresses of a bridge; fields given are filters"},
	{"FdbFlush", CHANGE, CTL_ONE, &ctl_fdb_schema, &ctl_count_schema,
		"forget the learned addresses that match, or with type static, the static ones"},

	{"LinkAdd", CHANGE, CTL_ONE, &ctl_link_schema, NONE, "join two ports by a link"},
	{"LinkSet", CHANGE, CTL_ONE, &ctl_link_schema, NONE,
		"change settings of a link, or cut it"},
	{"LinkDel", CHANGE, CTL_ONE, REF, NONE, "delete a link; its ports stay"},
	{"LinkShow", READ, CTL_ROWS, REF, &ctl_link_schema, "list links"},

	{"MirrorAdd", CHANGE, CTL_ONE, &ctl_mirror_schema, NONE,
		"copy frames of a port, a bridge or a VLAN to a port"},
	{"MirrorDel", CHANGE, CTL_ONE, REF, NONE, "end a mirror"},
	{"MirrorShow", READ, CTL_ROWS, REF, &ctl_mirror_schema, "list mirrors"},

	{"SflowSet", CHANGE, CTL_ONE, &ctl_sflow_schema, NONE,
		"sample frames for an sFlow collector; what is absent stays"},
	{"SflowShow", READ, CTL_ROWS, NONE, &ctl_sflow_schema,
		"show what is sampled and sent to an sFlow collector"},

	{"Capture", CHANGE, CTL_EVENTS, &ctl_capture_schema, &ctl_capture_ring_schema,
		"capture frames, until the connection ends; its one event comes with descriptors"},
	{"Trace", READ, CTL_ROWS, &ctl_trace_schema, &ctl_trace_step_schema,
		"report step by step what would happen to a frame; nothing changes"},
	{"Inject", CHANGE, CTL_ONE, &ctl_inject_schema, NONE,
		"have a frame come in at a port as if it had been sent there, or leave by it"},
	{"Monitor", READ, CTL_EVENTS, NONE, &ctl_event_schema, "report changes as they happen"},
};

static const struct ctl_error errors[] = {
	{"BridgeExists", -EEXIST, "a bridge of that name exists, with other settings"},
	{"BridgeNotFound", -ENOENT, "there is no bridge of that name"},
	{"BridgeInUse", -EBUSY, "the bridge still has ports"},
	{"PortExists", -EEXIST, "a port of that name exists, with other settings"},
	{"PortNotFound", -ENOENT, "there is no port of that name"},
	{"PortInUse", -EBUSY, "the port is an end of a link, belongs to a bridge or to a mirror"},
	{"PortDisabled", -ENETDOWN, "the port is administratively down"},
	{"InjectFull", -EAGAIN, "frames injected before have not left: no room for more"},
	{"PathInUse", -EADDRINUSE, "another port or process serves that socket"},
	{"DeviceInUse", -EBUSY, "another port has that device, interface or file"},
	{"LinkExists", -EEXIST, "a link of that name exists, with other ends"},
	{"LinkNotFound", -ENOENT, "there is no link of that name, nor one that ends at that port"},
	{"MirrorExists", -EEXIST, "a mirror of that name exists, with other settings"},
	{"MirrorNotFound", -ENOENT, "there is no mirror of that name"},
	{"VlanNotFound", -ENOENT, "the VLAN does not exist on the bridge or port"},
	{"VlanInUse", -EBUSY, "a port of the bridge has the VLAN, or it is the port's native VLAN"},
	{"FdbEntryExists", -EEXIST, "the address is there already, on another port"},
	{"FdbEntryNotFound", -ENOENT, "there is no such address"},
};

const struct ctl_interface ctl_vswitch_interface = {
	.name = "net.weft.vswitch",
	.help = "Bridges, ports, VLANs, links and the forwarding database of one switch.",
	.methods = methods,
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.errors = errors,
	.n_errors = sizeof(errors) / sizeof(errors[0]),
};
