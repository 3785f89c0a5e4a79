/* What a listening socket finds at its path, and what it leaves there. */
#include "unix_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/unix-socket-XXXXXX";

static const char *at(const char *name)
{
	static char path[UNIX_PATH_MAX + 1];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int listen_at(const char *path, struct unix_listener *listener, struct err *err)
{
	return unix_listen(path, 0600, 64, "socket", listener, err);
}

static int connect_to(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;
	struct sockaddr_un address;

	assert_int_equal(unix_address(path, &address), 0);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	close(fd);
	return r;
}

/* As a process leaves it that was killed. */
static void leave_dead(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(unix_address(path, &address), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

/* Number of files in the folder. */
static unsigned n_files(void)
{
	DIR *dir = opendir(folder);
	unsigned n = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return n;
}

static void it_comes_and_goes(void **state)
{
	struct unix_listener listener;
	struct err err = {0};
	struct stat st;

	assert_int_equal(listen_at(at("s"), &listener, &err), 0);
	assert_int_equal(connect_to(at("s")), 0);
	assert_int_equal(n_files(), 1);
	assert_int_equal(stat(at("s"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	unix_listener_close(&listener, at("s"), NULL);
	assert_int_equal(n_files(), 0);
}

static void dead_socket_is_replaced(void **state)
{
	struct unix_listener listener;
	struct err err = {0};

	leave_dead(at("s"));
	assert_int_equal(listen_at(at("s"), &listener, &err), 0);
	assert_int_equal(connect_to(at("s")), 0);
	assert_int_equal(n_files(), 1);
	unix_listener_close(&listener, at("s"), NULL);
}

static void served_socket_stays(void **state)
{
	struct unix_listener first, second;
	struct err err = {0};

	assert_int_equal(listen_at(at("s"), &first, &err), 0);
	assert_int_equal(listen_at(at("s"), &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "a running program serves it"));
	assert_int_equal(connect_to(at("s")), 0);
	assert_int_equal(n_files(), 1);
	unix_listener_close(&first, at("s"), NULL);
}

/* Asking changes nothing, and says what listening would. */
static void asked_before(void **state)
{
	struct unix_listener listener;
	const char *path = at("s");
	struct sockaddr_un address;
	struct err err = {0};
	int packets;

	assert_int_equal(unix_check_free(path, "socket", &err), 0);
	leave_dead(path);
	assert_int_equal(unix_check_free(path, "socket", &err), 0);
	assert_int_equal(n_files(), 1); /* it is there still */
	assert_int_equal(listen_at(path, &listener, &err), 0);
	assert_int_equal(unix_check_free(path, "socket", &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "a running program serves it"));
	unix_listener_close(&listener, path, NULL);

	packets = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0); /* as memif listens */
	assert_int_equal(unix_address(path, &address), 0);
	assert_int_equal(bind(packets, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(packets, 1), 0);
	assert_int_equal(unix_check_free(path, "socket", &err), -EADDRINUSE);
	close(packets);
	assert_int_equal(unix_check_free(path, "socket", &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unix_check_free("", "socket", &err), -EINVAL);
	assert_int_equal(unix_check_free("/nonexistent/s", "socket", &err), -ENOENT);
	assert_int_equal(unix_check_free("/dev/null", "socket", &err), -EEXIST);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "keep", 4), 4);
	close(fd);
}

/* For who listens there without us. */
static void only_the_dead_are_cleared(void **state)
{
	struct unix_listener listener;
	struct err err = {0};

	assert_int_equal(unix_clear_dead(at("s"), "socket", &err), 0);
	leave_dead(at("s"));
	assert_int_equal(unix_clear_dead(at("s"), "socket", &err), 0);
	assert_int_equal(n_files(), 0);
	make_file(at("s"));
	assert_int_equal(unix_clear_dead(at("s"), "socket", &err), -EEXIST);
	assert_int_equal(unlink(at("s")), 0);
	assert_int_equal(listen_at(at("s"), &listener, &err), 0);
	assert_int_equal(unix_clear_dead(at("s"), "socket", &err), -EADDRINUSE);
	assert_int_equal(connect_to(at("s")), 0);
	unix_listener_close(&listener, at("s"), NULL);
}

static void everything_else_stays(void **state)
{
	struct unix_listener listener;
	struct err err = {0};
	struct stat st;

	make_file(at("s"));
	assert_int_equal(listen_at(at("s"), &listener, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "something else is there"));
	assert_int_equal(stat(at("s"), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(unlink(at("s")), 0);
	assert_int_equal(symlink("/nowhere", at("s")), 0);
	assert_int_equal(listen_at(at("s"), &listener, &err), -EEXIST);
	assert_int_equal(unlink(at("s")), 0);
	assert_int_equal(mkfifo(at("s"), 0600), 0);
	assert_int_equal(listen_at(at("s"), &listener, &err), -EEXIST);
	assert_int_equal(unlink(at("s")), 0);
	assert_int_equal(mkdir(at("s"), 0700), 0);
	assert_int_equal(listen_at(at("s"), &listener, &err), -EEXIST);
	assert_int_equal(rmdir(at("s")), 0);
	assert_int_equal(n_files(), 0);
}

static void end_removes_only_its_own(void **state)
{
	struct unix_listener listener;
	struct err err = {0};

	assert_int_equal(listen_at(at("s"), &listener, &err), 0);
	assert_int_equal(unlink(at("s")), 0);
	make_file(at("s"));
	unix_listener_close(&listener, at("s"), NULL);
	assert_int_equal(unlink(at("s")), 0);
	assert_int_equal(listen_at(at("s"), &listener, &err), 0);
	assert_int_equal(unlink(at("s")), 0);
	leave_dead(at("s"));
	unix_listener_close(&listener, at("s"), NULL);
	assert_int_equal(unlink(at("s")), 0);
}

static void paths_are_checked(void **state)
{
	struct unix_listener listener;
	struct err err = {0};
	char path[UNIX_PATH_MAX + 2];

	(void)snprintf(path, sizeof(path), "%s/", folder);
	assert_int_equal(listen_at(path, &listener, &err), -EISDIR);
	memset(path + strlen(path), 'x', sizeof(path) - strlen(path) - 1);
	path[UNIX_PATH_MAX + 1] = '\0';
	assert_int_equal(listen_at(path, &listener, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.msg, "has 108 bytes, at most 107 fit"));
	path[UNIX_PATH_MAX] = '\0'; /* just so */
	assert_int_equal(listen_at(path, &listener, &err), 0);
	assert_int_equal(connect_to(path), 0);
	unix_listener_close(&listener, path, NULL);
	assert_int_equal(listen_at("", &listener, &err), -EINVAL);
	assert_int_equal(listen_at("/nowhere/at/all/s", &listener, &err), -ENOENT);
	assert_int_equal(n_files(), 0);
}

/* A relative path, and whoever keeps the folder locked. */
static void folder_need_not_be_named_or_unlocked(void **state)
{
	int home = open(".", O_PATH | O_CLOEXEC), lock = open(folder, O_RDONLY | O_CLOEXEC);
	struct unix_listener listener;
	struct err err = {0};

	assert_int_equal(flock(lock, LOCK_EX), 0);
	leave_dead(at("s"));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(listen_at("s", &listener, &err), 0);
	assert_int_equal(connect_to(at("s")), 0);
	unix_listener_close(&listener, "s", NULL);
	assert_int_equal(fchdir(home), 0);
	close(home);
	close(lock);
	assert_int_equal(n_files(), 0);
}

/* chown(2) knows it by its number. */
static void it_is_given_away(void **state)
{
	bool is_root = geteuid() == 0;
	const struct unix_access access = {
		0660, is_root ? 12345 : geteuid(), is_root ? 23456 : getegid()};
	struct unix_listener listener;
	struct err err = {0};
	struct stat st;

	assert_int_equal(unix_listen_for(&access, at("s"), 8, "socket", &listener, &err), 0);
	assert_int_equal(stat(at("s"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_uid, access.uid);
	assert_int_equal(st.st_gid, access.gid);
	assert_int_equal(n_files(), 1);
	unix_listener_close(&listener, at("s"), NULL);
	assert_int_equal(n_files(), 0);
}

/* Nothing is left of a socket that may not be given away. */
static void giving_it_away_takes_a_privilege(void **state)
{
	int status;

	if (!fork()) {
		const struct unix_access access = {0, 1, (gid_t)-1};
		struct unix_listener listener;
		struct err err = {0};

		if (!geteuid() && (chmod(folder, 0777) || setresuid(65534, 65534, 65534)))
			_exit(2);
		_exit(unix_listen_for(&access, at("s"), 8, "socket", &listener, &err) != -EPERM);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(n_files(), 0);
}

int __real_bind(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len);

/* Who can write to the folder puts a link to another file where a socket was just bound. */
static const char *link_to;

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	const char *path = ((const struct sockaddr_un *)address)->sun_path;
	int r = __real_bind(fd, address, len);

	if (!r && link_to) {
		assert_int_equal(unlink(path), 0);
		assert_int_equal(symlink(link_to, path), 0);
	}
	return r;
}

static void links_are_not_followed(void **state)
{
	const struct unix_access access = {0666, geteuid(), getegid()};
	struct unix_listener listener;
	struct err err = {0};
	struct stat st;
	char victim[UNIX_PATH_MAX + 1];
	int fd;

	(void)snprintf(victim, sizeof(victim), "%s", at("victim"));
	fd = open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	link_to = victim;
	assert_int_equal(unix_listen_for(&access, at("s"), 8, "socket", &listener, &err), -EEXIST);
	link_to = NULL;
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(n_files(), 0);
}

int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);

/* A program that does not know of the folder's lock: it takes the place of a dead socket while
 * somebody else finds it dead. */
static struct unix_listener late = {.fd = -1};
static bool is_late_due;

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	const char *path = ((const struct sockaddr_un *)address)->sun_path;
	int r = __real_connect(fd, address, len), code = errno;

	if (is_late_due && r && code == ECONNREFUSED) {
		is_late_due = false;
		assert_int_equal(unlink(path), 0);
		assert_int_equal(listen_at(path, &late, NULL), 0);
	}
	errno = code;
	return r;
}

/* What was looked at is not there any more, so nothing is removed. */
static void socket_that_comes_after_the_look_stays(void **state)
{
	struct unix_listener listener;
	struct err err = {0};

	leave_dead(at("s"));
	is_late_due = true;
	assert_int_equal(listen_at(at("s"), &listener, &err), -EADDRINUSE);
	assert_false(is_late_due);
	assert_int_equal(connect_to(at("s")), 0);
	assert_int_equal(n_files(), 1);
	unix_listener_close(&late, at("s"), NULL);
	assert_int_equal(n_files(), 0);
}

/* Programs that start at once on what a dead one left: one gets it, and it can be reached. */
static void one_of_many_gets_it(void **state)
{
	enum { PROGRAMS = 6, ROUNDS = 20 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		int go[2], done[2], end[2];
		unsigned n = 0;
		char byte;

		leave_dead(at("s"));
		assert_int_equal(pipe(go) | pipe(done) | pipe(end), 0);
		for (unsigned i = 0; i < PROGRAMS; i++) {
			if (fork())
				continue;
			struct unix_listener listener;
			char result = 'x';

			close(go[1]);
			close(end[1]);
			(void)!read(go[0], &byte, 1); /* until the parent closes it */
			if (!listen_at(at("s"), &listener, NULL))
				result = 'l';
			(void)!write(done[1], &result, 1);
			(void)!read(end[0], &byte, 1);
			_exit(0);
		}
		close(go[1]);
		for (unsigned i = 0; i < PROGRAMS; i++) {
			assert_int_equal(read(done[0], &byte, 1), 1);
			n += byte == 'l';
		}
		assert_int_equal(n, 1);
		assert_int_equal(connect_to(at("s")), 0);
		close(end[1]);
		for (unsigned i = 0; i < PROGRAMS; i++)
			wait(NULL);
		close(go[0]);
		close(done[0]);
		close(done[1]);
		close(end[0]);
		assert_int_equal(n_files(), 1);
		assert_int_equal(unlink(at("s")), 0);
	}
}

static int setup(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_and_goes),
		cmocka_unit_test(it_is_given_away),
		cmocka_unit_test(giving_it_away_takes_a_privilege),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(dead_socket_is_replaced),
		cmocka_unit_test(served_socket_stays),
		cmocka_unit_test(asked_before),
		cmocka_unit_test(only_the_dead_are_cleared),
		cmocka_unit_test(everything_else_stays),
		cmocka_unit_test(end_removes_only_its_own),
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(folder_need_not_be_named_or_unlocked),
		cmocka_unit_test(socket_that_comes_after_the_look_stays),
		cmocka_unit_test(one_of_many_gets_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
