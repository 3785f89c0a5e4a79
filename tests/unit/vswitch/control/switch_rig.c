#include "switch_rig.h"

#include "change.h"
#include "ctl_iface.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct switch_rig rig;

void rig_start(void)
{
	static const int cpus[] = {-1};
	const struct switch_params params = {.control_path = rig.control_path,
		.state_dir = rig.state_dir,
		.cpus = cpus,
		.hold_budget = rig.hold_budget,
		.n_workers = 1};
	struct err err = {0};

	fake_reset();
	if (rig.refused_path)
		fake_refuse_path(rig.refused_path, -EADDRINUSE);
	rig.refused_path = NULL;
	if (switch_create(rig.ev, &params, &rig.sw, &err) < 0)
		fail_msg("%s", err.msg);
}

int rig_set_up(void **state)
{
	log_set_level(LOG_ERR);
	rig.hold_budget = 64 << 20;
	(void)strcpy(rig.dir, "/tmp/weft-switch-XXXXXX");
	if (!mkdtemp(rig.dir) || ev_create(&rig.ev) < 0)
		return -1;
	(void)snprintf(rig.control_path, sizeof(rig.control_path), "%s/ctl", rig.dir);
	(void)snprintf(rig.state_dir, sizeof(rig.state_dir), "%s/state", rig.dir);
	rig_start();
	return 0;
}

int rig_tear_down(void **state)
{
	static const char *const files[] = {
		"state/config", "state/fdb", "state/lock", "state/config.damaged", "state", ""};
	char path[128];

	switch_destroy(rig.sw);
	ev_destroy(rig.ev);
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", rig.dir, files[i]);
		(void)remove(path);
	}
	return fake_n_ports() == 0 ? 0 : -1;
}

void rig_turn(void)
{
	assert_true(ev_run_once(rig.ev, 100) >= 0);
}

int ask(const char *method, const char *words, struct err *err)
{
	const struct ctl_struct *schema = ctl_method_find(&ctl_vswitch_interface, method)->in;
	uint64_t msg[2048], out[8] = {0};

	assert_true(schema->size <= sizeof(msg));
	words_to_msg(schema, msg, words);
	err_clear(err);
	return change_apply(rig.sw, method, msg, out, err);
}

void must(const char *method, const char *words)
{
	struct err err;

	if (ask(method, words, &err) < 0)
		fail_msg("%s %s: %s", method, words, err.msg);
}

void must_fail(const char *method, const char *words, int code, const char *name)
{
	struct err err;
	int r = ask(method, words, &err);

	if (r != code || strcmp(err.name, name) != 0 || !err.msg[0])
		fail_msg("%s %s: got %d %s '%s'", method, words, r, err.name, err.msg);
}

struct model_port *port_of(const char *name)
{
	struct model_port *port = model_port_find(&rig.sw->model, name);

	assert_non_null(port);
	return port;
}

const struct dp_port *dp_port(const char *name)
{
	return &fake_published()->ports[port_of(name)->id];
}

void learn(const char *port, uint16_t vid, uint64_t mac48)
{
	const struct learn_event event = {mac48, vid, port_of(port)->id, port_of(port)->bridge->id};

	fake_learn_event(&event);
	rig_turn();
}

uint32_t n_addresses(const char *bridge)
{
	return fdb_ctl_count(&rig.sw->fdbs, model_bridge_find(&rig.sw->model, bridge)->id);
}

void two_ports(void)
{
	must("BridgeAdd", "name br0");
	must("PortAdd", "name a bridge br0 path /s/a tag 10");
	must("PortAdd", "name b bridge br0 path /s/b tag 10");
	fake_port_run("a", 1);
	fake_port_run("b", 1);
}
