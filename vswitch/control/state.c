#include "state.h"

#include "ctl_codec.h"
#include "ctl_iface.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_MODULE("state");

#define HEADER      "weft-vswitch-state 1"
#define JOURNAL_MAX (1024 * 1024) /* bytes appended before it is rewritten, at least */
static const char *const file_names[] = {"config", "fdb"};

struct state {
	const struct ctl_interface *iface;
	char dir[PATH_MAX];
	int dir_fd;
	int lock_fd;
	int journal_fd; /* -1 until the first rewrite of the configuration */
	off_t journal_size, journal_base;
	bool journal_dirty;
	FILE *out; /* rewrite under way */
	enum state_file out_file;
	int out_error;
};

int state_open(const char *dir, const struct ctl_interface *iface, struct state **ret_state,
	struct err *err)
{
	struct state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return err_set(err, -ENOMEM, "state '%s': out of memory", dir);
	state->iface = iface;
	state->dir_fd = state->lock_fd = state->journal_fd = -1;
	ctl_copy_str(state->dir, sizeof(state->dir), dir);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		r = err_set(err, -errno, "state '%s': cannot create the directory: %s", dir,
			strerror(errno));
		goto fail;
	}
	state->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->dir_fd >= 0)
		state->lock_fd = openat(state->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (state->lock_fd < 0) {
		r = err_set(err, -errno, "state '%s': cannot open: %s", dir, strerror(errno));
		goto fail;
	}
	if (flock(state->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		(void)err_set(err, r, "state '%s': %s", dir,
			r == -EBUSY ? "another vswitch uses it" : strerror(-r));
		err_hint(err, "give each switch a state directory of its own");
		goto fail;
	}
	*ret_state = state;
	return 0;
fail:
	state_close(state);
	return r;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	if (state->out)
		(void)fclose(state->out);
	state_sync(state);
	if (state->journal_fd >= 0)
		(void)close(state->journal_fd);
	if (state->lock_fd >= 0)
		(void)close(state->lock_fd);
	if (state->dir_fd >= 0)
		(void)close(state->dir_fd);
	free(state);
}

/* ---- Restoring ------------------------------------------------------------------------------- */

/* One line without its newline: length, 0 at the end of the file, -EPROTO when torn or too long. */
static int read_line(FILE *in, char *line)
{
	size_t len;

	if (!fgets(line, STATE_MAX_LINE + 2, in))
		return ferror(in) ? -EIO : 0;
	len = strlen(line);
	if (len < 2 || line[len - 1] != '\n')
		return -EPROTO;
	line[len - 1] = '\0';
	return (int)len - 1;
}

/* Decode `METHOD JSON`; ret_in is owned by the caller. */
static int parse_line(const struct ctl_interface *iface, char *line,
	const struct ctl_method **ret_method, void **ret_in, struct err *err)
{
	char *json = strchr(line, ' ');
	const struct ctl_method *method;
	void *in;
	int r;

	if (!json)
		return err_set(err, -EPROTO, "no message");
	*json++ = '\0';
	method = ctl_method_find(iface, line);
	if (!method || method->class != CTL_CHANGE || method->reply != CTL_ONE)
		return err_set(err, -EPROTO, "no such change");
	in = calloc(1, method->in->size);
	if (!in)
		return err_set(err, -ENOMEM, "out of memory");
	r = ctl_decode(method->in, json, strlen(json), in, err);
	if (r < 0) {
		free(in);
		return r;
	}
	*ret_method = method;
	*ret_in = in;
	return 0;
}

static void set_aside(const struct state *state, enum state_file file)
{
	char aside[32];

	(void)snprintf(aside, sizeof(aside), "%s.damaged", file_names[file]);
	if (renameat(state->dir_fd, file_names[file], state->dir_fd, aside) < 0)
		log_err("file '%s/%s': cannot set it aside: %s", state->dir, file_names[file],
			strerror(errno));
	else
		log_warn("file '%s/%s': kept as '%s'", state->dir, file_names[file], aside);
}

/* Lines up to the end or the first damage. */
static int restore_lines(const struct state *state, enum state_file file, FILE *in, char *line,
	state_apply_fn *fn, void *ctx)
{
	const struct ctl_method *method = NULL;
	int r, n_done = 0, n_refused = 0;
	unsigned line_no = 1;
	struct err err = {0};
	void *msg = NULL;

	r = read_line(in, line);
	if (r > 0)
		r = strcmp(line, HEADER) == 0 ? r : -EPROTO;
	while (r > 0) {
		line_no++;
		err_clear(&err);
		r = read_line(in, line);
		if (r <= 0)
			break;
		r = parse_line(state->iface, line, &method, &msg, &err);
		if (r < 0)
			break;
		r = fn(ctx, method, msg, &err);
		free(msg);
		n_done += r == 0;
		n_refused += r < 0;
		if (r < 0)
			log_warn_ratelimited("file '%s/%s', line %u: %s: %s; skipped", state->dir,
				file_names[file], line_no, method->name, err.msg);
		r = 1;
	}
	if (r < 0)
		log_err("file '%s/%s', line %u: damaged%s%s; restored the %d messages before it",
			state->dir, file_names[file], line_no, err.msg[0] ? ": " : "", err.msg,
			n_done);
	if (r < 0 || n_refused > 0)
		set_aside(state, file);
	return n_done;
}

int state_restore(struct state *state, enum state_file file, state_apply_fn *fn, void *ctx)
{
	int r, fd = openat(state->dir_fd, file_names[file], O_RDONLY | O_CLOEXEC);
	char *line;
	FILE *in;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	in = fdopen(fd, "r");
	if (!in) {
		(void)close(fd);
		return -ENOMEM;
	}
	line = malloc(STATE_MAX_LINE + 2);
	r = line ? restore_lines(state, file, in, line, fn, ctx) : -ENOMEM;
	free(line);
	(void)fclose(in);
	return r;
}

/* ---- Journal --------------------------------------------------------------------------------- */

void state_append(struct state *state, const char *method, const void *in)
{
	char *json = NULL, *line = NULL;
	ssize_t n = -1;
	int len, r;

	if (state->journal_fd < 0)
		return;
	r = ctl_encode(ctl_method_find(state->iface, method)->in, in, &json);
	len = r < 0 ? -1 : asprintf(&line, "%s %s\n", method, json);
	free(json);
	if (len >= 0)
		n = write(state->journal_fd, line, (size_t)len);
	r = n < 0 ? errno : 0;
	if (len < 0 || n != len) {
		/* A torn line would hide every later one. */
		if (n > 0 && ftruncate(state->journal_fd, state->journal_size) < 0)
			r = errno;
		log_warn_ratelimited("directory '%s': a change is in force but not saved: %s",
			state->dir,
			len < 0 ? "out of memory"
			: r     ? strerror(r)
				: "disk full");
	} else {
		state->journal_size += n;
		state->journal_dirty = true;
	}
	if (len >= 0)
		free(line);
}

void state_sync(struct state *state)
{
	if (state->journal_dirty && fdatasync(state->journal_fd) < 0)
		log_warn_ratelimited("directory '%s': cannot flush: %s", state->dir,
			strerror(errno));
	state->journal_dirty = false;
}

bool state_is_long(const struct state *state)
{
	return state->journal_fd >= 0 &&
	       state->journal_size - state->journal_base > JOURNAL_MAX + state->journal_base;
}

/* ---- Rewriting ------------------------------------------------------------------------------- */

static void temp_name(enum state_file file, char buf[32])
{
	(void)snprintf(buf, 32, "%s.new", file_names[file]);
}

void state_begin(struct state *state, enum state_file file)
{
	char temp[32];
	int fd;

	temp_name(file, temp);
	state->out_file = file;
	state->out_error = 0;
	fd = openat(state->dir_fd, temp, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	state->out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!state->out) {
		state->out_error = -errno;
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	if (fprintf(state->out, "%s\n", HEADER) < 0)
		state->out_error = -errno;
}

void state_put(struct state *state, const char *method, const void *in)
{
	char *json = NULL;
	int r;

	if (state->out_error)
		return;
	r = ctl_encode(ctl_method_find(state->iface, method)->in, in, &json);
	if (r == 0 && fprintf(state->out, "%s %s\n", method, json) < 0)
		r = -errno;
	free(json);
	state->out_error = r;
}

/* The file that was just written goes on as the journal. */
static void adopt_journal(struct state *state)
{
	off_t size;

	if (state->journal_fd >= 0)
		(void)close(state->journal_fd);
	state->journal_fd = fcntl(fileno(state->out), F_DUPFD_CLOEXEC, 3);
	size = state->journal_fd < 0 ? 0 : lseek(state->journal_fd, 0, SEEK_END);
	state->journal_size = state->journal_base = size;
	state->journal_dirty = false;
}

int state_end(struct state *state)
{
	const char *name = file_names[state->out_file];
	char temp[32];
	int r = state->out_error;

	temp_name(state->out_file, temp);
	if (r == 0 && (fflush(state->out) != 0 || fsync(fileno(state->out)) < 0 ||
			      renameat(state->dir_fd, temp, state->dir_fd, name) < 0 ||
			      fsync(state->dir_fd) < 0))
		r = -errno;
	if (r == 0 && state->out_file == STATE_CONFIG)
		adopt_journal(state);
	if (state->out)
		(void)fclose(state->out);
	state->out = NULL;
	if (r < 0) {
		(void)unlinkat(state->dir_fd, temp, 0);
		log_warn_ratelimited("file '%s/%s': cannot save: %s; the old one stays", state->dir,
			name, strerror(-r));
	}
	return r;
}
