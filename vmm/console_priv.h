/**
 * console_priv: what console.c (ring and clients) and console_sink.c (how each kind opens) share.
 */
#ifndef WEFT_VMM_CONSOLE_PRIV_H
#define WEFT_VMM_CONSOLE_PRIV_H

#include "console.h"
#include "ev.h"
#include "unix_socket.h"

#include <pthread.h>
#include <stdbool.h>
#include <termios.h>

#define CONSOLE_INPUT_BYTES 256

/* One that reads and writes: stdio, a file, a pty, a connected client. */
struct console_client {
	struct console *console;
	struct console_client *next;
	int in_fd, out_fd;  /* -1 = none; never the same number */
	bool closes_on_eof; /* a connection; the others stay */
	bool in_step;       /* regular file: never skipped forward */
	bool in_ended;
	bool dead;         /* to be freed in the loop */
	uint64_t position; /* next byte of the stream to write */
	bool has_terminal; /* termios is to be put back; escapes are looked for */
	bool escaped;      /* Ctrl-A was typed */
	struct termios termios;
	char link_path[108];  /* pty: link to remove, "" = none */
	char link_target[64]; /* while it leads there */
	int keep_fd;          /* pty: slave held open, -1 = none */
	struct ev_source *in_source, *out_source;
	uint8_t input[CONSOLE_INPUT_BYTES];
	size_t n_input; /* not yet taken by the device */
};

struct console_listener {
	struct console *console;
	struct console_listener *next;
	struct unix_listener socket;
	char path[108];
	struct ev_source *source;
	struct ev_source *accept_timer; /* while there are no descriptors */
};

struct console {
	struct ev *ev;
	char name[64];
	struct console_client *clients;     /* lock: the loop's thread changes the list */
	struct console_listener *listeners; /* loop */
	unsigned n_clients;                 /* connections; loop */
	int wake_fd;
	struct ev_source *wake_source;
	console_input_fn *input_fn; /* loop */
	void *input_ctx;
	pthread_mutex_t lock; /* guards all below and each client's position */
	bool wake_pending;
	uint64_t total; /* bytes ever written */
	uint8_t ring[CONSOLE_RING_BYTES];
};

/* console.c: take over a client with its fds set; on failure the caller still owns it. */
int console_add_client(struct console *console, struct console_client *client);
/* console_sink.c: close all that the client has, registered or not, and free it. */
void console_client_free(struct console_client *client);
void console_listener_close(struct console_listener *listener);

#endif
