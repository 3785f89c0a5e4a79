/* Tables and JSON from the same rows; the JSON is stable, byte by byte. */
#include "ctl_vmm.h"
#include "ctl_vswitch.h"
#include "show.h"
#include "show_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

static const struct show_column cols[] = {
	{"name", "NAME", false, CTL_SHOW_BRIEF},
	{"count", "COUNT", true, CTL_SHOW_BRIEF},
	{"state", "STATE", false, CTL_SHOW_TABLE},
};

static struct err draw_err;

static char *draw(const struct opts *opts, int *ret_code)
{
	const char *texts[] = {NULL, "three", NULL};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct show *show = show_begin(out, opts, cols, 3);

	err_clear(&draw_err);
	show_row(show, json_pack("{s:s, s:i, s:b}", "name", "a-long-name", "count", 3, "state", 1),
		texts);
	show_row(show, json_pack("{s:s, s:i}", "name", "b", "count", 1234567), NULL);
	*ret_code = show_end(show, &draw_err);
	fclose(out);
	return text;
}

static void check(const struct opts *opts, const char *expected)
{
	int r;
	char *text = draw(opts, &r);

	assert_int_equal(r, 0);
	assert_string_equal(text, expected);
	free(text);
}

static void tables_line_up(void **state)
{
	check(&(struct opts){0}, "NAME           COUNT  STATE\n"
				 "a-long-name    three  yes\n"
				 "b            1234567  -\n");
	check(&(struct opts){.brief = true}, "a-long-name    three\nb            1234567\n");
	check(&(struct opts){.no_header = true, .columns = "count,NAME"},
		"  three  a-long-name\n1234567  b\n");
	check(&(struct opts){.oneline = true},
		"name a-long-name count 3 state yes\nname b count 1234567\n");
	check(&(struct opts){.json = true}, "[{\"name\":\"a-long-name\",\"count\":3,\"state\":true}"
					    ",{\"name\":\"b\",\"count\":1234567}]\n");
}

static const struct show_column some[] = {
	{"name", "NAME", false, CTL_SHOW_BRIEF},
	{"note", "NOTE", false, CTL_SHOW_NOTE},
	{"speed", "SPEED", true, CTL_SHOW_IF_ANY},
	{"age_s", "AGE", true, CTL_SHOW_NAMED},
	{"why", "ERROR", false, CTL_SHOW_IF_ANY},
};

/* Draws rows[], an array, in the columns above; transfers it. */
static void draw_some(FILE *out, const struct opts *opts, json_t *rows)
{
	struct show *show = show_begin(out, opts, some, 5);
	struct err err;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		show_row(show, json_incref(row), NULL);
	}
	assert_int_equal(show_end(show, &err), 0);
	json_decref(rows);
}

static void check_some(const struct opts *opts, json_t *rows, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	draw_some(out, opts, rows);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_shown_where_they_say_something(void **state)
{
	check_some(&(struct opts){0}, json_pack("[{s:s, s:i}]", "name", "a", "age_s", 740),
		"NAME\na\n");
	check_some(&(struct opts){0},
		json_pack("[{s:s, s:s}, {s:s, s:i}]", "name", "a", "why", "gone", "name", "b",
			"speed", 10),
		"NAME  SPEED  ERROR\na         -  gone\nb        10  -\n");
	check_some(&(struct opts){0},
		json_pack("[{s:s}, {s:s, s:s}]", "name", "a", "name", "b", "note", "long text"),
		"NAME\na\nb\n\nb: long text\n");
	check_some(&(struct opts){.brief = true},
		json_pack("[{s:s, s:s}]", "name", "b", "note", "x"), "b\n");
	check_some(&(struct opts){.columns = "age_s"}, json_pack("[{s:i}]", "age_s", 740),
		"AGE\n740\n");
	check_some(&(struct opts){.details = true},
		json_pack("[{s:s, s:i}]", "name", "a", "age_s", 740), "name: a\n    age: 12m20s\n");
	check_some(&(struct opts){.oneline = true},
		json_pack("[{s:s, s:i}]", "name", "a", "age_s", 740), "name a age_s 740\n");
}

static void names_line_up_as_a_terminal_shows_them(void **state)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	check_some(&(struct opts){.no_header = true},
		json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "name", "h\u00fcgel", "why", "x",
			"name", "\u6771\u4eac", "why", "y", "name", "plain", "why", "z"),
		"h\u00fcgel  x\n\u6771\u4eac   y\nplain  z\n");
}

