#include "node.h"

#include "actual.h"
#include "ctl_client.h"
#include "ev.h"
#include "proc.h"
#include "rundir.h"
#include "str.h"
#include "width.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000
#define STOP_TIMEOUT_S   10
#define ARGS_MAX_BYTES   65536
#define NSEC_PER_SEC     UINT64_C(1000000000)

struct paths {
	char control[CTL_PATH_MAX + 1], console[CTL_PATH_MAX + 1];
	char serial[RUNDIR_PATH_SIZE], log[RUNDIR_PATH_SIZE], pid[RUNDIR_PATH_SIZE],
		args[RUNDIR_PATH_SIZE];
};

static int get_paths(const char *run_dir, const char *name, struct paths *paths, struct err *err)
{
	int r = rundir_file(run_dir, name, ".console", paths->console, sizeof(paths->console), err);

	if (!r)
		r = rundir_file(run_dir, name, ".sock", paths->control, sizeof(paths->control),
			err);
	if (!r)
		r = rundir_file(run_dir, name, ".serial", paths->serial, sizeof(paths->serial),
			err);
	if (!r)
		r = rundir_file(run_dir, name, ".log", paths->log, sizeof(paths->log), err);
	if (!r)
		r = rundir_file(run_dir, name, ".pid", paths->pid, sizeof(paths->pid), err);
	if (!r)
		r = rundir_file(run_dir, name, ".args", paths->args, sizeof(paths->args), err);
	return r;
}

/* NODE.args */

static void put(FILE *out, const char *word)
{
	fwrite(word, 1, strlen(word) + 1, out);
}

__attribute__((format(printf, 2, 3))) static void put_printf(FILE *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(out, fmt, args);
	va_end(args);
	fputc('\0', out);
}

static int put_nics(FILE *out, const struct state_vm *vm, const char *run_dir, struct err *err)
{
	for (unsigned i = 0; i < vm->n_nics; i++) {
		char mac[ETHER_ADDR_STR_SIZE], mtu[16] = "", path[CTL_PATH_MAX + 1];
		int r = rundir_nic_socket(run_dir, vm->name, i, path, sizeof(path), err);

		if (r)
			return r;
		if (vm->nics[i].mtu)
			(void)snprintf(mtu, sizeof(mtu), ",mtu=%u", vm->nics[i].mtu);
		put(out, "--net");
		put_printf(out, "vhost-user=%s,mode=server,mac=%s%s%s", path,
			ether_addr_format(&vm->nics[i].mac, mac), mtu,
			vm->node->offload ? "" : ",offload=off");
	}
	return 0;
}

static int put_command(FILE *out, const struct opts *opts, const struct state_vm *vm,
	const char *run_dir, const struct paths *paths, const char *program, const char *nfguest,
	struct err *err)
{
	const struct topo_node *node = vm->node;
	const struct topo_image *image = node->image;
	char cmdline[TOPO_CMDLINE_MAX + 1];
	const char *disk = node->disk ? node->disk : image->disk;
	int r;

	put(out, node->ready);
	put(out, program);
	put(out, "run");
	put(out, "--name");
	put(out, vm->name);
	put(out, "--vcpus");
	put_printf(out, "%u", node->vcpus);
	put(out, "--memory");
	put_printf(out, "%" PRIu64 "K", node->memory_bytes >> 10);
	put(out, "--kernel");
	put(out, image->is_nfguest ? nfguest : image->kernel);
	if (image->initrd) {
		put(out, "--initrd");
		put(out, image->initrd);
	}
	put(out, "--cmdline");
	(void)topo_cmdline(node, cmdline, sizeof(cmdline));
	put(out, cmdline);
	r = put_nics(out, vm, run_dir, err);
	if (disk) {
		put(out, "--disk");
		put(out, disk);
	}
	put(out, "--serial");
	put_printf(out, "file=%s,unix=%s", paths->serial, paths->console);
	put(out, "--control");
	put(out, paths->control);
	put(out, "--config-digest");
	put(out, vm->digest);
	/* It runs as fast on a KVM without hardware virtualization. */
	if (opts->slow_kvm || image->is_nfguest)
		put(out, "--slow-kvm");
	return r;
}

