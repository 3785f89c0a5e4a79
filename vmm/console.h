/**
 * console: one guest console (serial port or virtio-console port) and the people who look at it.
 *
 * Data model: the last CONSOLE_RING_BYTES of guest output are kept in one ring. Every sink (stdio,
 * file, pty, client of a Unix socket) has a position in that ring and writes from there when it
 * can. A new client starts at the oldest byte, which gives it the scroll-back. A client that does
 * not read falls behind and is moved forward over what the ring has lost; nothing waits for it.
 * Files are never moved forward: they are written in step.
 * Input of all sinks goes to the device in the order in which it comes; what the device does not
 * take stays with the sink, which is then not read any more (back-pressure on the sender, not on a
 * vCPU).
 *
 * Threads: console_write() and console_input_ready() from any thread; never block on a client.
 * Everything else on the loop's thread.
 * Life cycle: console_create(), console_add_sink()..., device sets its input function; the console
 * outlives the device.
 * Limits: CONSOLE_MAX_CLIENTS attached at a time, further connections are closed at once.
 */
#ifndef WEFT_VMM_CONSOLE_H
#define WEFT_VMM_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

struct console;
struct err;
struct ev;

#define CONSOLE_RING_BYTES  65536
#define CONSOLE_MAX_CLIENTS 16

enum console_sink_kind {
	CONSOLE_STDIO, /* stdin and stdout; a terminal is put into raw mode and restored */
	CONSOLE_FILE,  /* output only, truncated at start */
	CONSOLE_LOG,   /* output only, appended */
	CONSOLE_PTY,   /* path: symbolic link to the slave to be made, or "" */
	CONSOLE_UNIX,  /* path: listening socket */
};

struct console_sink_config {
	enum console_sink_kind kind;
	char path[108];
};

/**
 * Input for the device. Returns how many of the len bytes it took; the rest is offered again after
 * console_input_ready(). Called on the loop's thread.
 */
typedef size_t console_input_fn(void *ctx, const uint8_t *data, size_t len);

/** name: for messages (copied). ev is borrowed. console_destroy() accepts NULL. */
int console_create(struct ev *ev, const char *name, struct console **ret_console);
void console_destroy(struct console *console);
int console_add_sink(struct console *console, const struct console_sink_config *config,
	struct err *err);

/** Where input goes; NULL = nowhere: it is discarded. */
void console_set_input(struct console *console, console_input_fn *fn, void *ctx);
/** The device has room again. */
void console_input_ready(struct console *console);
/** Output of the guest. */
void console_write(struct console *console, const void *data, size_t len);

#endif
