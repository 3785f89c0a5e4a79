#include "ctl_codec.h"
#include "ctl_field.h"
#include "port_type.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "FIELD VALUE FIELD VALUE ..." */
static struct ctl_port conf_of(const char *words)
{
	char text[512], *save = NULL;
	struct ctl_port conf = {0};
	struct err err = {0};

	assert_true(strlen(words) < sizeof(text));
	(void)strcpy(text, words);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strtok_r(NULL, " ", &save);

		assert_non_null(value);
		if (ctl_field_parse(&ctl_port_schema, &conf, word, value, &err) < 0)
			fail_msg("'%s': %s", words, err.msg);
	}
	return conf;
}

static void every_kind_accepts_its_settings(void **state)
{
	static const char *const cases[] = {
		"name p type vhost-user path /s/p mode client",
		"name p type vhost-user path /s/p owner joe:kvm socket_mode 0660",
		"name p type vhost-user path /s/p mode server owner :36 socket_mode 777",
		"name p type nic dev enp5s0f0 rebind true",
		"name p type nic dev 0000:05:00.0",
		"name p type nic dev 05:1f.7",
		"name p type af-xdp dev eth0",
		"name p type af-packet dev eth0.100",
		"name host0 type tap",
		"name r1:up type tap dev host0 mac 52:54:00:00:00:01 owner joe ip 192.0.2.1/24",
		"name p type tap ip 192.0.2.1/24,2001:db8::1/64",
		"name p type tap ip 0.0.0.0/0",
		"name p type veth dev v0 netns blue peer eth0 mac 52:54:00:00:00:01 ip ::1/128",
		"name p type veth netns /proc/1/ns/net peer eth0",
		"name p type pcap rx_file in.pcap loop true",
		"name p type pcap tx_file out.pcap",
		"name p type pcap rx_file in.pcap tx_file out.pcap",
		"name p type memif path /s/m mode server memif_id 7",
		"name p type dpdk devargs net_ring0,size=64",
		/* what every type takes */
		"name p type tap bridge br0 tag 10 mtu 1500 queues 2 enabled false fdb_max 9",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_port conf = conf_of(cases[i]);
		struct err err = {0};

		if (port_type_check(&conf, &err) < 0)
			fail_msg("'%s': %s", cases[i], err.msg);
	}
}