int node_configure(const struct opts *opts, const struct state_vm *vm, const char *run_dir,
	struct err *err)
{
	char program[PATH_MAX], nfguest[PATH_MAX] = "", fresh[RUNDIR_PATH_SIZE];
	struct paths paths;
	FILE *out;
	int r = get_paths(run_dir, vm->name, &paths, err);

	if (!r)
		r = proc_find_program(opts->bin_dir, "vmm", program, sizeof(program), err);
	if (!r && vm->node->image->is_nfguest)
		r = proc_find_nfguest(opts->bin_dir, nfguest, sizeof(nfguest), err);
	if (!r)
		r = rundir_file(run_dir, vm->name, ".args.new", fresh, sizeof(fresh), err);
	if (r)
		return r;
	out = fopen(fresh, "we");
	if (!out)
		return err_set(err, -errno, "file '%s': %s", fresh, strerror(errno));
	r = put_command(out, opts, vm, run_dir, &paths, program, nfguest, err);
	/* Half of it would be a node that cannot start. */
	if ((fclose(out) || (!r && rename(fresh, paths.args))) && !r)
		r = err_set(err, -errno, "file '%s': %s", paths.args, strerror(errno));
	if (r)
		(void)unlink(fresh);
	return r;
}

/* words[] point into text (owned by the caller). Returns how many, or -errno. */
static int read_args(const char *path, char **ret_text, char **words, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), n = 0;
	char *text = malloc(ARGS_MAX_BYTES + 1);
	ssize_t len = fd < 0 || !text ? -1 : read(fd, text, ARGS_MAX_BYTES);

	if (len < 0)
		n = err_set(err, -errno, "file '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return n;
	}
	text[len] = '\0';
	for (char *at = text; at < text + len && n < NODE_MAX_ARGS; at += strlen(at) + 1)
		words[n++] = at;
	words[n] = NULL;
	*ret_text = text;
	return n;
}

/* Life */

static void remove_sockets(const char *run_dir, const char *name, const struct paths *paths)
{
	char path[RUNDIR_PATH_SIZE];

	(void)unlink(paths->control);
	(void)unlink(paths->console);
	(void)unlink(paths->pid);
	for (unsigned i = 0; i < TOPO_MAX_NICS; i++) {
		if (!rundir_nic_socket(run_dir, name, i, path, sizeof(path), NULL))
			(void)unlink(path);
	}
}

/* By its last words; without, it was killed, or ended as it was told. */
static int why_ended(const struct paths *paths, const char *name, const char *what, struct err *err)
{
	struct err why;

	if (proc_last_error(paths->log, &why)) {
		(void)err_set(err, -EIO, "node '%s': %s: %s", name, what, why.msg);
		err_hint(err, "%s", why.hint);
	} else {
		(void)err_set(err, -EIO, "node '%s': %s, without an error", name, what);
		err_hint(err, "its log is '%s'", paths->log);
	}
	return -EIO;
}

static int wait_answer(const char *run_dir, const char *name, const struct paths *paths,
	struct err *err)
{
	uint64_t deadline = ev_now_ns() + START_TIMEOUT_MS * UINT64_C(1000000);

	for (;;) {
		struct ctl_client *client;
		bool runs = proc_find(paths->pid) > 0;

		if (!access(paths->control, F_OK) &&
			!actual_open_node(run_dir, name, START_TIMEOUT_MS, &client, NULL)) {
			ctl_client_close(client);
			return 0;
		}
		if (!runs || ev_now_ns() > deadline)
			break;
		proc_sleep_ms(5);
	}
	if (proc_find(paths->pid)) {
		(void)err_set(err, -EIO, "node '%s': vmm does not answer", name);
		err_hint(err, "its log is '%s'", paths->log);
		return -EIO;
	}
	return why_ended(paths, name, "vmm ended at once", err);
}