/* What a terminal of so many columns shows of rows. end: the last text, to read up to it. */
static void check_on_terminal(unsigned short n_columns, const struct show_column *columns,
	unsigned n, json_t *rows, const char *end, const char *expected)
{
	struct winsize size = {.ws_col = n_columns, .ws_row = 24};
	struct opts opts = {.color = "never", .no_header = true};
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	size_t len = 0, end_len = strlen(end), i;
	struct err err = {0};
	struct show *show;
	char text[256] = "";
	json_t *row;
	FILE *out;

	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0 && ioctl(slave, TIOCSWINSZ, &size) == 0);
	out = fdopen(slave, "w");
	show = show_begin(out, &opts, columns, n);
	json_array_foreach(rows, i, row)
	{
		show_row(show, json_incref(row), NULL);
	}
	assert_int_equal(show_end(show, &err), 0);
	json_decref(rows);
	fflush(out);
	while (len < end_len || memcmp(text + len - end_len, end, end_len) != 0) { /* in parts */
		ssize_t got = read(master, text + len, sizeof(text) - 1 - len);

		assert_true(got > 0);
		len += (size_t)got;
	}
	assert_string_equal(text, expected);
	fclose(out);
	close(master);
}

static void the_widest_text_is_cut_where_a_table_would_not_fit(void **state)
{
	static const struct show_column columns[] = {
		{"name", "NAME", false, CTL_SHOW_BRIEF},
		{"bridge", "BRIDGE", false, CTL_SHOW_BRIEF},
		{"count", "COUNT", true, CTL_SHOW_BRIEF},
		{"why", "WHY", false, CTL_SHOW_BRIEF},
	};

	check_on_terminal(40, columns, 4,
		json_pack("[{s:s, s:s, s:i, s:s}, {s:s, s:s, s:i, s:s}]", "name", "a-long-name",
			"bridge", "link a--b-and-more", "count", 1234567, "why", "refused", "name",
			"b", "bridge", "br0", "count", 1, "why", "gone"),
		"ne\r\n",
		"a-long-name  link a--\u2026  1234567  refused\r\n"
		"b            br0              1  gone\r\n");
	/* Where nothing is left to cut the line breaks. */
	check_on_terminal(20, columns, 1,
		json_pack("[{s:s}]", "name", "a-name-longer-than-the-line"), "ne\r\n",
		"a-name-longer-than-the-line\r\n");
	check_on_terminal(20, &columns[2], 2,
		json_pack("[{s:i, s:s}, {s:i, s:s}]", "count", 1, "why",
			"connecting to /s failed: No such file", "count", 20, "why", "gone"),
		"ne\r\n", " 1  connecting to /\u2026\r\n20  gone\r\n");
}

static void features_have_names(void **state)
{
	char buf[512], small[16];

	assert_string_equal(show_features(0, buf, sizeof(buf)), "none");
	assert_string_equal(show_features(UINT64_C(1) << 34 | 1 << 15 | 1, buf, sizeof(buf)),
		"csum mrg-rxbuf ring-packed");
	assert_string_equal(show_features(UINT64_C(1) << 63, buf, sizeof(buf)), "bit-63");
	assert_true(strlen(show_features(UINT64_MAX, small, sizeof(small))) < sizeof(small));
	assert_true(strlen(show_features(UINT64_MAX, buf, sizeof(buf))) < sizeof(buf));
}

