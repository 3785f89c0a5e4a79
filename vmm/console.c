#include "console_priv.h"

#include "err.h"
#include "log.h"
#include "unix_conn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_MODULE("console");

#define CONSOLE_ESCAPE 0x01 /* Ctrl-A */

/* Output: from the ring to the clients. All of it under the lock, and no write here can block. */

static void wake_locked(struct console *console)
{
	static const uint64_t one = 1;

	if (console->wake_pending)
		return;
	console->wake_pending = true;
	(void)!write(console->wake_fd, &one, sizeof(one)); /* cannot fail: the counter is 0 */
}

/* Write what the client has not had. Returns true when there is no more to write now. */
static bool flush_locked(struct console *console, struct console_client *client)
{
	if (console->total - client->position > CONSOLE_RING_BYTES)
		client->position = console->total - CONSOLE_RING_BYTES;
	while (client->position != console->total) {
		size_t at = client->position % CONSOLE_RING_BYTES;
		size_t n = console->total - client->position;
		ssize_t done;

		if (n > CONSOLE_RING_BYTES - at)
			n = CONSOLE_RING_BYTES - at;
		done = write(client->out_fd, console->ring + at, n);
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (done <= 0) {
			client->dead = true; /* a full disk or a broken pipe: the others go on */
			return true;
		}
		client->position += (uint64_t)done;
	}
	return true;
}

static void flush_client(struct console *console, struct console_client *client)
{
	bool done;

	if (client->out_fd < 0 || client->dead)
		return;
	(void)pthread_mutex_lock(&console->lock);
	done = flush_locked(console, client);
	(void)pthread_mutex_unlock(&console->lock);
	if (client->out_source)
		(void)ev_set_events(client->out_source, done ? 0 : EPOLLOUT);
}

void console_write(struct console *console, const void *data, size_t len)
{
	const uint8_t *from = data;

	(void)pthread_mutex_lock(&console->lock);
	for (size_t i = 0; i < len; i++) {
		/* A file that would lose a byte is brought up to date first. */
		for (struct console_client *c = console->clients; c; c = c->next) {
			if (c->in_step && !c->dead &&
				console->total - c->position >= CONSOLE_RING_BYTES)
				(void)flush_locked(console, c);
		}
		console->ring[console->total++ % CONSOLE_RING_BYTES] = from[i];
	}
	wake_locked(console);
	(void)pthread_mutex_unlock(&console->lock);
}

/* Input: from the clients to the device. */

static void offer_input(struct console_client *client)
{
	struct console *console = client->console;
	size_t taken = client->n_input;

	if (!client->n_input)
		return;
	if (console->input_fn)
		taken = console->input_fn(console->input_ctx, client->input, client->n_input);
	client->n_input -= taken;
	memmove(client->input, client->input + taken, client->n_input);
}

/* Ctrl-A x at our own terminal ends the VM, Ctrl-A Ctrl-A sends one Ctrl-A. */
static void filter_escapes(struct console_client *client)
{
	size_t kept = 0;

	for (size_t i = 0; i < client->n_input; i++) {
		uint8_t byte = client->input[i];

		if (!client->escaped && byte == CONSOLE_ESCAPE) {
			client->escaped = true;
			continue;
		}
		if (client->escaped && (byte == 'x' || byte == 'X'))
			(void)kill(getpid(), SIGTERM);
		else
			client->input[kept++] = byte;
		client->escaped = false;
	}
	client->n_input = kept;
}

/* What is there, 0 at the end, or -errno. */
static ssize_t read_some(struct console_client *client)
{
	ssize_t n;

	/* Who is connected may have sent descriptors: that ends it. */
	if (client->closes_on_eof)
		return unix_conn_read(client->in_fd, client->input, sizeof(client->input));
	n = read(client->in_fd, client->input, sizeof(client->input));
	return n < 0 ? -errno : n;
}

static void read_client(struct console_client *client)
{
	ssize_t n;

	if (client->n_input)
		return; /* back-pressure: the source is off, this is its last event */
	n = read_some(client);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		client->in_ended = true;
		client->dead = client->closes_on_eof;
		return;
	}
	client->n_input = (size_t)n;
	if (client->has_terminal)
		filter_escapes(client);
	offer_input(client);
}

static void update_reading(struct console_client *client)
{
	if (client->in_source)
		(void)ev_set_events(client->in_source,
			client->n_input || client->in_ended ? 0 : EPOLLIN);
}

