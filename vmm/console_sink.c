/* How each kind of console sink is opened: stdio, file, log, pty, Unix socket. */
#include "console_priv.h"

#include "closer.h"
#include "err.h"
#include "log.h"
#include "unix_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_MODULE("console");

#define CONSOLE_SOCKET_MODE     0660
#define CONSOLE_BACKLOG         8
#define CONSOLE_ACCEPT_PAUSE_NS UINT64_C(100000000)

static struct console_client *create_client(void)
{
	struct console_client *client = calloc(1, sizeof(*client));

	if (client)
		client->in_fd = client->out_fd = client->keep_fd = -1;
	return client;
}

/*
 * A descriptor of our own for fd 0 or 1. The flags of an open file are shared with whoever gave it
 * to us, so that setting O_NONBLOCK would hit our caller's shell: open it again where that works.
 */
static int reopen_fd(int fd, int flags)
{
	char path[32];
	struct stat st;
	int again;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))) {
		again = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (again >= 0)
			return again;
	}
	again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (again < 0)
		return -errno;
	if (S_ISSOCK(st.st_mode))
		(void)fcntl(again, F_SETFL, fcntl(again, F_GETFL) | O_NONBLOCK);
	return again;
}

static void make_raw(struct console_client *client)
{
	struct termios raw;

	if (tcgetattr(client->in_fd, &client->termios) < 0)
		return; /* not a terminal */
	raw = client->termios;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* our own log lines share the screen */
	client->has_terminal = tcsetattr(client->in_fd, TCSADRAIN, &raw) == 0;
}

static int open_stdio(struct console_client *client, const char *path, struct err *err)
{
	struct stat st;

	client->in_fd = reopen_fd(STDIN_FILENO, O_RDONLY); /* closed stdin: output only */
	if (client->in_fd < 0)
		client->in_fd = -1;
	client->out_fd = reopen_fd(STDOUT_FILENO, O_WRONLY);
	if (client->out_fd < 0)
		return err_set(err, client->out_fd, "stdio: standard output is not open: %s",
			strerror(-client->out_fd));
	client->in_step = fstat(client->out_fd, &st) == 0 && S_ISREG(st.st_mode);
	if (client->in_fd >= 0)
		make_raw(client);
	return 0;
}

static int open_path(struct console_client *client, const char *path, int flags, struct err *err)
{
	struct stat st;
	int r;

	client->out_fd =
		open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0640);
	if (client->out_fd < 0) {
		r = -errno;
		client->out_fd = -1;
		return err_set(err, r, "file '%s': cannot open it for writing: %s", path,
			strerror(-r));
	}
	client->in_step = fstat(client->out_fd, &st) == 0 && S_ISREG(st.st_mode);
	return 0;
}

static int open_file(struct console_client *client, const char *path, struct err *err)
{
	return open_path(client, path, O_TRUNC, err);
}

static int open_log(struct console_client *client, const char *path, struct err *err)
{
	return open_path(client, path, O_APPEND, err);
}

/*
 * Make the link at path. One to a pseudo-terminal that is there already was left by a process that
 * died: the terminal is gone, or somebody else's by now. Anything else stays.
 */
static int link_pty(struct console_client *client, const char *slave, const char *path)
{
	char target[sizeof("/dev/pts/")] = "";
	int r = symlink(slave, path) < 0 ? -errno : 0;

	if (r == -EEXIST && readlink(path, target, sizeof(target) - 1) > 0 &&
		!strcmp(target, "/dev/pts/"))
		r = unlink(path) < 0 || symlink(slave, path) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	(void)snprintf(client->link_path, sizeof(client->link_path), "%s", path);
	(void)snprintf(client->link_target, sizeof(client->link_target), "%s", slave);
	return 0;
}

/* Who took the path over keeps what stands there. */
static void unlink_pty(const struct console_client *client)
{
	char target[sizeof(client->link_target)] = "";

	if (client->link_path[0] && readlink(client->link_path, target, sizeof(target) - 1) > 0 &&
		!strcmp(target, client->link_target))
		(void)unlink(client->link_path);
}

void console_client_free(struct console_client *client)
{
	ev_del(client->in_source);
	ev_del(client->out_source);
	if (client->has_terminal)
		(void)tcsetattr(client->in_fd, TCSADRAIN, &client->termios);
	unlink_pty(client);
	if (client->keep_fd >= 0)
		(void)close(client->keep_fd);
	if (client->out_fd >= 0)
		(void)close(client->out_fd);
	if (client->closes_on_eof)
		unix_conn_end(client->in_fd, ev_closer(client->console->ev));
	else if (client->in_fd >= 0)
		(void)close(client->in_fd);
	free(client);
}