static void check_columns_of(const struct ctl_struct *schema, const char *expected)
{
	struct show_column columns[SHOW_MAX_COLUMNS];
	unsigned n = show_columns(schema, columns);
	char list[256] = "";
	int used = 0;

	for (unsigned i = 0; i < n; i++)
		used += snprintf(list + used, sizeof(list) - (size_t)used, "%s%s%s%s", i ? " " : "",
			columns[i].right ? ">" : "", columns[i].title,
			columns[i].where == CTL_SHOW_BRIEF ? "!" : "");
	assert_string_equal(list, expected);
}

static void columns_of_messages_are_those_of_their_rows(void **state)
{
	check_columns_of(&ctl_port_schema,
		"PORT! TYPE STATE! CARRIER! BRIDGE! VLAN! >MTU RINGS >QUEUES >SPEED MODE ENDPOINT "
		"ERROR DISABLED");
	check_columns_of(&ctl_nic_schema, ">NIC! MAC! LINK! STATE! >MTU >QUEUES >CONNECTS");
	check_columns_of(&ctl_drop_schema, "PORT! DIRECTION! REASON! >FRAMES! MEANING");
	assert_int_equal(show_columns(&ctl_event_schema, (struct show_column[SHOW_MAX_COLUMNS]){0}),
		0);
	assert_int_equal(SHOW_COLUMN(ctl_port, mtu), 6);
}

#define LINE_FIELDS(F, T)                                                            \
	F(T, STR, name, REQ, 1, 8, "", "name", CTL_COLUMN(1, "NAME", BRIEF))         \
	F(T, U64, delay, OPT, 0, UINT64_MAX, "ns", "delay", .measure = MEASURE_TIME, \
		CTL_COLUMN(2, "DELAY", BRIEF))                                       \
	F(T, U32, loss, OPT, 0, MEASURE_ALL, "ppb", "loss", .measure = MEASURE_SHARE)
CTL_STRUCT(line, LINE_FIELDS);
CTL_SCHEMA(line, LINE_FIELDS);