int node_start(const char *run_dir, const char *name, struct err *err)
{
	char *words[NODE_MAX_ARGS + 1], *text = NULL;
	struct paths paths;
	pid_t pid;
	int r = get_paths(run_dir, name, &paths, err);

	if (r)
		return r;
	if (proc_find(paths.pid)) {
		(void)err_set(err, -EALREADY, "node '%s': runs already", name);
		return -EALREADY;
	}
	r = read_args(paths.args, &text, words, err);
	if (r < 0)
		return r;
	(void)unlink(paths.log); /* so that its last line is of this start */
	(void)unlink(paths.serial);
	r = r < 2 ? err_set(err, -EINVAL, "file '%s': is damaged", paths.args)
		  : proc_start(words + 1, paths.log, paths.pid, &pid, err);
	if (!r)
		r = wait_answer(run_dir, name, &paths, err);
	free(text);
	if (r) {
		proc_signal(paths.pid, SIGKILL);
		(void)proc_wait_gone(paths.pid, 5000);
		remove_sockets(run_dir, name, &paths);
	}
	return r;
}

void node_ask_stop(const char *run_dir, const char *name, bool force)
{
	struct ctl_client *client;
	struct ctl_stop stop = {0};
	struct err err = {0};

	/* The reply comes when the guest is off; nobody waits for it here. */
	if (actual_open_node(run_dir, name, 200, &client, NULL))
		return;
	CTL_SET(&stop, ctl_stop, force, force);
	CTL_SET(&stop, ctl_stop, timeout_s, STOP_TIMEOUT_S);
	(void)ctl_client_call(client, "Stop", &stop, NULL, &err);
	ctl_client_close(client);
}

int node_wait_stopped(const char *run_dir, const char *name, bool force, struct err *err)
{
	struct paths paths;
	int r = get_paths(run_dir, name, &paths, err);

	if (r)
		return r;
	if (!proc_wait_gone(paths.pid, force ? 1000 : (STOP_TIMEOUT_S + 3) * 1000)) {
		proc_signal(paths.pid, SIGKILL);
		if (!proc_wait_gone(paths.pid, 10000))
			return err_set(err, -EBUSY, "node '%s': process %d cannot be killed", name,
				(int)proc_find(paths.pid));
	}
	remove_sockets(run_dir, name, &paths);
	return 0;
}

/* Readiness */

/* Does the file hold text? Read in pieces that overlap, so that no place is missed. */
static bool file_holds(const char *path, const char *text)
{
	enum { PIECE = 65536 };
	char *buf = malloc(PIECE);
	size_t len = strlen(text), kept = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found = false;
	ssize_t n;

	while (buf && fd >= 0 && !found && (n = read(fd, buf + kept, PIECE - kept)) > 0) {
		size_t have = kept + (size_t)n;

		found = memmem(buf, have, text, len) != NULL;
		kept = have < len ? have : len - 1;
		memmove(buf, buf + have - kept, kept);
	}
	if (fd >= 0)
		close(fd);
	free(buf);
	return found;
}

int node_is_ready(const char *run_dir, const char *name, struct err *err)
{
	char *words[NODE_MAX_ARGS + 1], *text = NULL, line[160];
	struct paths paths;
	int r = get_paths(run_dir, name, &paths, err);
	bool runs;

	if (r)
		return r;
	r = read_args(paths.args, &text, words, err);
	if (r < 0)
		return err_prefix(err, "node '%s'", name);
	runs = proc_find(paths.pid) > 0;
	if (!runs) {
		r = why_ended(&paths, name, "does not run", err);
	} else {
		r = r > 0 && file_holds(paths.serial, words[0]);
		if (!r) {
			proc_last_line(paths.serial, line, sizeof(line));
			(void)err_set(err, -EAGAIN,
				"waiting for console '%s'; last line was \"%s\"", words[0], line);
			err_hint(err, "see `netcfg console %s --log`", name);
		}
	}
	free(text);
	return r;
}

