#include "state.h"

#include "conf_words.h"
#include "ctl_field.h"
#include "ctl_iface.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char seen[4096];
static int fail_code; /* what remember() returns for port "bad" */

static int set_up(void **state)
{
	(void)strcpy(dir, "/tmp/weft-state-XXXXXX");
	seen[0] = '\0';
	fail_code = 0;
	log_set_level(LOG_ERR);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[512];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while ((entry = readdir(d))) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		(void)unlink(path);
	}
	(void)closedir(d);
	return rmdir(dir);
}

static int remember(void *ctx, const struct ctl_method *method, const void *in, struct err *err)
{
	const struct ctl_field *name = ctl_field_find(method->in, "name");
	char value[128] = "";

	if (name)
		(void)ctl_field_format(name, in, value, sizeof(value));
	if (!strcmp(value, "bad"))
		return err_set(err, fail_code, "port 'bad': refused");
	(void)sprintf(seen + strlen(seen), "%s:%s ", method->name, value);
	return 0;
}

static struct state *open_state(void)
{
	struct state *state;
	struct err err = {0};

	if (state_open(dir, &ctl_vswitch_interface, &state, &err) < 0)
		fail_msg("%s", err.msg);
	return state;
}

static int restore_all(void)
{
	struct state *state = open_state();
	int n;

	seen[0] = '\0';
	n = state_restore(state, STATE_CONFIG, remember, NULL);
	state_close(state);
	return n;
}

static void append_port(struct state *state, const char *name)
{
	struct ctl_port port = {0};

	CTL_SET_STR(&port, ctl_port, name, name);
	state_append(state, "PortAdd", &port);
}

static void put_bridge(struct state *state, const char *name)
{
	struct ctl_bridge bridge = {0};

	CTL_SET_STR(&bridge, ctl_bridge, name, name);
	state_put(state, "BridgeAdd", &bridge);
}

static void write_file(const char *text, size_t len)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/config", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static bool exists(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void missing_files_are_empty(void **unused)
{
	assert_int_equal(restore_all(), 0);
	assert_string_equal(seen, "");
}

static void rewrite_and_journal_come_back(void **unused)
{
	struct state *state = open_state();

	append_port(state, "before"); /* no journal yet */
	state_begin(state, STATE_CONFIG);
	put_bridge(state, "br0");
	assert_int_equal(state_end(state), 0);
	append_port(state, "p1");
	append_port(state, "p2");
	state_close(state);
	assert_int_equal(restore_all(), 3);
	assert_string_equal(seen, "BridgeAdd:br0 PortAdd:p1 PortAdd:p2 ");
}

static void killed_process_loses_nothing(void **unused)
{
	struct state *state = open_state(), *other;

	state_begin(state, STATE_CONFIG);
	assert_int_equal(state_end(state), 0);
	append_port(state, "p1");
	/* No close: only the lock is in the way of reading the same directory again. */
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/lock", dir);
	assert_int_equal(unlink(path), 0);
	other = open_state();
	assert_int_equal(state_restore(other, STATE_CONFIG, remember, NULL), 1);
	state_close(other);
	state_close(state);
	assert_string_equal(seen, "PortAdd:p1 ");
}

static void rewriting_forgets_the_journal(void **unused)
{
	struct state *state = open_state();

	state_begin(state, STATE_CONFIG);
	assert_int_equal(state_end(state), 0);
	append_port(state, "p1");
	state_begin(state, STATE_CONFIG);
	put_bridge(state, "br0");
	assert_int_equal(state_end(state), 0);
	append_port(state, "p2");
	state_close(state);
	assert_int_equal(restore_all(), 2);
	assert_string_equal(seen, "BridgeAdd:br0 PortAdd:p2 ");
	assert_false(exists("config.new"));
}

static void long_journal_asks_for_rewrite(void **unused)
{
	struct state *state = open_state();

	state_begin(state, STATE_CONFIG);
	assert_int_equal(state_end(state), 0);
	for (unsigned i = 0; i < 100000 && !state_is_long(state); i++)
		append_port(state, "p");
	assert_true(state_is_long(state));
	state_begin(state, STATE_CONFIG);
	assert_int_equal(state_end(state), 0);
	assert_false(state_is_long(state));
	state_close(state);
}

static void directory_is_not_shared(void **unused)
{
	struct state *state = open_state(), *other;
	struct err err = {0};

	assert_int_equal(state_open(dir, &ctl_vswitch_interface, &other, &err), -EBUSY);
	assert_true(err.msg[0] && err.hint[0]);
	state_close(state);
}