static void check_line(const struct opts *opts, const char *expected)
{
	struct show_column columns[SHOW_MAX_COLUMNS];
	struct line line = {0}, without = {0};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct show *show = show_begin(out, opts, columns, show_columns(&line_schema, columns));

	CTL_SET_STR(&line, line, name, "l");
	CTL_SET(&line, line, delay, 20000000);
	CTL_SET(&line, line, loss, 1000000);
	CTL_SET_STR(&without, line, name, "m");
	show_rows_of(show, &line_schema);
	show_row(show, show_msg(&line_schema, &line), NULL);
	show_row(show, show_msg(&line_schema, &without), NULL);
	assert_int_equal(show_end(show, NULL), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void measures_have_units_but_in_json(void **state)
{
	check_line(&(struct opts){0}, "NAME  DELAY\nl      20ms\nm         -\n");
	check_line(&(struct opts){.details = true},
		"name: l\n    delay: 20ms\n    loss: 0.1%\nname: m\n");
	check_line(&(struct opts){.oneline = true}, "name l delay 20ms loss 0.1%\nname m\n");
	check_line(&(struct opts){.json = true},
		"[{\"name\":\"l\",\"delay\":20000000,\"loss\":1000000},{\"name\":\"m\"}]\n");
}

/* The hint lists the columns, and says first which of them may be meant. */
static void unknown_columns_are_errors(void **state)
{
	static const char *const cases[][2] = {
		{"NAME,CUONT", "did you mean 'COUNT'? columns are NAME,COUNT,STATE"},
		{"foo", "columns are NAME,COUNT,STATE"},
		{"", "columns are NAME,COUNT,STATE"},
		{"name,", "columns are NAME,COUNT,STATE"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opts opts = {.columns = cases[i][0]};
		int r;

		free(draw(&opts, &r));
		assert_int_equal(r, -EINVAL);
		assert_string_equal(draw_err.hint, cases[i][1]);
	}
}

static void color_is_for_states_only(void **state)
{
	struct opts opts = {.color = "always", .no_header = true, .columns = "state"};
	const char *texts[] = {NULL, NULL, "up"};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct show *show = show_begin(out, &opts, cols, 3);
	struct err err;

	show_row(show, json_object(), texts);
	assert_int_equal(show_end(show, &err), 0);
	fclose(out);
	assert_string_equal(text, "\033[32mup\033[0m\n");
	free(text);
}

static void check_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

/* The keys of `bridge -j fdb show` and `bridge -j vlan show`. */
static void fdb_and_vlan_are_as_iproute2_prints_them(void **state)
{
	struct ctl_fdb fdb = {.vlan = 10,
		.type = CTL_FDB_DYNAMIC,
		.age_s = 12,
		.mac = {{0x52, 0x54, 0, 0xa, 0, 1}}};
	struct ctl_vlan vlan = {.pvid = true};
	json_t *rows = json_array();

	CTL_SET_STR(&fdb, ctl_fdb, bridge, "br0");
	CTL_SET_STR(&fdb, ctl_fdb, port, "h1:eth1");
	check_json(show_fdb_json(&fdb),
		"{\"mac\":\"52:54:00:0a:00:01\",\"ifname\":\"h1:eth1\",\"flags\":[],"
		"\"master\":\"br0\",\"state\":\"\",\"vlan\":10,\"age\":12}");
	fdb.type = CTL_FDB_STATIC;
	fdb.vlan = 0;
	check_json(show_fdb_json(&fdb),
		"{\"mac\":\"52:54:00:0a:00:01\",\"ifname\":\"h1:eth1\",\"flags\":[],"
		"\"master\":\"br0\",\"state\":\"static\"}");

	CTL_SET_STR(&vlan, ctl_vlan, bridge, "br0");
	CTL_SET_STR(&vlan, ctl_vlan, port, "p2");
	vlan_set_add(&vlan.vlans, 10, 10);
	assert_int_equal(show_vlan_add(rows, &vlan), 0);
	vlan.pvid = false;
	vlan.tagged = true;
	vlan_set_clear(&vlan.vlans);
	vlan_set_add(&vlan.vlans, 20, 29);
	assert_int_equal(show_vlan_add(rows, &vlan), 0);
	check_json(rows, "[{\"ifname\":\"p2\",\"vlans\":[{\"vlan\":10,\"flags\":[\"PVID\",\"Egress "
			 "Untagged\"]},"
			 "{\"vlan\":20,\"vlanEnd\":29,\"flags\":[]}],\"master\":\"br0\"}]");
}

static void roles_read_as_people_say_them(void **state)
{
	struct ctl_port port = {.vlan_mode = CTL_VLAN_ACCESS, .tag = 10};
	char buf[256];

	assert_string_equal(show_port_vlans(&port, buf, sizeof(buf)), "access 10");
	port = (struct ctl_port){.vlan_mode = CTL_VLAN_NATIVE_UNTAGGED, .native = 10};
	vlan_set_add(&port.trunks, 20, 29);
	assert_string_equal(show_port_vlans(&port, buf, sizeof(buf)), "trunk 20-29 native 10");
	vlan_set_fill(&port.trunks);
	port.vlan_mode = CTL_VLAN_TRUNK;
	port.native = 0;
	assert_string_equal(show_port_vlans(&port, buf, sizeof(buf)), "trunk all");
	for (unsigned vid = 2; vid < 4094; vid += 2) /* longer than any line */
		vlan_set_del(&port.trunks, (uint16_t)vid, (uint16_t)vid);
	assert_true(strlen(show_port_vlans(&port, buf, sizeof(buf))) < sizeof(buf));
	assert_non_null(strstr(buf, "..."));
}

static void check_end(const struct ctl_port *port, const char *expected)
{
	char buf[512];

	assert_string_equal(show_port_end(port, buf, sizeof(buf)), expected);
}

static void ends_read_by_type(void **state)
{
	char buf[16];

	check_end(&(struct ctl_port){.path = "/run/a.sock"}, "/run/a.sock");
	check_end(&(struct ctl_port){.type = CTL_PORT_NIC,
			  .dev = "0000:05:00.0",
			  .driver = "net_e1000_em"},
		"0000:05:00.0 (net_e1000_em)");
	check_end(&(struct ctl_port){.type = CTL_PORT_AF_XDP, .dev = "eth1"}, "eth1");
	check_end(&(struct ctl_port){.type = CTL_PORT_AF_PACKET, .dev = "eth2"}, "eth2");
	check_end(&(struct ctl_port){.type = CTL_PORT_TAP, .dev = "host0", .ip = "192.0.2.1/24"},
		"host0 192.0.2.1/24");
	check_end(&(struct ctl_port){.type = CTL_PORT_TAP, .dev = "host0"}, "host0");
	check_end(&(struct ctl_port){.type = CTL_PORT_VETH,
			  .dev = "v0",
			  .netns = "/run/netns/blue",
			  .peer = "eth0",
			  .ip = "2001:db8::1/64"},
		"v0 -- blue:eth0 2001:db8::1/64");
	check_end(&(struct ctl_port){.type = CTL_PORT_PCAP,
			  .rx_file = "/c/in",
			  .tx_file = "/c/out"},
		"from in, to out");
	check_end(&(struct ctl_port){.type = CTL_PORT_PCAP, .rx_file = "/c/in"}, "from in");
	check_end(&(struct ctl_port){.type = CTL_PORT_PCAP, .tx_file = "/c/out"}, "to out");
	check_end(&(struct ctl_port){.type = CTL_PORT_MEMIF, .path = "/s/m", .memif_id = 3},
		"/s/m #3");
	check_end(&(struct ctl_port){.type = CTL_PORT_DPDK,
			  .devargs = "net_ring0",
			  .driver = "net_ring"},
		"net_ring0 (net_ring)");
	check_end(&(struct ctl_port){.name = "p"}, "-");

	assert_string_equal(show_port_speed(&(struct ctl_port){.speed = 100}, buf, sizeof(buf)),
		"100M");
	assert_string_equal(show_port_speed(&(struct ctl_port){.speed = 2500}, buf, sizeof(buf)),
		"2500M");
	assert_string_equal(show_port_speed(&(struct ctl_port){.speed = 10000}, buf, sizeof(buf)),
		"10G");
	assert_string_equal(show_port_speed(&(struct ctl_port){.speed = 0}, buf, sizeof(buf)), "-");
}

/* Whatever the fields hold, the text ends within the buffer. */
static void rates_have_three_digits(void **state)
{
	static const struct {
		uint64_t number;
		const char *text;
	} cases[] = {{0, "0"}, {999, "999"}, {1000, "1.00k"}, {1234, "1.23k"}, {9994, "9.99k"},
		{9996, "10.0k"}, {99940, "99.9k"}, {99960, "100k"}, {999499, "999k"},
		{999600, "1.00M"}, {14880952, "14.9M"}, {10000000000, "10.0G"},
		{UINT64_MAX, "18.4E"}};
	char buf[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(show_rate(cases[i].number, buf, sizeof(buf)), cases[i].text);
}

static void long_ends_are_cut(void **state)
{
	struct ctl_port port = {.type = CTL_PORT_DPDK};
	char buf[64];

	memset(port.devargs, 'x', sizeof(port.devargs) - 1);
	memset(port.driver, 'y', sizeof(port.driver) - 1);
	assert_int_equal(strlen(show_port_end(&port, buf, sizeof(buf))), sizeof(buf) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_line_up),
		cmocka_unit_test(columns_of_messages_are_those_of_their_rows),
		cmocka_unit_test(measures_have_units_but_in_json),
		cmocka_unit_test(unknown_columns_are_errors),
		cmocka_unit_test(columns_are_shown_where_they_say_something),
		cmocka_unit_test(names_line_up_as_a_terminal_shows_them),
		cmocka_unit_test(the_widest_text_is_cut_where_a_table_would_not_fit),
		cmocka_unit_test(features_have_names),
		cmocka_unit_test(color_is_for_states_only),
		cmocka_unit_test(fdb_and_vlan_are_as_iproute2_prints_them),
		cmocka_unit_test(roles_read_as_people_say_them),
		cmocka_unit_test(ends_read_by_type),
		cmocka_unit_test(rates_have_three_digits),
		cmocka_unit_test(long_ends_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