FILE *node_progress(const struct opts *opts)
{
	return !opts->quiet && isatty(STDERR_FILENO) ? stderr : NULL;
}

void node_progress_text(char *buf, size_t size, const char *const *waiting, unsigned n_waiting,
	unsigned n, uint64_t seconds, unsigned cols)
{
	char tail[64], more[32] = "", time[STR_DURATION_SIZE];
	size_t used, room = cols < size ? cols : size;

	(void)snprintf(tail, sizeof(tail), " (%u of %u ready), %s", n - n_waiting, n,
		str_format_duration(time, seconds));
	used = (size_t)snprintf(buf, size, "waiting for ");
	for (unsigned i = 0; i < n_waiting; i++) {
		size_t len = strlen(waiting[i]) + (i ? 2 : 0);

		if (n_waiting - i > 1)
			(void)snprintf(more, sizeof(more), ", and %u more", n_waiting - i - 1);
		else
			more[0] = '\0';
		if (i && used + len + strlen(more) + strlen(tail) >= room) {
			(void)snprintf(more, sizeof(more), ", and %u more", n_waiting - i);
			break;
		}
		more[0] = '\0';
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
			waiting[i]);
	}
	(void)snprintf(buf + used, size - used, "%s%s", more, tail);
}

struct waiting {
	const char *run_dir;
	const char *const *names;
	unsigned n;
	FILE *progress;
	uint64_t begin_ns, told_ns;
	bool is_shown;
};

/* At most once a second. */
static void tell_progress(struct waiting *w)
{
	const char *waiting[TOPO_MAX_NODES];
	uint64_t now_ns = ev_now_ns();
	unsigned n_waiting = 0, rows, cols;
	char text[256];

	if (!w->progress || now_ns < w->told_ns + NSEC_PER_SEC)
		return;
	w->told_ns = now_ns;
	for (unsigned i = 0; i < w->n && n_waiting < TOPO_MAX_NODES; i++) {
		if (node_is_ready(w->run_dir, w->names[i], NULL) <= 0)
			waiting[n_waiting++] = w->names[i];
	}
	(void)width_of_terminal(fileno(w->progress), &rows, &cols);
	node_progress_text(text, sizeof(text), waiting, n_waiting, w->n,
		(now_ns - w->begin_ns) / NSEC_PER_SEC, cols);
	fprintf(w->progress, "\r%s\033[K", text);
	fflush(w->progress);
	w->is_shown = true;
}

static int wait_each(struct waiting *w, uint64_t deadline_ns, unsigned timeout_s, struct err *err)
{
	for (unsigned i = 0; i < w->n;) {
		int ready = node_is_ready(w->run_dir, w->names[i], err);

		if (ready < 0)
			return ready;
		if (ready) {
			i++;
			continue;
		}
		if (ev_now_ns() >= deadline_ns) {
			err->code = -ETIMEDOUT;
			(void)err_prefix(err, "node '%s' not ready after %u s", w->names[i],
				timeout_s);
			return -ETIMEDOUT;
		}
		tell_progress(w);
		proc_sleep_ms(100);
	}
	err_clear(err);
	return 0;
}

int node_wait_ready(const char *run_dir, const char *const *names, unsigned n, uint64_t deadline_ns,
	unsigned timeout_s, FILE *progress, struct err *err)
{
	struct waiting w = {.run_dir = run_dir,
		.names = names,
		.n = n,
		.progress = progress,
		.begin_ns = ev_now_ns(),
		.told_ns = ev_now_ns()};
	int r = wait_each(&w, deadline_ns, timeout_s, err);

	if (w.is_shown) {
		fputs("\r\033[K", progress);
		fflush(progress);
	}
	return r;
}
