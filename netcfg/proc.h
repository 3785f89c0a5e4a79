/**
 * proc: daemons of a lab: start them detached, find them again, end them.
 *
 * A daemon's pid file holds its process id and its start time (field 22 of /proc/PID/stat), so that
 * a process id that was used again by somebody else's process is never signalled.
 */
#ifndef WEFT_NETCFG_PROC_H
#define WEFT_NETCFG_PROC_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * Start argv (NULL-terminated, argv[0] a path) in a session of its own, stdin /dev/null, stdout and
 * stderr appended to log. It begins once pid_file names it; where that cannot be written nothing
 * has run, and no pid_file is left. 0, or -errno of what failed.
 */
int proc_start(char *const *argv, const char *log, const char *pid_file, pid_t *ret_pid,
	struct err *err);
/** Run a program to its end, stdout into text; more than fits ends it by SIGPIPE. 0 or -errno. */
int proc_output(char *const *argv, char *text, size_t size, struct err *err);
/** The living process that pid_file names, 0 = none. */
pid_t proc_find(const char *pid_file);
/** Is that process held by a signal (SIGSTOP) or a debugger? */
bool proc_is_stopped(pid_t pid);
/** Signal it if it is still the same process. */
void proc_signal(const char *pid_file, int signo);
/** Wait until it is gone; false after timeout_ms. Reaps it where it is our child. */
bool proc_wait_gone(const char *pid_file, unsigned timeout_ms);
/** Where program is: --bindir, beside netcfg (../NAME/NAME, or NAME), then $PATH. 0 or -ENOENT. */
int proc_find_program(const char *bin_dir, const char *name, char *path, size_t size,
	struct err *err);
/** Where the guest that nfguest(1) describes is: --bindir, beside netcfg or installed with it. */
int proc_find_nfguest(const char *bin_dir, char *path, size_t size, struct err *err);
/** The last line of a file that is not blank, control characters replaced; "" = none. */
void proc_last_line(const char *file, char *buf, size_t size);
/** The error that a program ended with, by its log; false: it said none, as one that is killed. */
bool proc_last_error(const char *file, struct err *ret_err);
void proc_sleep_ms(unsigned ms);

#endif
