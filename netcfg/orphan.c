#include "orphan.h"

#include "ev.h"
#include "proc.h"
#include "rundir.h"
#include "str.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ORPHANS     2048
#define MAX_CMDLINE     65536
#define STOP_TIMEOUT_MS 20000 /* of the switch, which rebinds NICs; of a guest, to shut down */
#define KILL_TIMEOUT_MS 10000

/* The words of a path DIR/LAB/NAME.sock. */
static bool name_of(const char *labs_dir, const char *word, struct orphan *orphan)
{
	size_t dir_len = strlen(labs_dir), len;
	const char suffix[] = ".sock", *slash;

	if (strncmp(word, labs_dir, dir_len) != 0 || word[dir_len] != '/')
		return false;
	word += dir_len + 1;
	slash = strchr(word, '/');
	if (!slash || slash == word || slash - word > CTL_NAME_MAX)
		return false;
	(void)snprintf(orphan->lab, sizeof(orphan->lab), "%.*s", (int)(slash - word), word);
	word = slash + 1;
	len = strlen(word);
	if (len < sizeof(suffix) || len - (sizeof(suffix) - 1) > CTL_NAME_MAX ||
		strchr(word, '/') || strcmp(word + len - (sizeof(suffix) - 1), suffix) != 0)
		return false;
	(void)snprintf(orphan->name, sizeof(orphan->name), "%.*s",
		(int)(len - (sizeof(suffix) - 1)), word);
	return true;
}

/* Is a process of that command line (words that end by NUL) a daemon of a lab? */
static bool is_daemon(const char *cmdline, size_t len, const char *labs_dir, struct orphan *orphan)
{
	const char *end = cmdline + len;

	for (const char *word = cmdline; word < end; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if (!strcmp(word, "--control"))
			return next < end && name_of(labs_dir, next, orphan);
	}
	return false;
}

/*
 * Does it see the files that we see? In a container, the same path is another directory. A program
 * with capabilities of its file (setcap) does not let its user look, but for who made the user
 * namespace that it is in; so it is in ours, and in no container.
 */
static bool has_our_mounts(pid_t pid)
{
	char path[48];
	struct stat ours, its;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	if (stat(path, &its))
		return errno == EACCES;
	return !stat("/proc/self/ns/mnt", &ours) && ours.st_dev == its.st_dev &&
	       ours.st_ino == its.st_ino;
}

/* The directory is its user's even where the files in it are root's, as those of a program with
 * capabilities are. */
static bool is_of_our_user(pid_t pid)
{
	char path[48];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return !stat(path, &st) && st.st_uid == geteuid();
}

/* Of our user. Text is as long as MAX_CMDLINE and one more. */
static bool looks_like_daemon(const char *labs_dir, char *text, struct orphan *orphan)
{
	const pid_t pid = orphan->pid;
	char path[48];
	ssize_t len;
	int fd;

	if (!is_of_our_user(pid))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, MAX_CMDLINE);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	return is_daemon(text, (size_t)len, labs_dir, orphan) && has_our_mounts(pid);
}

void orphan_done(struct orphans *orphans)
{
	for (unsigned i = 0; i < orphans->n; i++)
		close(orphans->list[i].fd);
	free(orphans->list);
	*orphans = (struct orphans){0};
}

/* Does the run directory of its lab know it? */
static bool is_known(const char *labs_dir, const struct orphan *orphan)
{
	char run_dir[RUNDIR_PATH_SIZE];

	return !rundir_file(labs_dir, orphan->lab, "", run_dir, sizeof(run_dir), NULL) &&
	       rundir_find_daemon(run_dir, orphan->name) == orphan->pid;
}

/* Looks twice: the process that its pidfd holds is the one that was found. */
static void look_at(pid_t pid, const char *labs_dir, const char *lab, char *text,
	struct orphans *orphans)
{
	struct orphan *orphan = &orphans->list[orphans->n];

	orphan->pid = pid;
	if (!looks_like_daemon(labs_dir, text, orphan) || (lab && strcmp(orphan->lab, lab) != 0))
		return;
	orphan->fd = pidfd_open(pid, 0);
	if (orphan->fd < 0)
		return;
	if (looks_like_daemon(labs_dir, text, orphan) && !is_known(labs_dir, orphan))
		orphans->n++;
	else
		close(orphan->fd);
}

static int compare(const void *left, const void *right)
{
	const struct orphan *a = left, *b = right;
	int order = strcmp(a->lab, b->lab);

	return order ? order : (a->pid > b->pid) - (a->pid < b->pid);
}

