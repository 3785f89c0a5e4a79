/* A real vswitch, asked through its control socket, killed and restarted. */
#include "ctl_client.h"
#include "fe.h"
#include "switch_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct switch_proc proc;

static int set_up(void **state)
{
	switch_proc_start(&proc, true);
	return 0;
}

static int tear_down(void **state)
{
	switch_proc_destroy(&proc);
	return 0;
}

static void must_fail(const char *method, const char *words, int code, const char *name)
{
	struct err err;
	int r = switch_ask(&proc, method, words, &err);

	if (r != code || strcmp(err.name, name) != 0 || !err.msg[0])
		fail_msg("%s %s: got %d %s '%s'", method, words, r, err.name, err.msg);
}

static struct fe *connect_port(const char *name)
{
	const struct fe_config config = {.path = switch_proc_path(&proc, name)};
	struct fe *fe = NULL;

	assert_int_equal(fe_create(&config, &fe), 0);
	switch_wait_port(&proc, name, CTL_CONN_RUNNING);
	return fe;
}

/* 60 bytes from 02:..:src to 02:..:dst, or to everybody where dst is 0. */
static void send_frame(struct fe *fe, uint8_t src, uint8_t dst)
{
	uint8_t frame[60] = {2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 0x88, 0xb5};

	if (!dst)
		memset(frame, 0xff, 6);
	assert_int_equal(fe_send(fe, 0, NULL, frame, sizeof(frame)), 0);
}

static bool receives(struct fe *fe, uint8_t src, unsigned timeout_ms)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	int len = fe_recv(fe, 0, &hdr, frame, sizeof(frame), timeout_ms);

	return len == 60 && frame[11] == src;
}

static void objects_come_and_go(void **state)
{
	struct ctl_switch sw;
	struct ctl_port port;

	assert_int_equal(switch_rows(&proc, "BridgeShow", "", NULL), 0);
	switch_must(&proc, "BridgeAdd", "name br0");
	must_fail("BridgeAdd", "name br0", -EEXIST, "BridgeExists");
	switch_must(&proc, "BridgeAdd", "name br0 exist_ok true");
	switch_must(&proc, "PortAdd",
		"name p1 bridge br0 type vhost-user path $/p1 mode server tag 10");
	must_fail("PortAdd", "name p2 bridge br0 path $/p1", -EADDRINUSE, "PathInUse");
	must_fail("PortAdd", "name p2 bridge nope path $/p2", -ENOENT, "BridgeNotFound");
	switch_must(&proc, "PortSet", "name p1 tag 20");
	assert_int_equal(switch_rows(&proc, "PortShow", "name p1", &port), 1);
	assert_int_equal(port.tag, 20);
	assert_int_equal(port.state, CTL_CONN_LISTENING);
	assert_false(port.carrier);
	must_fail("BridgeDel", "name br0", -EBUSY, "BridgeInUse");
	switch_must(&proc, "PortDel", "name p1");
	must_fail("PortDel", "name p1", -ENOENT, "PortNotFound");
	switch_must(&proc, "PortDel", "name p1 missing_ok true");
	switch_must(&proc, "BridgeDel", "name br0");
	assert_true(access(switch_proc_path(&proc, "p1"), F_OK) < 0);
	const struct ctl_empty empty = {0};
	assert_int_equal(ctl_client_call(proc.client, "SwitchShow", &empty, &sw, NULL), 0);
	assert_int_equal(sw.pid, proc.pid);
	assert_int_equal(sw.workers, 1);
}

static void failed_port_leaves_nothing(void **state)
{
	struct err err;

	switch_must(&proc, "BridgeAdd", "name br0");
	assert_true(switch_ask(&proc, "PortAdd", "name p1 bridge br0 path $/none/p1", &err) < 0);
	assert_true(err.msg[0]);
	assert_int_equal(switch_rows(&proc, "PortShow", "", NULL), 0);
	/* A socket that somebody serves is not taken away: here, the control socket itself. */
	assert_int_equal(switch_ask(&proc, "PortAdd", "name p1 bridge br0 path $/vs.sock", &err),
		-EADDRINUSE);
	switch_must(&proc, "PortAdd", "name p1 bridge br0 path $/p1");
}

