#include "conf_words.h"
#include "ctl_codec.h"

#include <errno.h>
#include <stdio.h>

struct fixture {
	struct model model;
};

static int set_up(void **state)
{
	static struct fixture f;

	model_init(&f.model);
	(void)add_bridge(&f.model, "name br0");
	(void)add_bridge(&f.model, "name br1");
	(void)add_port(&f.model, "name old bridge br0 path /s/old tag 10");
	(void)add_port(&f.model, "name wa path /s/wa");
	(void)add_port(&f.model, "name wb path /s/wb");
	(void)add_link(&f.model, "name w1 a wa b wb mtu 1500");
	(void)add_port(&f.model, "name up0 type nic dev enp5s0f0");
	(void)add_port(&f.model, "name m0 type memif path /s/m memif_id 3");
	(void)add_port(&f.model, "name cap type pcap rx_file /c/in tx_file /c/out");
	(void)add_port(&f.model, "name ve type veth netns blue peer eth0");
	(void)add_port(&f.model, "name ring type dpdk devargs net_ring0");
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	model_done(&((struct fixture *)*state)->model);
	return 0;
}

/* What the VLAN settings of a configuration say, as a user would type them. */
static void vlan_words(const struct ctl_port *conf, char *buf, size_t size)
{
	static char trunks[VLAN_SET_STR_SIZE];
	size_t n = (size_t)snprintf(buf, size, "%s", ctl_vlan_modes[conf->vlan_mode]);

	(void)vlan_set_format(&conf->trunks, trunks, sizeof(trunks));
	if (CTL_HAS(conf, ctl_port, tag))
		n += (size_t)snprintf(buf + n, size - n, " tag %u", conf->tag);
	if (CTL_HAS(conf, ctl_port, trunks))
		n += (size_t)snprintf(buf + n, size - n, " trunks %s", trunks);
	if (CTL_HAS(conf, ctl_port, native))
		(void)snprintf(buf + n, size - n, " native %u", conf->native);
}

static void new_port_derives_vlan_role(void **state)
{
	static const struct {
		const char *words, *expected;
	} cases[] = {
		{"", "trunk trunks all"},
		{"tag 10", "access tag 10"},
		{"tag 4094", "access tag 4094"},
		{"tag 0", "trunk trunks all"},
		{"trunks 10,20-29", "trunk trunks 10,20-29"},
		{"trunks 10,20-29 native 10", "native-untagged trunks 10,20-29 native 10"},
		{"native 5", "native-untagged trunks all native 5"},
		{"native 0", "trunk trunks all"},
		{"vlan_mode native-tagged native 5 trunks 6", "native-tagged trunks 6 native 5"},
		{"vlan_mode access tag 7", "access tag 7"},
		{"vlan_mode trunk trunks 7", "trunk trunks 7"},
	};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err;
	char words[128], got[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err_clear(&err);
		(void)snprintf(words, sizeof(words), "name p path /s/p %s", cases[i].words);
		words_to_msg(&ctl_port_schema, &req, words);
		if (port_conf_new(&f->model, &req, &conf, &err) < 0)
			fail_msg("'%s': %s", words, err.msg);
		vlan_words(&conf, got, sizeof(got));
		assert_string_equal(got, cases[i].expected);
	}
}