int orphan_find(const struct opts *opts, const char *lab, struct orphans *ret_orphans,
	struct err *err)
{
	struct orphans orphans = {.list = calloc(MAX_ORPHANS, sizeof(*orphans.list))};
	char *text = malloc(MAX_CMDLINE + 1), labs_dir[RUNDIR_PATH_SIZE];
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = rundir_labs_path(opts, labs_dir, err);

	if (!r && (!orphans.list || !text))
		r = err_set(err, -ENOMEM, "out of memory");
	while (!r && proc && orphans.n < MAX_ORPHANS && (entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(atoi(entry->d_name), labs_dir, lab, text, &orphans);
	}
	if (proc)
		closedir(proc);
	free(text);
	if (r)
		orphan_done(&orphans);
	else
		qsort(orphans.list, orphans.n, sizeof(*orphans.list), compare);
	*ret_orphans = orphans;
	return r;
}

struct orphans orphan_of_lab(const struct orphans *orphans, const char *lab)
{
	struct orphans its = {0};

	for (unsigned i = 0; i < orphans->n; i++) {
		if (strcmp(orphans->list[i].lab, lab) != 0)
			continue;
		if (!its.n++)
			its.list = &orphans->list[i];
	}
	return its;
}

unsigned orphan_names(const struct orphans *orphans, unsigned first, char *names, size_t size)
{
	unsigned i = first;

	names[0] = '\0';
	for (; i < orphans->n && !strcmp(orphans->list[i].lab, orphans->list[first].lab); i++) {
		size_t used = strlen(names);

		(void)snprintf(names + used, size - used, "%s%s (%d)", used ? ", " : "",
			orphans->list[i].name, (int)orphans->list[i].pid);
	}
	return i - first;
}

int orphan_check(const struct opts *opts, const char *lab, struct err *err)
{
	char names[200];
	struct orphans orphans;
	int r = orphan_find(opts, lab, &orphans, err);

	if (r)
		return r;
	if (orphans.n) {
		lab = orphans.list[0].lab;
		(void)orphan_names(&orphans, 0, names, sizeof(names));
		r = err_set(err, -EBUSY,
			"lab '%s': its run directory was removed while it ran, and these still "
			"run: %s",
			lab, names);
		err_hint(err, "end them: `netcfg destroy %s`", lab);
	}
	orphan_done(&orphans);
	return r;
}

static bool is_switch(const struct orphan *orphan)
{
	return !strcmp(orphan->name, "vswitch");
}

static void signal_all(const struct orphans *orphans, bool switches, int signo)
{
	for (unsigned i = 0; i < orphans->n; i++) {
		if (is_switch(&orphans->list[i]) == switches)
			(void)pidfd_send_signal(orphans->list[i].fd, signo, NULL,
				0); /* gone is fine */
	}
}

/* The first of them that still runs at the end of the time; NULL = none. */
static const struct orphan *wait_all(const struct orphans *orphans, bool switches,
	unsigned timeout_ms)
{
	uint64_t deadline = ev_now_ns() + timeout_ms * UINT64_C(1000000);

	for (unsigned i = 0; i < orphans->n; i++) {
		struct pollfd ended = {orphans->list[i].fd, POLLIN, 0};

		if (is_switch(&orphans->list[i]) != switches)
			continue;
		while (poll(&ended, 1, 100) <= 0) {
			if (ev_now_ns() >= deadline)
				return &orphans->list[i];
		}
	}
	return NULL;
}

static int end_some(const struct orphans *orphans, bool switches, bool force, struct err *err)
{
	const struct orphan *left;

	signal_all(orphans, switches, force ? SIGKILL : SIGTERM);
	if (!wait_all(orphans, switches, STOP_TIMEOUT_MS))
		return 0;
	signal_all(orphans, switches, SIGKILL);
	left = wait_all(orphans, switches, KILL_TIMEOUT_MS);
	return left ? err_set(err, -EBUSY, "'%s': process %d cannot be killed", left->name,
			      (int)left->pid)
		    : 0;
}

int orphan_end(const struct opts *opts, const char *lab, struct err *err)
{
	struct orphans orphans;
	int r = orphan_find(opts, lab, &orphans, err), n = (int)orphans.n;

	if (!r)
		r = end_some(&orphans, false, opts->force, err);
	if (!r)
		r = end_some(&orphans, true, false, err);
	orphan_done(&orphans);
	return r ? r : n;
}