static void bad_directories_are_errors(void **unused)
{
	struct state *state;
	struct err err = {0};

	assert_int_equal(state_open("/dev/null", &ctl_vswitch_interface, &state, &err), -ENOTDIR);
	assert_int_equal(state_open("/nonexistent/state", &ctl_vswitch_interface, &state, &err),
		-ENOENT);
	assert_true(err.msg[0]);
}

#define HEADER "weft-vswitch-state 1\n"
#define BR0    "BridgeAdd {\"name\":\"br0\"}\n"

static void hostile_files_give_what_was_whole(void **unused)
{
	static const struct {
		const char *text;
		int n; /* messages restored */
	} cases[] = {
		{"", 0},
		{"\n", 0},
		{"nonsense\n", 0},
		{"weft-vswitch-state 2\n" BR0, 0},
		{HEADER BR0 "PortAdd {\"na", 1},
		{HEADER BR0 "PortAdd {\"name\":\"p\"}", 1},
		{HEADER BR0 "PortAdd\n" BR0, 1},
		{HEADER BR0 "PortAdd \n" BR0, 1},
		{HEADER BR0 "PortAdd {}\n" BR0, 1},
		{HEADER BR0 "PortAdd {\"name\":\"p\",\"x\":1}\n" BR0, 1},
		{HEADER BR0 "PortShow {}\n" BR0, 1},
		{HEADER BR0 "Monitor {}\n" BR0, 1},
		{HEADER BR0 "Nothing {}\n" BR0, 1},
		{HEADER BR0 "\n" BR0, 1},
		{HEADER BR0 "[[[[[[[[[[[[[[[[[[[[[[[[[[\n", 1},
		{HEADER BR0 BR0, 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool whole = i == 0 || i == sizeof(cases) / sizeof(cases[0]) - 1;
		int n;

		write_file(cases[i].text, strlen(cases[i].text));
		n = restore_all();
		if (n != cases[i].n || exists("config.damaged") == whole)
			fail_msg("'%s': restored %d, set aside %d", cases[i].text, n,
				exists("config.damaged"));
		assert_int_equal(exists("config"), whole);
		if (!whole) {
			char path[128];

			(void)snprintf(path, sizeof(path), "%s/config.damaged", dir);
			assert_int_equal(unlink(path), 0);
		}
	}
}

static void nul_and_endless_lines_are_damage(void **unused)
{
	static char text[3 * CTL_MAX_MESSAGE];
	size_t len = (size_t)sprintf(text, HEADER BR0);

	memcpy(text + len, "PortAdd\0{}\n", 11);
	write_file(text, len + 11);
	assert_int_equal(restore_all(), 1);
	assert_true(exists("config.damaged"));
	memset(text + len, 'x', sizeof(text) - len);
	text[sizeof(text) - 1] = '\n';
	write_file(text, sizeof(text));
	assert_int_equal(restore_all(), 1);
}

static void refused_messages_are_skipped_and_kept(void **unused)
{
	const char text[] = HEADER BR0 "PortAdd {\"name\":\"bad\"}\nPortAdd {\"name\":\"p1\"}\n";

	fail_code = -EADDRINUSE;
	write_file(text, strlen(text));
	assert_int_equal(restore_all(), 2);
	assert_string_equal(seen, "BridgeAdd:br0 PortAdd:p1 ");
	assert_true(exists("config.damaged"));
}

static void failed_rewrite_keeps_the_old_file(void **unused)
{
	struct state *state = open_state();
	char path[128];

	state_begin(state, STATE_CONFIG);
	put_bridge(state, "br0");
	assert_int_equal(state_end(state), 0);
	(void)snprintf(path, sizeof(path), "%s/config.new", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	state_begin(state, STATE_CONFIG);
	put_bridge(state, "br1");
	assert_true(state_end(state) < 0);
	append_port(state, "p1");
	state_close(state);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(restore_all(), 2);
	assert_string_equal(seen, "BridgeAdd:br0 PortAdd:p1 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(missing_files_are_empty),
		TEST(rewrite_and_journal_come_back),
		TEST(killed_process_loses_nothing),
		TEST(rewriting_forgets_the_journal),
		TEST(long_journal_asks_for_rewrite),
		TEST(directory_is_not_shared),
		TEST(bad_directories_are_errors),
		TEST(hostile_files_give_what_was_whole),
		TEST(nul_and_endless_lines_are_damage),
		TEST(refused_messages_are_skipped_and_kept),
		TEST(failed_rewrite_keeps_the_old_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