static int open_pty(struct console_client *client, const char *path, struct err *err)
{
	struct termios raw;
	char slave[sizeof(client->link_target)];
	int r;

	client->in_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (client->in_fd < 0 || grantpt(client->in_fd) < 0 || unlockpt(client->in_fd) < 0 ||
		ptsname_r(client->in_fd, slave, sizeof(slave))) {
		r = -errno;
		return err_set(err, r, "pty: cannot make one: %s", strerror(-r));
	}
	/* Held open, so that the master does not hang up while nobody looks. */
	client->keep_fd = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	client->out_fd = fcntl(client->in_fd, F_DUPFD_CLOEXEC, 3);
	if (client->keep_fd < 0 || client->out_fd < 0 || tcgetattr(client->keep_fd, &raw) < 0) {
		r = -errno;
		return err_set(err, r, "pty '%s': cannot open it: %s", slave, strerror(-r));
	}
	cfmakeraw(&raw);
	(void)tcsetattr(client->keep_fd, TCSANOW, &raw);
	log_info("console is at %s", slave);
	if (!path[0])
		return 0;
	r = link_pty(client, slave, path);
	return r < 0 ? err_set(err, r, "pty: cannot make the link '%s': %s", path, strerror(-r))
		     : 0;
}

/* Unix socket */

static void pause_accepting(struct console_listener *listener)
{
	if (!ev_set_events(listener->source, 0))
		ev_timer_set(listener->accept_timer, CONSOLE_ACCEPT_PAUSE_NS, 0);
}

static void on_connect(void *ctx, int fd, uint32_t events)
{
	struct console_listener *listener = ctx;
	struct console *console = listener->console;
	struct closer *closer = ev_closer(console->ev);
	struct console_client *client;
	int in_fd;

	if (closer_is_behind(closer)) {
		pause_accepting(listener);
		return;
	}
	in_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (in_fd < 0) {
		/*
		 * Without descriptors accept() fails at once, for ever; look again after a while.
		 */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_accepting(listener);
		return;
	}
	client = console->n_clients < CONSOLE_MAX_CLIENTS ? create_client() : NULL;
	if (!client) {
		log_warn_ratelimited("%s: connection refused, %u clients are attached",
			console->name, console->n_clients);
		unix_conn_end(in_fd, closer);
		return;
	}
	client->console = console;
	client->in_fd = in_fd;
	client->out_fd = fcntl(in_fd, F_DUPFD_CLOEXEC, 3);
	client->closes_on_eof = true;
	if (client->out_fd < 0 || console_add_client(console, client) < 0)
		console_client_free(client);
	else
		console->n_clients++;
}

static void on_accept_timer(void *ctx)
{
	struct console_listener *listener = ctx;

	if (ev_set_events(listener->source, EPOLLIN) < 0)
		ev_timer_set(listener->accept_timer, CONSOLE_ACCEPT_PAUSE_NS, 0);
}

static int open_socket(struct console *console, const char *path, struct err *err)
{
	struct console_listener *listener = calloc(1, sizeof(*listener));
	int r = -ENOMEM;

	if (!listener)
		return err_set(err, r, "socket '%s': out of memory", path);
	listener->console = console;
	(void)snprintf(listener->path, sizeof(listener->path), "%s", path);
	r = unix_listen(path, CONSOLE_SOCKET_MODE, CONSOLE_BACKLOG, "socket", &listener->socket,
		err);
	if (r < 0) {
		free(listener);
		return r;
	}
	r = ev_add_timer(console->ev, on_accept_timer, listener, &listener->accept_timer);
	if (!r)
		r = ev_add_io(console->ev, listener->socket.fd, EPOLLIN, on_connect, listener,
			&listener->source);
	if (r < 0) {
		console_listener_close(listener);
		return err_set(err, r, "socket '%s': cannot listen: %s", path, strerror(-r));
	}
	listener->next = console->listeners;
	console->listeners = listener;
	return 0;
}

void console_listener_close(struct console_listener *listener)
{
	ev_del(listener->source);
	ev_del(listener->accept_timer);
	unix_listener_close(&listener->socket, listener->path, ev_closer(listener->console->ev));
	free(listener);
}

typedef int console_open_fn(struct console_client *client, const char *path, struct err *err);

static console_open_fn *const console_openers[] = {
	[CONSOLE_STDIO] = open_stdio,
	[CONSOLE_FILE] = open_file,
	[CONSOLE_LOG] = open_log,
	[CONSOLE_PTY] = open_pty,
};

int console_add_sink(struct console *console, const struct console_sink_config *config,
	struct err *err)
{
	struct console_client *client;
	int r;

	if (config->kind == CONSOLE_UNIX)
		return open_socket(console, config->path, err);
	client = create_client();
	if (!client)
		return err_set(err, -ENOMEM, "console: out of memory");
	r = console_openers[config->kind](client, config->path, err);
	if (!r) {
		r = console_add_client(console, client);
		if (r < 0)
			(void)err_set(err, r, "console: cannot watch it: %s", strerror(-r));
	}
	if (r < 0)
		console_client_free(client);
	return r;
}
