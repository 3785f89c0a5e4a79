/*
 * Lab files: every wrong one gives exactly its message file; right ones give the lab they describe.
 */
#include "topo.h"
#include "topo_schema.h"

#include "ctl_field.h"

#include <dirent.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *read_file(const char *dir, const char *name, size_t *ret_size)
{
	char path[512], *text = calloc(1, TOPO_YAML_MAX_BYTES + 1);
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	in = fopen(path, "r");
	if (!in)
		fail_msg("%s cannot be read", path);
	assert_non_null(text);
	*ret_size = fread(text, 1, TOPO_YAML_MAX_BYTES, in);
	fclose(in);
	return text;
}

static void check_bad(const char *name)
{
	char expected_name[300], *text, *expected, *got = NULL;
	size_t size, expected_size, got_size = 0;
	struct topo topo;
	FILE *out;

	text = read_file(LABS_DIR "/bad", name, &size);
	(void)snprintf(expected_name, sizeof(expected_name), "%.*s.txt", (int)strlen(name) - 5,
		name);
	expected = read_file(LABS_DIR "/bad", expected_name, &expected_size);
	struct diag diag = {.file = name, .text = text, .size = size};

	if (!topo_parse(LABS_DIR "/bad", true, &diag, &topo))
		fail_msg("%s: no error", name);
	out = open_memstream(&got, &got_size);
	assert_non_null(out);
	diag_print(&diag, out);
	fclose(out);
	if (strcmp(got, expected))
		fail_msg("%s:\n-- expected\n%s-- got\n%s", name, expected, got);
	topo_done(&topo);
	free(got);
	free(expected);
	free(text);
}

static int is_yaml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