static void socket_is_for_whom_it_is_said_to_be(void **state)
{
	bool is_root = geteuid() == 0;
	uid_t uid = is_root ? 12345 : geteuid();
	gid_t gid = is_root ? 23456 : getegid();
	char words[128];
	struct ctl_port port;
	struct stat st;
	struct fe *fe;

	(void)snprintf(words, sizeof(words), "name p path $/p owner %u:%u socket_mode 0620", uid,
		gid);
	switch_must(&proc, "PortAdd", words);
	assert_int_equal(stat(switch_proc_path(&proc, "p"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(switch_rows(&proc, "PortShow", "name p", &port), 1);
	assert_string_equal(port.socket_mode, "0620");
	fe = connect_port("p");
	fe_destroy(fe);
	must_fail("PortAdd", "name q path $/q owner no-such-user", -EINVAL, "InvalidParameter");
	assert_true(access(switch_proc_path(&proc, "q"), F_OK) < 0);
	must_fail("PortSet", "name p socket_mode 0666", -EINVAL, "InvalidParameter");
	switch_must(&proc, "PortDel", "name p");
	assert_true(access(switch_proc_path(&proc, "p"), F_OK) < 0);
}

/* Of a switch without the capability, which no later child of this process has. */
static void socket_is_not_given_away_without_the_right(void **state)
{
	struct err err;

	(void)switch_proc_stop(&proc, SIGTERM);
	if (prctl(PR_CAPBSET_DROP, CAP_CHOWN) < 0 && geteuid() == 0)
		skip();
	switch_proc_restart(&proc, false);
	assert_int_equal(switch_ask(&proc, "PortAdd", "name p path $/p owner 12345", &err),
		ctl_error_code(&ctl_vswitch_interface, "PermissionDenied"));
	assert_string_equal(err.msg,
		"port 'p': owner '12345': the switch may not give a socket away");
	assert_string_equal(err.field, "owner");
	assert_true(err.hint[0]);
	assert_true(access(switch_proc_path(&proc, "p"), F_OK) < 0);
	switch_must(&proc, "PortAdd", "name p path $/p socket_mode 0600");
}

static void peers_talk_and_are_learned(void **state)
{
	struct ctl_fdb row;
	struct fe *a, *b;

	switch_must(&proc, "BridgeAdd", "name br0");
	switch_must(&proc, "PortAdd", "name a bridge br0 path $/a");
	switch_must(&proc, "PortAdd", "name b bridge br0 path $/b");
	a = connect_port("a");
	b = connect_port("b");
	send_frame(a, 1, 0);
	assert_true(receives(b, 1, 60000));
	for (unsigned i = 0; i < 6000 && switch_rows(&proc, "FdbShow", "bridge br0", &row) != 1;
		i++)
		(void)usleep(10000);
	assert_string_equal(row.port, "a");
	assert_int_equal(row.vlan, 0);
	assert_int_equal(row.type, CTL_FDB_DYNAMIC);
	/* Live: b goes to another VLAN, and no frame passes. */
	switch_must(&proc, "PortSet", "name b tag 5");
	send_frame(a, 1, 0);
	assert_false(receives(b, 1, 500));
	fe_destroy(a);
	switch_wait_port(&proc, "a", CTL_CONN_LISTENING);
	assert_int_equal(switch_rows(&proc, "FdbShow", "bridge br0", NULL), 0);
	fe_destroy(b);
}

static void link_follows_both_ends(void **state)
{
	struct ctl_link row;
	struct fe *a, *b;

	switch_must(&proc, "PortAdd", "name a path $/a");
	switch_must(&proc, "PortAdd", "name b path $/b");
	switch_must(&proc, "LinkAdd", "name w a a b b");
	a = connect_port("a");
	assert_int_equal(switch_rows(&proc, "LinkShow", "name w", &row), 1);
	assert_false(row.carrier);
	b = connect_port("b");
	assert_int_equal(switch_rows(&proc, "LinkShow", "name a", &row), 1);
	assert_true(row.carrier);
	send_frame(a, 1, 2);
	assert_true(receives(b, 1, 60000));
	switch_must(&proc, "LinkSet", "name w enabled false");
	send_frame(a, 1, 2);
	assert_false(receives(b, 1, 500));
	switch_must(&proc, "LinkSet", "name a enabled true");
	send_frame(a, 1, 2);
	assert_true(receives(b, 1, 60000));
	fe_destroy(b);
	fe_destroy(a);
}

static void killed_switch_comes_back_by_itself(void **state)
{
	struct ctl_bridge bridge;
	struct ctl_port port;
	struct fe *a, *b;

	switch_must(&proc, "BridgeAdd", "name br0 ageing_s 77");
	switch_must(&proc, "PortAdd", "name a bridge br0 path $/a tag 10");
	switch_must(&proc, "PortAdd", "name b bridge br0 path $/b tag 11");
	switch_must(&proc, "PortSet", "name b tag 10");
	switch_must(&proc, "FdbAdd", "bridge br0 mac 02:00:00:00:00:09 port b");
	a = connect_port("a");
	b = connect_port("b");
	assert_int_equal(WTERMSIG(switch_proc_stop(&proc, SIGKILL)), SIGKILL);
	switch_proc_restart(&proc, true);
	assert_int_equal(switch_rows(&proc, "BridgeShow", "", &bridge), 1);
	assert_int_equal(bridge.ageing_s, 77);
	assert_int_equal(switch_rows(&proc, "PortShow", "", NULL), 2);
	assert_int_equal(switch_rows(&proc, "PortShow", "name b", &port), 1);
	assert_int_equal(port.tag, 10);
	assert_int_equal(switch_rows(&proc, "FdbShow", "bridge br0 type static", NULL), 1);
	/* The front-ends find it again and go on. */
	assert_int_equal(fe_reconnect(a), 0);
	assert_int_equal(fe_reconnect(b), 0);
	switch_wait_port(&proc, "a", CTL_CONN_RUNNING);
	switch_wait_port(&proc, "b", CTL_CONN_RUNNING);
	send_frame(a, 1, 9);
	assert_true(receives(b, 1, 60000));
	fe_destroy(a);
	fe_destroy(b);
}

static void clean_end_leaves_no_sockets(void **state)
{
	int status;

	switch_must(&proc, "BridgeAdd", "name br0");
	switch_must(&proc, "PortAdd", "name a bridge br0 path $/a");
	assert_int_equal(access(switch_proc_path(&proc, "a"), F_OK), 0);
	status = switch_proc_stop(&proc, SIGTERM);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(access(switch_proc_path(&proc, "a"), F_OK) < 0);
	assert_true(access(proc.control, F_OK) < 0);
	switch_proc_restart(&proc, true);
	assert_int_equal(switch_rows(&proc, "PortShow", "", NULL), 1);
}

static void bad_usage_is_told_apart(void **state)
{
	char other_state[96];
	const char *const usage[][4] = {
		{"--nonsense", NULL},
		{"extra", NULL},
		{"--workers", NULL},
		{"--workers", "x", NULL},
		{"--workers", "3-1", NULL},
		{"--workers", "1,1", NULL},
		{"--workers", "-1", NULL},
		{"--workers", "99999", NULL},
		{"--log-level", "loud", NULL},
		{"--control", "", NULL},
	};
	const char *const second[] = {"--control", proc.control, NULL};
	const char *const second_state[] = {
		"--control", other_state, "--state", switch_proc_path(&proc, "state"), NULL};
	const char *const bad_cpu[] = {"--control", other_state, "--workers", "1000", NULL};
	const char *const good[][2] = {{"--help", NULL}, {"--version", NULL}};

	(void)snprintf(other_state, sizeof(other_state), "%s/vs2.sock", proc.dir);
	for (size_t i = 0; i < sizeof(usage) / sizeof(usage[0]); i++) {
		if (switch_proc_run(usage[i]) != 2)
			fail_msg("%s: not refused as bad usage", usage[i][0]);
	}
	assert_int_equal(switch_proc_run(second), 1);
	assert_int_equal(switch_proc_run(second_state), 1);
	assert_int_equal(switch_proc_run(bad_cpu), 1);
	assert_int_equal(switch_proc_run(good[0]), 0);
	assert_int_equal(switch_proc_run(good[1]), 0);
	/* The first one noticed nothing. */
	switch_must(&proc, "BridgeAdd", "name br0");
}

struct heard {
	char seen[1024];
	int begun_fd; /* written to when the first event came */
};

static int count_event(void *ctx, const void *row)
{
	const struct ctl_event *event = row;
	struct heard *heard = ctx;
	char *seen = heard->seen;

	(void)!write(heard->begun_fd, "", 1);
	if (!strcmp(event->name, "probe"))
		return 0;
	(void)sprintf(seen + strlen(seen), "%s:%s:%s ", event->object, event->name, event->event);
	return !strcmp(event->name, "last");
}

static void monitors_hear_changes(void **state)
{
	const struct ctl_empty empty = {0};
	struct ctl_client *monitor;
	struct heard heard = {{0}, -1};
	int status, begun[2];
	pid_t pid;

	assert_int_equal(pipe(begun), 0);
	heard.begun_fd = begun[1];
	assert_int_equal(ctl_client_open(proc.control, &ctl_vswitch_interface, 60000, &monitor,
				 NULL),
		0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) { /* the child asks for changes while we listen */
		struct pollfd pfd = {.fd = begun[0], .events = POLLIN};

		while (!poll(&pfd, 1, 20)) {
			switch_must(&proc, "BridgeAdd", "name probe");
			switch_must(&proc, "BridgeDel", "name probe");
		}
		switch_must(&proc, "BridgeAdd", "name br0");
		switch_must(&proc, "BridgeSet", "name br0 ageing_s 5");
		switch_must(&proc, "BridgeAdd", "name last");
		_exit(0);
	}
	assert_int_equal(ctl_client_rows(monitor, "Monitor", &empty, count_event, &heard, NULL), 1);
	assert_string_equal(heard.seen, "bridge:br0:added bridge:br0:changed bridge:last:added ");
	ctl_client_close(monitor);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(begun[0]);
	(void)close(begun[1]);
}

/* A socket's path is the user's word: whatever file stands there is worth more than a port. */
static void files_at_a_socket_path_stay(void **state)
{
	const char *path = switch_proc_path(&proc, "thesis");
	struct stat st;
	struct err err;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "keep", 4), 4);
	close(fd);
	switch_must(&proc, "BridgeAdd", "name br0");
	assert_int_equal(switch_ask(&proc, "PortAdd",
				 "name p1 bridge br0 type vhost-user path $/thesis mode server",
				 &err),
		-EEXIST);
	assert_string_equal(err.field, "path");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	/* One that took the place of the socket stays, too. */
	assert_int_equal(unlink(path), 0);
	switch_must(&proc, "PortAdd",
		"name p1 bridge br0 type vhost-user path $/thesis mode server");
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	switch_must(&proc, "PortDel", "name p1");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(unlink(path), 0);
}

static int count_row(void *ctx, const void *row)
{
	++*(unsigned *)ctx;
	return 0;
}

static int count_trunks(void *ctx, const void *row)
{
	const struct ctl_port *port = row;
	unsigned *n = ctx;

	*n += CTL_HAS(port, ctl_port, trunks) && vlan_set_count(&port->trunks) == VLAN_MAX / 2;
	return 0;
}

/* Ask for a list, and begin to read it when the switch answered somebody else: until then it may
 * have written all of it. returns  how many rows come */
static unsigned read_late(const char *method)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), len;
	static const char continues[] = "\"continues\":true";
	unsigned n = 0, matched = 0;
	bool is_row = false, is_last = false;
	char bytes[4096];
	ssize_t got = 0;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", proc.control);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	len = snprintf(bytes, sizeof(bytes), "{\"method\":\"net.weft.vswitch.%s\",\"more\":true}",
		method);
	assert_int_equal(send(fd, bytes, (size_t)len + 1, 0), len + 1);
	for (unsigned i = 0; i < 3; i++) /* its own requests take turns with the others */
		assert_int_equal(switch_rows(&proc, "PortStats", "name p0", NULL), 1);
	while (!is_last && (got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (!bytes[i]) {
				n += is_row;
				is_last = !is_row;
				is_row = false;
			}
			matched = bytes[i] == continues[matched] ? matched + 1
								 : bytes[i] == continues[0];
			is_row |= !continues[matched];
			matched = continues[matched] ? matched : 0;
		}
	}
	if (!is_last)
		fail_msg("%s: cut off after %u rows", method, n);
	(void)close(fd);
	return n;
}