static void set_port_changes_vlan_role(void **state)
{
	static const struct {
		const char *before, *set, *expected;
	} cases[] = {
		{"tag 10", "tag 20", "access tag 20"},
		{"tag 10", "tag 0", "trunk trunks all"},
		{"tag 10", "native 0", "access tag 10"},
		{"tag 10", "trunks 5", "trunk trunks 5"},
		{"tag 10", "native 5 trunks 6", "native-untagged trunks 6 native 5"},
		{"tag 10", "native 5 vlan_mode native-tagged", "native-tagged trunks all native 5"},
		{"tag 10", "vlan_mode trunk", "trunk trunks all"},
		{"tag 10", "mtu 1500", "access tag 10"},
		{"trunks 5,6", "tag 7", "access tag 7"},
		{"trunks 5,6", "native 5", "native-untagged trunks 5-6 native 5"},
		{"trunks 5 native 6", "native 0", "trunk trunks 5"},
		{"trunks 5 native 6", "native 7", "native-untagged trunks 5 native 7"},
		{"trunks 5 native 6", "trunks 8", "native-untagged trunks 8 native 6"},
		{"trunks 5 native 6", "vlan_mode native-tagged", "native-tagged trunks 5 native 6"},
		{"vlan_mode native-tagged native 6", "native 7",
			"native-tagged trunks all native 7"},
		{"trunks 5 native 6", "vlan_mode trunk", "trunk trunks 5"},
	};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct model_port *port;
	struct err err;
	char words[128], got[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err_clear(&err);
		(void)snprintf(words, sizeof(words), "name p path /s/p %s", cases[i].before);
		port = add_port(&f->model, words);
		(void)snprintf(words, sizeof(words), "name p %s", cases[i].set);
		words_to_msg(&ctl_port_schema, &req, words);
		if (port_conf_set(&f->model, port, &req, &conf, &err) < 0)
			fail_msg("'%s' after '%s': %s", words, cases[i].before, err.msg);
		vlan_words(&conf, got, sizeof(got));
		assert_string_equal(got, cases[i].expected);
		model_port_del(&f->model, port);
	}
}

static void new_port_refuses_bad_input(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *field;
	} cases[] = {
		{"name p", -EINVAL, "path"},
		{"name -- path /s/p", -EINVAL, "name"},
		{"name -p path /s/p", -EINVAL, "name"},
		{"name p path s/p", -EINVAL, "path"},
		{"name p path /s/old", -EADDRINUSE, "path"},
		{"name p path /s/p bridge nope", -ENOENT, "bridge"},
		{"name p path /s/p tag 1 trunks 2", -EINVAL, "tag"},
		{"name p path /s/p tag 1 native 2", -EINVAL, "tag"},
		{"name p path /s/p vlan_mode access", -EINVAL, "tag"},
		{"name p path /s/p vlan_mode access tag 0", -EINVAL, "tag"},
		{"name p path /s/p vlan_mode access trunks 3", -EINVAL, "trunks"},
		{"name p path /s/p vlan_mode access native 3", -EINVAL, "native"},
		{"name p path /s/p vlan_mode trunk tag 3", -EINVAL, "tag"},
		{"name p path /s/p vlan_mode trunk native 3", -EINVAL, "native"},
		{"name p path /s/p vlan_mode native-tagged", -EINVAL, "native"},
		{"name p path /s/p vlan_mode native-untagged native 0", -EINVAL, "native"},
		{"name p path /s/p carrier true", -EINVAL, "carrier"},
		{"name p path /s/p link w1", -EINVAL, "link"},
		{"name p path /s/p connects 3", -EINVAL, "connects"},
		{"name p path /s/p driver net_tap", -EINVAL, "driver"},
		{"name p path /s/p speed 10", -EINVAL, "speed"},
		{"name p type nic", -EINVAL, "dev"},
		{"name p type nic dev eth0 mode client", -EINVAL, "mode"},
		{"name p path /s/p loop true", -EINVAL, "loop"},
		{"name p type pcap rx_file in", -EINVAL, "rx_file"},
		{"name p type pcap tx_file out", -EINVAL, "tx_file"},
		{"name p type tap bridge nope", -ENOENT, "bridge"},
		{"name p type nic dev enp5s0f0", -EBUSY, "dev"},
		{"name p type af-xdp dev enp5s0f0", -EBUSY, "dev"},
		{"name ve2 type tap dev ve", -EBUSY, "dev"},
		{"name enp5s0f0 type tap", -EBUSY, "dev"},
		{"name p type veth netns blue peer eth0", -EBUSY, "peer"},
		{"name p type dpdk devargs net_ring0", -EBUSY, "devargs"},
		{"name p type pcap tx_file /c/out", -EBUSY, "tx_file"},
		{"name p type pcap tx_file /c/in", -EBUSY, "tx_file"},
		{"name p type pcap rx_file /c/out", -EBUSY, "rx_file"},
		{"name p type memif path /s/m memif_id 3", -EADDRINUSE, "path"},
		{"name p type memif path /s/m memif_id 4 mode client", -EADDRINUSE, "path"},
		{"name p path /s/m", -EADDRINUSE, "path"},
	};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r;

		err_clear(&err);
		words_to_msg(&ctl_port_schema, &req, cases[i].words);
		r = port_conf_new(&f->model, &req, &conf, &err);
		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0 || !err.msg[0])
			fail_msg("'%s': got %d, field '%s', '%s'", cases[i].words, r, err.field,
				err.msg);
	}
}