static void bad_settings_are_named(void **state)
{
	static const struct {
		const char *words, *field, *msg;
	} cases[] = {
		{"name p type vhost-user", "path", "a vhost-user port needs a path"},
		{"name p type nic", "dev", "a nic port needs a dev"},
		{"name p type af-xdp", "dev", "an af-xdp port needs a dev"},
		{"name p type af-packet", "dev", "an af-packet port needs a dev"},
		{"name p type veth peer eth0", "netns", "a veth port needs a netns"},
		{"name p type veth netns blue", "peer", "a veth port needs a peer"},
		{"name p type pcap", "rx_file", "a pcap port needs a file"},
		{"name p type memif", "path", "a memif port needs a path"},
		{"name p type dpdk", "devargs", "a dpdk port needs a devargs"},
		{"name p type nic dev eth0 path /s/p", "path", "a nic port has no path"},
		{"name p path /s/p dev eth0", "dev", "a vhost-user port has no dev"},
		{"name p type tap netns blue", "netns", "a tap port has no netns"},
		{"name p type veth netns b peer e owner joe", "owner", "a veth port has no owner"},
		{"name p type veth netns b peer e socket_mode 0660", "socket_mode",
			"a veth port has no socket-mode"},
		{"name p type memif path /s/m owner joe", "owner", "a memif port has no owner"},
		{"name p path /s/p owner joe:", "owner",
			"owner 'joe:' is neither USER nor USER:GROUP"},
		{"name p type tap owner joe:kvm", "owner",
			"owner 'joe:kvm' names a group, which no interface has"},
		{"name p path /s/p mode client owner joe", "owner",
			"owner 'joe' is for a socket of the switch, but in mode client it is the "
			"peer's"},
		{"name p path /s/p mode client socket_mode 0660", "socket_mode", NULL},
		{"name p path /s/p socket_mode 0680", "socket_mode",
			"socket-mode '0680' is not the mode of a file"},
		{"name p path /s/p socket_mode 1660", "socket_mode", NULL},
		{"name p path /s/p socket_mode 66", "socket_mode", NULL},
		{"name p path /s/p socket_mode 0000", "socket_mode", NULL},
		{"name p path /s/p socket_mode 0x1f", "socket_mode", NULL},
		{"name p type af-xdp dev e rebind true", "rebind", "an af-xdp port has no rebind"},
		{"name p type nic dev 0000:05:00", "dev",
			"dev '0000:05:00' is neither the name of an interface nor a PCI "
			"address"},
		{"name p type nic dev 05:00.8", "dev", NULL},
		{"name p type nic dev 05:0g.0", "dev", NULL},
		{"name p type nic dev 00000:05:00.0", "dev", NULL},
		{"name p type af-xdp dev 05:00.0", "dev",
			"dev '05:00.0' is not the name of an interface"},
		{"name p type tap dev sixteen-letters-", "dev", NULL},
		{"name p type tap dev a/b", "dev", NULL},
		{"name p type tap dev ..", "dev", NULL},
		{"name r1:eth1 type tap", "dev", "its interface cannot have the name of the port"},
		{"name sixteen-letters- type tap", "dev", NULL},
		{"name p type tap ip 192.0.2.1", "ip",
			"ip '192.0.2.1' is not an address with a prefix length"},
		{"name p type tap ip 192.0.2.1/", "ip", NULL},
		{"name p type tap ip 192.0.2.1/33", "ip", NULL},
		{"name p type tap ip 192.0.2.1/2x", "ip", NULL},
		{"name p type tap ip 192.0.2/24", "ip", NULL},
		{"name p type tap ip 2001:db8::1/129", "ip", NULL},
		{"name p type tap ip ,192.0.2.1/24", "ip", NULL},
		{"name p type tap ip 192.0.2.1/24,", "ip", NULL},
		{"name p type tap ip 192.0.2.1/24,,192.0.2.2/24", "ip", NULL},
		{"name p type tap mac 01:00:5e:00:00:01", "mac",
			"mac '01:00:5e:00:00:01' is not the address of one interface"},
		{"name p type tap mac 00:00:00:00:00:00", "mac", NULL},
		{"name p type veth netns a/b peer eth0", "netns",
			"netns 'a/b' is neither a name nor an absolute path"},
		{"name p type veth netns blue peer a/b", "peer",
			"peer 'a/b' is not the name of an interface"},
		{"name p type pcap tx_file o loop true", "loop", "loop 'true' replays nothing"},
		{"name p type pcap rx_file o tx_file o", "tx_file",
			"tx-file 'o' is replayed by the same port"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_port conf = conf_of(cases[i].words);
		struct err err = {0};
		int r = port_type_check(&conf, &err);

		if (r != -EINVAL || strcmp(err.field, cases[i].field) != 0 ||
			(cases[i].msg && strcmp(err.msg, cases[i].msg) != 0) || !err.hint[0])
			fail_msg("'%s': got %d, field '%s', '%s', hint '%s'", cases[i].words, r,
				err.field, err.msg, err.hint);
	}
}

static void foreign_setting_is_told_what_there_is(void **state)
{
	struct ctl_port conf = conf_of("name p type memif path /s/m dev eth0");
	struct err err = {0};

	assert_int_equal(port_type_check(&conf, &err), -EINVAL);
	assert_string_equal(err.hint, "of these settings it has: path, mode, memif-id");
}

static void what_is_not_said_is_completed(void **state)
{
	static const struct {
		const char *words, *whole;
	} cases[] = {
		{"name p path /s/p", "name p path /s/p mode server"},
		{"name p path /s/p mode client", "name p path /s/p mode client"},
		{"name p type nic dev eth0", "name p type nic dev eth0 rebind false"},
		{"name p type af-xdp dev eth0", "name p type af-xdp dev eth0"},
		{"name p type tap", "name p type tap dev p"},
		{"name p type tap dev t", "name p type tap dev t"},
		{"name p type veth netns n peer e", "name p type veth netns n peer e dev p"},
		{"name p type memif path /s/m",
			"name p type memif path /s/m mode server memif_id 0"},
		{"name p type pcap rx_file f", "name p type pcap rx_file f"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_port conf = conf_of(cases[i].words), whole = conf_of(cases[i].whole);

		port_type_complete(&conf);
		if (!ctl_msg_equal(&ctl_port_schema, &conf, &whole))
			fail_msg("'%s' is not '%s'", cases[i].words, cases[i].whole);
	}
}

static void one_thing_belongs_to_one_port(void **state)
{
	static const struct {
		const char *words, *other, *field;
	} cases[] = {
		{"path /s/p", "path /s/q", NULL},
		{"path /s/p", "path /s/p", "path"},
		{"path /s/p", "type memif path /s/p", "path"},
		{"type memif path /s/p", "type memif path /s/p", "path"},
		{"type memif path /s/p", "type memif path /s/p memif_id 1", NULL},
		{"type memif path /s/p", "type memif path /s/p memif_id 1 mode client", "path"},
		{"type nic dev e0", "type af-packet dev e0", "dev"},
		{"type nic dev e0", "type nic dev e1", NULL},
		{"type veth netns n peer e dev a", "type veth netns n peer e dev b", "peer"},
		{"type veth netns n peer e dev a", "type veth netns m peer e dev b", NULL},
		{"type dpdk devargs d", "type dpdk devargs d", "devargs"},
		{"type pcap rx_file f", "type pcap rx_file f", NULL},
		{"type pcap tx_file f", "type pcap tx_file f", "tx_file"},
		{"type pcap tx_file f", "type pcap rx_file f", "tx_file"},
		{"type pcap rx_file f", "type pcap tx_file f", "rx_file"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_port conf = conf_of(cases[i].words), other = conf_of(cases[i].other);
		const char *field;

		port_type_complete(&conf);
		port_type_complete(&other);
		field = port_type_conflict(&conf, &other);
		if (!field != !cases[i].field || (field && strcmp(field, cases[i].field) != 0))
			fail_msg("'%s' beside '%s': %s", cases[i].words, cases[i].other,
				field ? field : "nothing");
	}
}

/* The table of docs/control-protocol.md: its needs and takes are those of the code. */
static void document_agrees(void **state)
{
	FILE *in = fopen(DOCS_DIR "/control-protocol.md", "r");
	unsigned n_types = 0;
	char line[256];

	assert_non_null(in);
	while (fgets(line, sizeof(line), in)) {
		char row[48], field[48], *needs, *takes;
		unsigned type = 0;

		for (; ctl_port_types[type]; type++) {
			(void)snprintf(row, sizeof(row), "| `%s` |", ctl_port_types[type]);
			if (!strncmp(line, row, strlen(row)))
				break;
		}
		if (!ctl_port_types[type])
			continue;
		n_types++;
		needs = line + strlen(row);
		takes = strchr(needs, '|');
		assert_non_null(takes);
		*takes++ = '\0';
		for (unsigned i = 0; i < ctl_port_schema.n_fields; i++) {
			bool need = port_type_needs(type) >> i & 1;
			bool take = port_type_takes(type) >> i & 1;

			(void)snprintf(field, sizeof(field), "`%s`",
				ctl_port_schema.fields[i].name);
			if (!strstr(needs, field) == need ||
				!strstr(takes, field) == (take && !need))
				fail_msg("%s: %s", ctl_port_types[type], field);
		}
	}
	(void)fclose(in);
	assert_int_equal(n_types, CTL_PORT_PATCH + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_accepts_its_settings),
		cmocka_unit_test(bad_settings_are_named),
		cmocka_unit_test(foreign_setting_is_told_what_there_is),
		cmocka_unit_test(what_is_not_said_is_completed),
		cmocka_unit_test(one_thing_belongs_to_one_port),
		cmocka_unit_test(document_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