/* Each row has ten thousand bytes: together more than may wait for a client. */
static void long_lists_arrive_whole(void **state)
{
	struct ctl_port port = {0};
	struct ctl_vlan all = {0};
	struct ctl_ref every = {0};
	unsigned n = 0, n_vlans = 0;
	struct err err = {0};

	CTL_MARK(&port, ctl_port, trunks);
	for (uint16_t vid = 2; vid <= VLAN_MAX; vid += 2)
		vlan_set_add(&port.trunks, vid, vid);
	for (unsigned i = 0; i < 600; i++) {
		char name[32], path[CTL_PATH_MAX + 1];

		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(path, sizeof(path), "%s", switch_proc_path(&proc, name));
		CTL_SET_STR(&port, ctl_port, name, name);
		CTL_SET_STR(&port, ctl_port, path, path);
		CTL_SET(&port, ctl_port, mode, CTL_SOCK_CLIENT);
		CTL_SET(&port, ctl_port, queues, 1);
		if (ctl_client_call(proc.client, "PortAdd", &port, NULL, &err) < 0)
			fail_msg("%s", err.msg);
	}
	if (ctl_client_rows(proc.client, "PortShow", &every, count_trunks, &n, &err) < 0)
		fail_msg("PortShow: after %u rows: %s", n, err.msg);
	assert_int_equal(n, 600);
	if (ctl_client_rows(proc.client, "VlanShow", &all, count_row, &n_vlans, &err) < 0)
		fail_msg("VlanShow: after %u rows: %s", n_vlans, err.msg);
	assert_int_equal(n_vlans, 600);
	assert_int_equal(switch_rows(&proc, "PortStats", "", NULL), 600);
	assert_int_equal(read_late("PortShow"), 600);
	assert_int_equal(read_late("VlanShow"), 600);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(files_at_a_socket_path_stay), TEST(long_lists_arrive_whole),
		TEST(objects_come_and_go), TEST(failed_port_leaves_nothing),
		TEST(socket_is_for_whom_it_is_said_to_be), TEST(peers_talk_and_are_learned),
		TEST(link_follows_both_ends), TEST(killed_switch_comes_back_by_itself),
		TEST(clean_end_leaves_no_sockets), TEST(bad_usage_is_told_apart),
		TEST(monitors_hear_changes),
		TEST(socket_is_not_given_away_without_the_right), /* the last one */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