static void set_port_refuses_bad_input(void **state)
{
	static const struct {
		const char *port, *words;
		int code;
		const char *field;
	} cases[] = {
		{"old", "name old path /s/new", -EINVAL, "path"},
		{"old", "name old mode client", -EINVAL, "mode"},
		{"old", "name old queues 3", -EINVAL, "queues"},
		{"old", "name old bridge nope", -ENOENT, "bridge"},
		{"old", "name old exist_ok true", -EINVAL, "exist_ok"},
		{"old", "name old state running", -EINVAL, "state"},
		{"old", "name old type nic", -EINVAL, "type"},
		{"old", "name old dev eth0", -EINVAL, "dev"},
		{"up0", "name up0 dev enp5s0f1", -EINVAL, "dev"},
		{"up0", "name up0 rebind true", -EINVAL, "rebind"},
		{"up0", "name up0 path /s/x", -EINVAL, "path"},
		{"m0", "name m0 memif_id 4", -EINVAL, "memif_id"},
		{"cap", "name cap loop true", -EINVAL, "loop"},
		{"cap", "name cap tx_file /c/else", -EINVAL, "tx_file"},
		{"ve", "name ve peer eth1", -EINVAL, "peer"},
		{"ve", "name ve mac 52:54:00:00:00:01", -EINVAL, "mac"},
		{"ring", "name ring devargs net_ring1", -EINVAL, "devargs"},
		{"wa", "name wa bridge br0", -EBUSY, "bridge"},
		{"wa", "name wa tag 5", -EBUSY, "vlan_mode"},
		{"wa", "name wa trunks 5", -EBUSY, "vlan_mode"},
		{"wb", "name wb mtu 1499", -EBUSY, "mtu"},
	};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r;

		err_clear(&err);
		words_to_msg(&ctl_port_schema, &req, cases[i].words);
		r = port_conf_set(&f->model, model_port_find(&f->model, cases[i].port), &req, &conf,
			&err);
		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0 || !err.msg[0])
			fail_msg("'%s': got %d, field '%s', '%s'", cases[i].words, r, err.field,
				err.msg);
	}
}

static void set_port_accepts_what_is_already_so(void **state)
{
	struct fixture *f = *state;
	struct model_port *port = model_port_find(&f->model, "old");
	struct ctl_port req, conf;
	struct err err = {0};

	words_to_msg(&ctl_port_schema, &req,
		"name old path /s/old mode server bridge br0 tag 10 enabled true");
	assert_int_equal(port_conf_set(&f->model, port, &req, &conf, &err), 0);
	assert_true(ctl_msg_equal(&ctl_port_schema, &conf, &port->conf));
}

static void host_ports_stand_beside_each_other(void **state)
{
	static const char *const cases[] = {
		"name p type nic dev enp5s0f1",
		"name p type memif path /s/m memif_id 4",
		"name p type memif path /s/m2 memif_id 3 mode client",
		"name p type pcap rx_file /c/in loop true",
		"name p type veth netns red peer eth0",
		"name p type veth netns blue peer eth1",
		"name p type dpdk devargs net_ring1",
		"name p type tap bridge br0 tag 5 mtu 1500 queues 2",
	};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err_clear(&err);
		words_to_msg(&ctl_port_schema, &req, cases[i]);
		if (port_conf_new(&f->model, &req, &conf, &err) < 0)
			fail_msg("'%s': %s", cases[i], err.msg);
	}
}