/* Clients */

static void reap_clients(struct console *console)
{
	struct console_client **at = &console->clients, *gone = NULL, *client;

	(void)pthread_mutex_lock(&console->lock);
	while ((client = *at)) {
		if (!client->dead) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		client->next = gone;
		gone = client;
	}
	(void)pthread_mutex_unlock(&console->lock);
	while ((client = gone)) {
		gone = client->next;
		if (client->closes_on_eof)
			console->n_clients--;
		else
			log_warn("%s: an output failed and is not written any more", console->name);
		console_client_free(client);
	}
}

static void on_input(void *ctx, int fd, uint32_t events)
{
	struct console_client *client = ctx;
	struct console *console = client->console;

	read_client(client);
	/* A hang-up is reported whatever we wait for: a source that is off would spin on it. */
	if (events & (EPOLLHUP | EPOLLERR) && (client->n_input || client->in_ended)) {
		client->dead = client->dead || client->closes_on_eof;
		ev_del(client->in_source);
		client->in_source = NULL;
	}
	update_reading(client);
	reap_clients(console);
}

static void on_output(void *ctx, int fd, uint32_t events)
{
	struct console_client *client = ctx;
	struct console *console = client->console;

	if (events & (EPOLLHUP | EPOLLERR))
		client->dead = true;
	flush_client(console, client);
	reap_clients(console);
}

static void on_wake(void *ctx, int fd, uint32_t events)
{
	struct console *console = ctx;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&console->lock);
	console->wake_pending = false;
	(void)pthread_mutex_unlock(&console->lock);
	for (struct console_client *c = console->clients; c; c = c->next) {
		flush_client(console, c);
		offer_input(c);
		update_reading(c);
	}
	reap_clients(console);
}

int console_add_client(struct console *console, struct console_client *client)
{
	int r = 0;

	client->console = console;
	if (client->in_fd >= 0)
		r = ev_add_io(console->ev, client->in_fd, EPOLLIN, on_input, client,
			&client->in_source);
	if (r == -EPERM) {
		r = 0; /* input from a regular file or /dev/null: there is nobody to listen to */
		client->in_source = NULL;
	}
	if (!r && client->out_fd >= 0 && !client->in_step)
		r = ev_add_io(console->ev, client->out_fd, 0, on_output, client,
			&client->out_source);
	if (r == -EPERM) {
		r = 0; /* /dev/null and the like take everything at once */
		client->out_source = NULL;
	}
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&console->lock);
	/* A connection gets the scroll-back; the others were there from the start. */
	client->position =
		console->total > CONSOLE_RING_BYTES ? console->total - CONSOLE_RING_BYTES : 0;
	client->next = console->clients;
	console->clients = client;
	wake_locked(console);
	(void)pthread_mutex_unlock(&console->lock);
	return 0;
}

/* Life cycle */

int console_create(struct ev *ev, const char *name, struct console **ret_console)
{
	struct console *console = calloc(1, sizeof(*console));
	int r;

	if (!console)
		return -ENOMEM;
	console->ev = ev;
	(void)snprintf(console->name, sizeof(console->name), "%s", name);
	(void)pthread_mutex_init(&console->lock, NULL);
	console->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = console->wake_fd < 0 ? -errno
				 : ev_add_io(ev, console->wake_fd, EPOLLIN, on_wake, console,
					   &console->wake_source);
	if (r < 0) {
		console_destroy(console);
		return r;
	}
	*ret_console = console;
	return 0;
}

void console_destroy(struct console *console)
{
	struct console_listener *listener;
	struct console_client *client;

	if (!console)
		return;
	while ((listener = console->listeners)) {
		console->listeners = listener->next;
		console_listener_close(listener);
	}
	while ((client = console->clients)) {
		flush_client(console, client); /* the last words of the guest */
		console->clients = client->next;
		console_client_free(client);
	}
	ev_del(console->wake_source);
	if (console->wake_fd >= 0)
		(void)close(console->wake_fd);
	(void)pthread_mutex_destroy(&console->lock);
	free(console);
}

void console_set_input(struct console *console, console_input_fn *fn, void *ctx)
{
	console->input_fn = fn;
	console->input_ctx = ctx;
}

void console_input_ready(struct console *console)
{
	(void)pthread_mutex_lock(&console->lock);
	wake_locked(console);
	(void)pthread_mutex_unlock(&console->lock);
}