static void wrong_files_have_their_messages(void **state)
{
	struct dirent **entries;
	int n = scandir(LABS_DIR "/bad", &entries, is_yaml, alphasort);

	assert_true(n >= 45);
	for (int i = 0; i < n; i++) {
		check_bad(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static char *good_text;

static void parse_good(const char *name, struct topo *topo)
{
	size_t size;
	struct diag diag = {.file = name};

	good_text = read_file(LABS_DIR "/good", name, &size);
	diag.text = good_text;
	diag.size = size;
	if (topo_parse(LABS_DIR "/good", true, &diag, topo)) {
		diag_print(&diag, stderr);
		fail_msg("%s has errors", name);
	}
}

static void ranges_groups_and_meshes_resolve(void **state)
{
	struct topo topo;
	const struct topo_node *node;
	const struct topo_link *link;

	parse_good("fabric.yaml", &topo);
	assert_string_equal(topo.name, "fabric");
	assert_int_equal(topo.n_nodes, 8);
	assert_int_equal(topo.n_links, 8);
	node = &topo.nodes[topo_find_node(&topo, "spine2")];
	assert_int_equal(node->vcpus, 2);
	assert_true(node->memory_bytes == 512ull << 20); /* the group's */
	assert_int_equal(node->n_nics, 2);
	node = &topo.nodes[topo_find_node(&topo, "leaf1")];
	assert_true(node->memory_bytes == 128ull << 20); /* the image's */
	assert_int_equal(node->n_nics, 10);              /* gaps are filled */
	assert_true(node->nics[0].used && node->nics[1].used && node->nics[9].used);
	assert_false(node->nics[5].used);
	assert_int_equal(node->n_after, 2);
	node = &topo.nodes[topo_find_node(&topo, "h2")];
	assert_int_equal(node->nics[0].mtu, 1500); /* the link's, before the default */

	link = &topo.links[2]; /* h3 on br0 */
	assert_false(link->joins_ports);
	assert_int_equal(link->vlan_mode, CTL_VLAN_ACCESS);
	assert_int_equal(link->tag, 10);
	assert_int_equal(link->mtu, 9216);
	link = &topo.links[3]; /* h4, its ends the other way round */
	assert_int_equal(link->vlan_mode, CTL_VLAN_NATIVE_UNTAGGED);
	assert_int_equal(link->native, 10);
	assert_int_equal(vlan_set_count(&link->trunks), 10);
	assert_false(topo.links[1].enabled);
	assert_int_equal(topo.bridges[0].conf.ageing_s, 60);
	topo_done(&topo);
	free(good_text);
}

static void addresses_become_kernel_arguments(void **state)
{
	static const char text[] =
		"version: 1\nname: t\nimages:\n  i: { kernel: /dev/null }\n"
		"nodes:\n  r1: { image: i, interfaces: 2, forwarding: true, gateway: 10.0.0.9,\n"
		"        ipv4: { eth1: [10.0.0.1/24, 10.0.1.1/24], eth2.10: 10.1.0.1/24 },\n"
		"        ipv6: { eth2.10: '2001:db8::1/64' } }\n";
	struct diag diag = {.file = "t", .text = text, .size = sizeof(text) - 1};
	struct topo topo;

	assert_int_equal(topo_parse("/", true, &diag, &topo), 0);
	assert_string_equal(topo.nodes[0].guest_args,
		"hostname=r1 weft.ip=eth1:10.0.0.1/24 weft.ip=eth1:10.0.1.1/24 weft.vlan=eth2:10 "
		"weft.ip=eth2.10:10.1.0.1/24 weft.ip=eth2.10:2001:db8::1/64 weft.gw=10.0.0.9 "
		"weft.fwd=1");
	topo_done(&topo);
}

/* Relative ones as well, in whose directory the comma is. A kernel's path may hold any sign. */
static void a_disk_has_no_comma_in_its_path(void **state)
{
	static const char text[] = "version: 1\nname: t\nimages:\n  i: { kernel: k }\n"
				   "nodes:\n  h1: { image: i }\n  h2: { image: i, disk: d.raw }\n";
	struct diag diag = {.file = "t", .text = text, .size = sizeof(text) - 1};
	struct topo topo;

	assert_int_not_equal(topo_parse("/home/a,b", false, &diag, &topo), 0);
	assert_int_equal(diag.n, 1);
	topo_done(&topo);
	diag = (struct diag){.file = "t", .text = text, .size = sizeof(text) - 1};
	assert_int_equal(topo_parse("/home/a=b c", false, &diag, &topo), 0);
	assert_string_equal(topo.nodes[1].disk, "/home/a=b c/d.raw");
	topo_done(&topo);
}

static void check_way(const struct ctl_impair *settings, const char *expected)
{
	struct ctl_link link = {0};
	char text[512];

	CTL_SET(&link, ctl_link, a_to_b, *settings);
	(void)ctl_field_format(&ctl_link_schema.fields[ctl_link__a_to_b], &link, text,
		sizeof(text));
	assert_string_equal(text, expected);
}

/* Of the defaults, the link and one direction of it the last that says something counts; and with
 * what is turned off goes what was said about it before. */
static void impairments_resolve(void **state)
{
	static const char text[] =
		"version: 1\nname: t\n"
		"defaults:\n  node: { kind: nfguest }\n"
		"  link: { delay: 5ms, jitter: 1ms, distribution: normal, a-to-b: { rate: 1mbit } "
		"}\n"
		"nodes: { r1..3: {} }\nbridges: { br0: {} }\nlinks:\n"
		"  - { endpoints: [r1:eth3, r2:eth3] }\n"
		"  - { endpoints: [r1:eth4, r2:eth4], loss: 1%, delay: 7ms, b-to-a: { delay: 9ms } "
		"}\n"
		"  - { endpoints: [r1:eth5, r2:eth5], delay: 0, rate: 0 }\n"
		"  - { endpoints: [br0, r3:eth5], jitter: 0 }\n"
		"  - { mesh: [r1..3], jitter: 0, b-to-a: { rate: 2mbit } }\n";
	struct diag diag = {.file = "t", .text = text, .size = sizeof(text) - 1};
	struct topo topo;

	if (topo_parse("/", true, &diag, &topo))
		fail_msg("%s", diag.items[0].text);
	assert_int_equal(topo.n_links, 7);
	check_way(&topo.links[0].a_to_b, "delay 5ms jitter 1ms distribution normal rate 1mbit");
	check_way(&topo.links[0].b_to_a, "delay 5ms jitter 1ms distribution normal");
	check_way(&topo.links[1].a_to_b,
		"delay 7ms jitter 1ms distribution normal loss 1% rate 1mbit");
	check_way(&topo.links[1].b_to_a, "delay 9ms jitter 1ms distribution normal loss 1%");
	check_way(&topo.links[2].a_to_b, "");
	check_way(&topo.links[2].b_to_a, "");
	check_way(&topo.links[3].a_to_b, "delay 5ms"); /* to the bridge, b in the file */
	check_way(&topo.links[3].b_to_a, "delay 5ms rate 1mbit");
	for (unsigned i = 4; i < 7; i++) {
		check_way(&topo.links[i].a_to_b, "delay 5ms rate 1mbit");
		check_way(&topo.links[i].b_to_a, "delay 5ms rate 2mbit");
	}
	topo_done(&topo);
}

static const struct ctl_port *conf_of(const struct topo *topo, const char *name)
{
	int idx = topo_find_port(topo, name);

	assert_true(idx >= 0);
	return &topo->ports[idx].conf;
}

static void former_words_are_understood(void **state)
{
	struct topo topo;

	parse_good("former-words.yaml", &topo);
	assert_true(conf_of(&topo, "up0")->rebind);
	assert_true(topo.links[1].joins_ports);
	topo_done(&topo);
	free(good_text);
}

static void ports_of_the_host_have_their_settings(void **state)
{
	const struct ctl_port *conf;
	const struct topo_link *link;
	struct topo topo;

	parse_good("host-ports.yaml", &topo);
	assert_int_equal(topo.n_ports, 7);
	conf = conf_of(&topo, "host0");
	assert_int_equal(conf->type, CTL_PORT_TAP);
	assert_string_equal(conf->dev, "host0"); /* its own name */
	assert_string_equal(conf->ip, "192.0.2.1/24,2001:db8::1/64");
	assert_string_equal(conf->owner, "joe");
	assert_int_equal(conf->mac.bytes[5], 1);
	conf = conf_of(&topo, "up0");
	assert_int_equal(conf->type, CTL_PORT_NIC);
	assert_string_equal(conf->dev, "0000:05:00.0");
	assert_true(conf->rebind);
	assert_int_equal(conf->queues, 4);
	conf = conf_of(&topo, "c1");
	assert_string_equal(conf->netns, "blue");
	assert_string_equal(conf->peer, "eth0");
	conf = conf_of(&topo, "cap");
	assert_string_equal(conf->rx_file,
		LABS_DIR "/good/frames.pcap"); /* from the file's directory */
	assert_string_equal(conf->tx_file, "/tmp/out.pcap");
	assert_true(conf->loop);
	conf = conf_of(&topo, "mem");
	assert_string_equal(conf->path, LABS_DIR "/good/m.sock");
	assert_int_equal(conf->mode, CTL_SOCK_CLIENT);
	assert_int_equal(conf->memif_id, 3);
	assert_string_equal(conf_of(&topo, "spare")->devargs, "net_null0,size=64");

	assert_int_equal(topo.n_links, 5);
	link = &topo.links[0];
	assert_true(link->a.is_port);
	assert_string_equal(topo.ports[link->a.port].name, "host0");
	assert_false(link->joins_ports);
	assert_int_equal(link->tag, 10);
	assert_string_equal(topo.ports[topo.links[1].a.port].name, "up0"); /* the other way round */
	assert_int_equal(topo.ports[topo.links[1].a.port].mtu, 9000);
	link = &topo.links[3];
	assert_true(link->joins_ports && !link->a.is_port && link->b.is_port);
	assert_string_equal(topo.ports[link->b.port].name, "c1");
	link = &topo.links[4];
	assert_true(link->joins_ports && link->a.is_port && link->b.is_port && !link->enabled);
	assert_false(topo.ports[topo_find_port(&topo, "spare")].used);
	topo_done(&topo);
	free(good_text);
}

static void nfguest_nodes_and_test_steps(void **state)
{
	const struct topo_node *node;
	struct topo topo;

	parse_good("nfguest.yaml", &topo);
	assert_false(topo.nodes[topo_find_node(&topo, "r1")].image->is_nfguest);
	node = &topo.nodes[topo_find_node(&topo, "fw2")];
	assert_true(node->image->is_nfguest);
	assert_string_equal(node->cmdline, "mode=fwd");
	assert_string_equal(node->guest_args, ""); /* it would not understand them */
	assert_true(node->memory_bytes == 32ull << 20);
	assert_int_equal(node->n_nics, 2);
	assert_true(topo.nodes[topo_find_node(&topo, "gen")].memory_bytes == 64ull << 20);
	assert_int_equal(topo.n_steps, 2);
	assert_string_equal(topo.steps[0].node, "r1");
	assert_string_equal(topo.steps[0].exec, "ip link && true");
	assert_int_equal(topo.steps[0].timeout_s, 5);
	assert_null(topo.steps[0].swbench);
	assert_string_equal(topo.steps[1].swbench, "mrr --quick");
	assert_int_equal(topo.steps[1].n_ports, 2);
	assert_string_equal(topo.ports[topo.steps[1].ports[1]].name, "out");
	topo_done(&topo);
	free(good_text);
}

/* Every key that can be written is in the manual. */
static void manual_lists_every_key(void **state)
{
	size_t size;
	char *page = read_file(MAN_DIR, "weft-lab.5.scd", &size), word[64];

	for (unsigned i = 0; topo_schemas[i]; i++) {
		struct topo_field key;

		for (unsigned k = 0; topo_schema_key(topo_schemas[i], k, &key); k++) {
			(void)snprintf(word, sizeof(word), "*%s*", key.name);
			if (!strstr(page, word))
				fail_msg("weft-lab(5) does not mention the key %s of %s", word,
					topo_schemas[i]->what);
		}
	}
	free(page);
}

/* The verbs that a lab file may name are those that swbench has. */
static void verbs_of_swbench_are_known(void **state)
{
	glob_t files;
	char line[256], name[40];
	size_t n = 0, known = 0;

	assert_int_equal(glob(LABS_DIR "/../../../tools/swbench.d/verbs_*.py", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *in = fopen(files.gl_pathv[i], "re");

		assert_non_null(in);
		while (fgets(line, sizeof(line), in)) {
			size_t k = 0;

			if (sscanf(line, "@verb(\"%39[^\"]", name) != 1)
				continue;
			n++;
			while (topo_swbench_verbs[k] && strcmp(topo_swbench_verbs[k], name) != 0)
				k++;
			if (!topo_swbench_verbs[k])
				fail_msg("%s is not known", name);
		}
		(void)fclose(in);
	}
	globfree(&files);
	while (topo_swbench_verbs[known])
		known++;
	assert_int_equal(known, n + 1); /* and "suite" */
}

static void every_code_is_explained(void **state)
{
	for (unsigned code = DIAG_SYNTAX; code <= DIAG_MIRROR; code++)
		assert_non_null(diag_explain(code));
	assert_null(diag_explain(DIAG_MIRROR + 1));
	assert_null(diag_explain(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_files_have_their_messages),
		cmocka_unit_test(ranges_groups_and_meshes_resolve),
		cmocka_unit_test(impairments_resolve),
		cmocka_unit_test(addresses_become_kernel_arguments),
		cmocka_unit_test(a_disk_has_no_comma_in_its_path),
		cmocka_unit_test(ports_of_the_host_have_their_settings),
		cmocka_unit_test(former_words_are_understood),
		cmocka_unit_test(nfguest_nodes_and_test_steps),
		cmocka_unit_test(manual_lists_every_key),
		cmocka_unit_test(verbs_of_swbench_are_known),
		cmocka_unit_test(every_code_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