/* Of each type's settings a configuration has those that count, and no others. */
static void host_port_configuration_is_complete(void **state)
{
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err = {0};

	words_to_msg(&ctl_port_schema, &req, "name host0 type tap");
	assert_int_equal(port_conf_new(&f->model, &req, &conf, &err), 0);
	assert_string_equal(conf.dev, "host0");
	assert_true(CTL_HAS(&conf, ctl_port, dev));
	assert_false(CTL_HAS(&conf, ctl_port, mode));
	assert_false(CTL_HAS(&conf, ctl_port, memif_id));
	assert_int_equal(conf.mtu, CTL_DEFAULT_MTU);
	words_to_msg(&ctl_port_schema, &req, "name m type memif path /s/m");
	assert_int_equal(port_conf_new(&f->model, &req, &conf, &err), 0);
	assert_true(CTL_HAS(&conf, ctl_port, memif_id));
	assert_true(CTL_HAS(&conf, ctl_port, mode));
	words_to_msg(&ctl_port_schema, &req, "name n type nic dev eth0");
	assert_int_equal(port_conf_new(&f->model, &req, &conf, &err), 0);
	assert_true(CTL_HAS(&conf, ctl_port, rebind));
	assert_false(conf.rebind);
}

/* Roles in VLANs are left out: they follow from each other. */
static void rows_tell_the_defaults(void **state)
{
	static const char *const ports[] = {"name p path /s/p", "name t type tap",
		"name m type memif path /s/m", "name n type nic dev eth0"};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err = {0};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		words_to_msg(&ctl_port_schema, &req, ports[i]);
		assert_int_equal(port_conf_new(&f->model, &req, &conf, &err), 0);
		CTL_UNMARK(&conf, ctl_port, vlan_mode);
		CTL_UNMARK(&conf, ctl_port, tag);
		CTL_UNMARK(&conf, ctl_port, native);
		check_defaults_are_told(&ctl_port_schema, &req, &conf);
	}
}

