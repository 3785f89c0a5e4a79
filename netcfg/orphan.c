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

struct orphan {
	pid_t pid;
	int fd; /* pidfd: the process that was looked at, and no other */
	char name[CTL_NAME_MAX + 1];
};

struct list {
	struct orphan *orphans;
	unsigned n;
};

/* NAME of the word RUN_DIR/NAME.sock. */
static bool name_of(const char *run_dir, const char *word, char name[CTL_NAME_MAX + 1])
{
	size_t dir_len = strlen(run_dir), len = strlen(word);
	const char suffix[] = ".sock";

	if (strncmp(word, run_dir, dir_len) != 0 || word[dir_len] != '/')
		return false;
	word += dir_len + 1;
	len -= dir_len + 1;
	if (len < sizeof(suffix) || len - (sizeof(suffix) - 1) > CTL_NAME_MAX ||
		strchr(word, '/') || strcmp(word + len - (sizeof(suffix) - 1), suffix) != 0)
		return false;
	(void)snprintf(name, CTL_NAME_MAX + 1, "%.*s", (int)(len - (sizeof(suffix) - 1)), word);
	return true;
}

/* Is a process of that command line (words that end by NUL) a daemon of the lab? */
static bool is_daemon(const char *cmdline, size_t len, const char *run_dir,
	char name[CTL_NAME_MAX + 1])
{
	const char *end = cmdline + len;

	for (const char *word = cmdline; word < end; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if (!strcmp(word, "--control"))
			return next < end && name_of(run_dir, next, name);
	}
	return false;
}

/* Does it see the files that we see? In a container, the same path is another directory. */
static bool has_our_mounts(pid_t pid)
{
	char path[48];
	struct stat ours, its;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	return !stat("/proc/self/ns/mnt", &ours) && !stat(path, &its) &&
	       ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
}

/* Of our user. Text is as long as MAX_CMDLINE and one more. */
static bool looks_like_daemon(pid_t pid, const char *run_dir, char *text,
	char name[CTL_NAME_MAX + 1])
{
	char path[48];
	struct stat st;
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = fstat(fd, &st) || st.st_uid != geteuid() ? -1 : read(fd, text, MAX_CMDLINE);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	return is_daemon(text, (size_t)len, run_dir, name) && has_our_mounts(pid);
}

static bool is_known(const char *run_dir, const struct orphan *orphan)
{
	char pid_file[RUNDIR_PATH_SIZE];

	return !rundir_file(run_dir, orphan->name, ".pid", pid_file, sizeof(pid_file), NULL) &&
	       proc_find(pid_file) == orphan->pid;
}

static void close_list(struct list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		close(list->orphans[i].fd);
	free(list->orphans);
	*list = (struct list){0};
}

/* Looks twice: the process that its pidfd holds is the one that was found. */
static void look_at(pid_t pid, const char *run_dir, char *text, struct list *list)
{
	struct orphan *orphan = &list->orphans[list->n];

	orphan->pid = pid;
	if (!looks_like_daemon(pid, run_dir, text, orphan->name))
		return;
	orphan->fd = pidfd_open(pid, 0);
	if (orphan->fd < 0)
		return;
	if (looks_like_daemon(pid, run_dir, text, orphan->name) && !is_known(run_dir, orphan))
		list->n++;
	else
		close(orphan->fd);
}

static int find_all(const char *run_dir, struct list *ret_list, struct err *err)
{
	struct list list = {.orphans = calloc(MAX_ORPHANS, sizeof(*list.orphans))};
	char *text = malloc(MAX_CMDLINE + 1);
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int code = 0;

	if (!list.orphans || !text)
		code = err_set(err, -ENOMEM, "out of memory");
	while (!code && proc && list.n < MAX_ORPHANS && (entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(atoi(entry->d_name), run_dir, text, &list);
	}
	if (proc)
		closedir(proc);
	free(text);
	if (code)
		close_list(&list);
	*ret_list = list;
	return code;
}

int orphan_check(const char *run_dir, const char *lab, struct err *err)
{
	char names[200] = "";
	struct list list;
	unsigned n;
	int code = find_all(run_dir, &list, err);

	if (code)
		return code;
	for (unsigned i = 0; i < list.n; i++) {
		size_t used = strlen(names);

		(void)snprintf(names + used, sizeof(names) - used, "%s%s (%d)", used ? ", " : "",
			list.orphans[i].name, (int)list.orphans[i].pid);
	}
	n = list.n;
	close_list(&list);
	if (!n)
		return 0;
	(void)err_set(err, -EBUSY,
		"lab '%s': its run directory was removed while it ran, and these still run: %s",
		lab, names);
	err_hint(err, "end them: `netcfg destroy %s`", lab);
	return -EBUSY;
}

static bool is_switch(const struct orphan *orphan)
{
	return !strcmp(orphan->name, "vswitch");
}

static void signal_all(const struct list *list, bool switches, int signo)
{
	for (unsigned i = 0; i < list->n; i++) {
		if (is_switch(&list->orphans[i]) == switches)
			(void)pidfd_send_signal(list->orphans[i].fd, signo, NULL,
				0); /* gone is fine */
	}
}

/* The first of them that still runs at the end of the time; NULL = none. */
static const struct orphan *wait_all(const struct list *list, bool switches, unsigned timeout_ms)
{
	uint64_t deadline = ev_now_ns() + timeout_ms * UINT64_C(1000000);

	for (unsigned i = 0; i < list->n; i++) {
		struct pollfd ended = {list->orphans[i].fd, POLLIN, 0};

		if (is_switch(&list->orphans[i]) != switches)
			continue;
		while (poll(&ended, 1, 100) <= 0) {
			if (ev_now_ns() >= deadline)
				return &list->orphans[i];
		}
	}
	return NULL;
}

static int end_some(const struct list *list, bool switches, bool force, struct err *err)
{
	const struct orphan *left;

	signal_all(list, switches, force ? SIGKILL : SIGTERM);
	if (!wait_all(list, switches, STOP_TIMEOUT_MS))
		return 0;
	signal_all(list, switches, SIGKILL);
	left = wait_all(list, switches, KILL_TIMEOUT_MS);
	return left ? err_set(err, -EBUSY, "'%s': process %d cannot be killed", left->name,
			      (int)left->pid)
		    : 0;
}

int orphan_end(const char *run_dir, bool force, struct err *err)
{
	struct list list;
	int code = find_all(run_dir, &list, err), n = (int)list.n;

	if (!code)
		code = end_some(&list, false, force, err);
	if (!code)
		code = end_some(&list, true, false, err);
	close_list(&list);
	return code ? code : n;
}
