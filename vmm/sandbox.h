/**
 * sandbox: what a thread may ask of the kernel once everything is set up.
 *
 * Allow-lists per kind of thread: a vCPU thread may run the guest and signal devices; the main
 * thread may serve sockets, files that are open, and connect to Unix sockets. Nobody may open
 * files, execute programs, make processes or use the network. Also sets no_new_privs. A forbidden
 * call ends the process with a line that names it (SIGSYS). By seccomp; libseccomp makes the
 * filters.
 * Threads: each for itself. A thread made later inherits its maker's filter.
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

enum sandbox_kind { SANDBOX_MAIN, SANDBOX_VCPU };

/** Install the SIGSYS handler; once, before the first filter. */
void sandbox_init(void);
/** Confine the calling thread. Returns 0 or -errno. */
int sandbox_enter(enum sandbox_kind kind);

#endif