static void host_port_settings_change_live(void **state)
{
	struct fixture *f = *state;
	struct model_port *port = model_port_find(&f->model, "up0");
	struct ctl_port req, conf;
	struct err err = {0};

	words_to_msg(&ctl_port_schema, &req,
		"name up0 type nic dev enp5s0f0 rebind false bridge br1 tag 7 mtu 1500");
	if (port_conf_set(&f->model, port, &req, &conf, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(conf.bridge, "br1");
	assert_string_equal(conf.dev, "enp5s0f0");
	assert_int_equal(conf.mtu, 1500);
}

/* Of an impairment what is named changes; what is off is forgotten with what says more about it. */
static void impairments_change_where_they_are_named(void **state)
{
	struct fixture *f = *state;
	struct model_port *port = model_port_find(&f->model, "up0");
	struct ctl_port req = {0}, conf;
	struct err err = {0};

	CTL_SET(&req.in, ctl_impair, delay, 20000000);
	CTL_SET(&req.in, ctl_impair, jitter, 1000000);
	CTL_SET(&req.in, ctl_impair, gap, 0);
	CTL_MARK(&req, ctl_port, in);
	CTL_SET(&req.out, ctl_impair, loss, 0);
	CTL_MARK(&req, ctl_port, out);
	if (port_conf_set(&f->model, port, &req, &conf, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(CTL_HAS(&conf, ctl_port, in));
	assert_int_equal(conf.in.delay, 20000000);
	assert_int_equal(conf.in.jitter, 1000000);
	assert_false(CTL_HAS(&conf.in, ctl_impair, gap));
	assert_false(CTL_HAS(&conf, ctl_port, out));
	model_port_set(&f->model, port, &conf);

	req = (struct ctl_port){0};
	CTL_SET(&req.in, ctl_impair, loss, 5);
	CTL_MARK(&req, ctl_port, in);
	assert_int_equal(port_conf_set(&f->model, port, &req, &conf, &err), 0);
	assert_int_equal(conf.in.delay, 20000000);
	assert_int_equal(conf.in.loss, 5);
	model_port_set(&f->model, port, &conf);

	req = (struct ctl_port){0};
	CTL_SET(&req.in, ctl_impair, delay, 0);
	CTL_MARK(&req, ctl_port, in);
	assert_int_equal(port_conf_set(&f->model, port, &req, &conf, &err), 0);
	assert_int_equal(conf.in.set, UINT64_C(1) << ctl_impair__loss);
	model_port_set(&f->model, port, &conf);

	/* Or is all that there is. */
	req = (struct ctl_port){0};
	CTL_SET(&req.in, ctl_impair, seed, 3);
	CTL_MARK(&req, ctl_port, in);
	CTL_SET(&req, ctl_port, replace, true);
	assert_int_equal(port_conf_set(&f->model, port, &req, &conf, &err), 0);
	assert_int_equal(conf.in.set, UINT64_C(1) << ctl_impair__seed);
	assert_false(CTL_HAS(&conf, ctl_port, replace));
}

static void moving_a_port_counts_on_both_bridges(void **state)
{
	struct fixture *f = *state;
	struct model_port *port = model_port_find(&f->model, "old");
	struct ctl_port conf = port->conf;

	CTL_SET_STR(&conf, ctl_port, bridge, "br1");
	model_port_set(&f->model, port, &conf);
	assert_int_equal(model_bridge_find(&f->model, "br0")->n_ports, 0);
	assert_int_equal(model_bridge_find(&f->model, "br1")->n_ports, 1);
	assert_ptr_equal(port->bridge, model_bridge_find(&f->model, "br1"));
}

static void port_of_a_link_is_not_deleted(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};

	assert_int_equal(port_check_del(model_port_find(&f->model, "wa"), &err), -EBUSY);
	assert_string_equal(err.name, "PortInUse");
	assert_int_equal(port_check_del(model_port_find(&f->model, "old"), &err), 0);
}

static void pvid_follows_role(void **state)
{
	static const struct {
		const char *words;
		bool pass;
		uint16_t pvid;
	} cases[] = {
		{"", true, 0},
		{"tag 9", true, 9},
		{"trunks 9", false, 0},
		{"trunks 9 native 8", true, 8},
		{"vlan_mode native-tagged native 8", true, 8},
	};
	struct fixture *f = *state;
	struct ctl_port req, conf;
	struct err err = {0};
	char words[128];
	bool pass;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(words, sizeof(words), "name p path /s/p %s", cases[i].words);
		words_to_msg(&ctl_port_schema, &req, words);
		assert_int_equal(port_conf_new(&f->model, &req, &conf, &err), 0);
		assert_int_equal(port_conf_pvid(&conf, &pass), cases[i].pvid);
		assert_int_equal(pass, cases[i].pass);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_port_derives_vlan_role, set_up, tear_down),
		cmocka_unit_test_setup_teardown(set_port_changes_vlan_role, set_up, tear_down),
		cmocka_unit_test_setup_teardown(new_port_refuses_bad_input, set_up, tear_down),
		cmocka_unit_test_setup_teardown(set_port_refuses_bad_input, set_up, tear_down),
		cmocka_unit_test_setup_teardown(set_port_accepts_what_is_already_so, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(host_ports_stand_beside_each_other, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(host_port_configuration_is_complete, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(rows_tell_the_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(host_port_settings_change_live, set_up, tear_down),
		cmocka_unit_test_setup_teardown(impairments_change_where_they_are_named, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(moving_a_port_counts_on_both_bridges, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(port_of_a_link_is_not_deleted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pvid_follows_role, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
