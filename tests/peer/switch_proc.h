/**
 * switch_proc: a real vswitch process under test, and requests to it in words.
 *
 * The program is named by the environment variable WEFT_VSWITCH. Each process has a directory of
 * its own for control socket, state and ports; the log goes to `log` in it.
 * Threads: one. Whatever does not work fails the test.
 */
#ifndef WEFT_TESTS_PEER_SWITCH_PROC_H
#define WEFT_TESTS_PEER_SWITCH_PROC_H

#include "ctl_vswitch.h"

#include <stdbool.h>
#include <sys/types.h>

struct ctl_client;

struct switch_proc {
	char dir[64];
	char control[96];
	pid_t pid; /* 0: does not run */
	struct ctl_client *client;
	/* Set before the start. */
	const char *workers;   /* for --workers; NULL: one, not pinned */
	const char *rebalance; /* for --rebalance; NULL: as it is by default */
};

/**
 * Make the directory and start, with --state where keep is set; returns when requests are served.
 */
void switch_proc_start(struct switch_proc *proc, bool keep);
/** Start again in the same directory. */
void switch_proc_restart(struct switch_proc *proc, bool keep);
/** Send signo and wait for the end; returns the status of waitpid(). */
int switch_proc_stop(struct switch_proc *proc, int signo);
/** Stop it if it runs and remove the directory. */
void switch_proc_destroy(struct switch_proc *proc);
/** For proc.workers: n CPUs that this process may use, as "0,1"; static. NULL: there are fewer. */
const char *switch_proc_cpus(unsigned n);
/**
 * Run the program with arguments argv (NULL-terminated, without its name) and return its exit code.
 */
int switch_proc_run(const char *const *argv);

/** Path of a socket in the directory; static buffer. */
const char *switch_proc_path(const struct switch_proc *proc, const char *name);

/** Ask in words: "name p1 bridge br0 tag 10"; `$` before a word stands for the
 *  directory, `-` is the empty word. 0 or -errno. */
int switch_ask(struct switch_proc *proc, const char *method, const char *words, struct err *err);
/** As switch_ask(), but it has to work. */
void switch_must(struct switch_proc *proc, const char *method, const char *words);
/** How many rows a method answers; the last of them in ret_row, where it is not NULL. */
unsigned switch_rows(struct switch_proc *proc, const char *method, const char *words,
	void *ret_row);
/** Wait up to 5 s until port name is in state. */
void switch_wait_port(struct switch_proc *proc, const char *name, enum ctl_conn_state state);

#endif
