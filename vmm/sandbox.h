/**
 * sandbox: what the process may ask of the kernel once everything is set up.
 *
 * Two layers, each of use without the other (a third one is disk_ring.h, for what a disk's io_uring
 * does):
 * - Files, by Landlock: no file may be opened, made, moved or started; files may be removed from
 * the folders that are named, for our own sockets at the end. As far as the kernel can: no
 * connection to abstract Unix sockets (6.12) or by TCP (6.7), no signal to other processes (6.12).
 * - Calls, by seccomp: a list of allowed system calls for each kind of thread, with the arguments
 *   that they may have. Nobody may make memory executable, start programs, make processes, threads
 * or io_urings, or use the network. A forbidden call ends the process with a line that names it.
 * Both set no_new_privs. tests/unit/vmm/sandbox_test.c tries what either refuses.
 *
 * Threads: each for itself; a thread inherits what its maker had. So sandbox_enter_files() comes
 * before the other threads are made, and each thread enters its own list as its first act.
 * Source: landlock(7), seccomp(2).
 */
#ifndef WEFT_VMM_SANDBOX_H
#define WEFT_VMM_SANDBOX_H

#include <stdbool.h>

enum sandbox_kind {
	SANDBOX_MAIN,   /* devices, consoles, back-ends, the control socket */
	SANDBOX_DISK,   /* waits for a disk's file */
	SANDBOX_CLOSER, /* closes what strangers sent (closer.h) */
	SANDBOX_VCPU, /* runs the guest; what device handlers change about interrupts and doorbells
		       */
};

/** What not every VM needs, for the main thread. */
struct sandbox_needs {
	bool connects;      /* to Unix stream sockets: a network device in client mode */
	bool removes_files; /* Landlock says which; otherwise a removal fails with EACCES */
};

/** Install the SIGSYS handler, and what libc has to know; once, before the first filter. */
void sandbox_init(void);
/** Confine the calling thread to the system calls of its kind. needs: NULL = none. 0 or -errno. */
int sandbox_enter(enum sandbox_kind kind, const struct sandbox_needs *needs);

/** The kernel's version of Landlock; 0 = it has none. */
unsigned sandbox_landlock_version(void);
/**
 * Confine the calling thread's use of files. folders[n_folders]: files may be removed from these
 * and what is below them; one that cannot be opened is left out. Returns 0, -EOPNOTSUPP (no
 * Landlock here) or -errno.
 */
int sandbox_enter_files(const char *const *folders, unsigned n_folders);

#endif
