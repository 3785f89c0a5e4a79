/* What can be at the path of a control socket, and what becomes of it. */
#include "ctl_server.h"
#include "ctl_service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int create(const char *path, struct ctl_server **ret_server, struct err *err)
{
	return ctl_server_create(ctl_service.ev, path, &ctl_service_interface, ctl_service_handlers,
		ctl_service_n_handlers, &ctl_service, ret_server, err);
}

/* A bound socket that nobody serves any more. */
static void leave_stale_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)close(fd);
}

static void served_socket_is_refused(void **state)
{
	struct ctl_server *server;
	struct err err = {0};

	assert_int_equal(create(ctl_service.path, &server, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, ctl_service.path));
	assert_non_null(strstr(err.msg, "a running program serves it"));
	assert_int_equal(access(ctl_service.path, F_OK), 0);
}

static void stale_socket_is_replaced(void **state)
{
	struct ctl_server *server;
	struct err err = {0};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/stale.sock", ctl_service.folder);
	leave_stale_socket(path);
	assert_int_equal(create(path, &server, &err), 0);
	ctl_server_destroy(server);
	assert_int_equal(access(path, F_OK), -1);
}

static void other_files_are_left_alone(void **state)
{
	struct ctl_server *server;
	struct err err = {0};
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", ctl_service.folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "keep", 4), 4);
	(void)close(fd);
	assert_int_equal(create(path, &server, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "something else is there"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(create(path, &server, &err), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(create(ctl_service.folder, &server, &err), -EEXIST);
}

static void paths_are_checked(void **state)
{
	char path[200] = "/tmp/";
	struct ctl_server *server;
	struct err err = {0};

	memset(path + 5, 'x', 108 - 5);
	path[108] = '\0';
	assert_int_equal(create(path, &server, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.msg, "has 108 bytes, at most 107 fit"));
	assert_int_equal(create("", &server, &err), -EINVAL);
	assert_int_equal(create("/nowhere/at/all/s.sock", &server, &err), -ENOENT);
	path[107] = '\0'; /* exactly as long as it may be */
	assert_int_equal(create(path, &server, &err), 0);
	ctl_server_destroy(server);
}

static void socket_has_its_mode_whatever_the_umask(void **state)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/mode.sock", ctl_service.folder);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		mode_t old = umask(masks[i]);
		struct ctl_server *server;
		struct err err = {0};
		struct stat st;
		int code = create(path, &server, &err);

		(void)umask(old);
		assert_int_equal(code, 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0660);
		ctl_server_destroy(server);
	}
}

static void end_unlinks_only_its_own_socket(void **state)
{
	struct ctl_server *server;
	struct err err = {0};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/mine.sock", ctl_service.folder);
	assert_int_equal(create(path, &server, &err), 0);
	assert_int_equal(unlink(path), 0);
	leave_stale_socket(path); /* somebody else's */
	ctl_server_destroy(server);
	assert_int_equal(unlink(path), 0);
}

static void folder_lock_of_a_stranger_does_not_stop_us(void **state)
{
	struct ctl_server *server;
	struct err err = {0};
	char path[128];
	int fd = open(ctl_service.folder, O_RDONLY | O_DIRECTORY);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	(void)snprintf(path, sizeof(path), "%s/locked.sock", ctl_service.folder);
	assert_int_equal(create(path, &server, &err), 0);
	ctl_server_destroy(server);
	(void)close(fd);
}

static int no_handler(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	return 0;
}

static void each_method_has_exactly_one_handler(void **state)
{
	struct ctl_handler handlers[64];
	struct ctl_server *server;
	struct err err = {0};
	unsigned n = ctl_service_n_handlers;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/h.sock", ctl_service.folder);
	memcpy(handlers, ctl_service_handlers, n * sizeof(handlers[0]));
	assert_int_equal(ctl_server_create(ctl_service.ev, path, &ctl_service_interface, handlers,
				 n - 1, NULL, &server, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "method 'Broken' has no handler"));
	handlers[n] = (struct ctl_handler){"Ecco", no_handler};
	assert_int_equal(ctl_server_create(ctl_service.ev, path, &ctl_service_interface, handlers,
				 n + 1, NULL, &server, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "handler 'Ecco' has no method"));
	handlers[n].method = "Echo";
	assert_int_equal(ctl_server_create(ctl_service.ev, path, &ctl_service_interface, handlers,
				 n + 1, NULL, &server, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "handler 'Echo' is given twice"));
	assert_int_equal(access(path, F_OK), -1);
}

#define LISTEN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, ctl_service_setup, ctl_service_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTEN_TEST(served_socket_is_refused),
		LISTEN_TEST(stale_socket_is_replaced),
		LISTEN_TEST(other_files_are_left_alone),
		LISTEN_TEST(paths_are_checked),
		LISTEN_TEST(socket_has_its_mode_whatever_the_umask),
		LISTEN_TEST(end_unlinks_only_its_own_socket),
		LISTEN_TEST(folder_lock_of_a_stranger_does_not_stop_us),
		LISTEN_TEST(each_method_has_exactly_one_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
