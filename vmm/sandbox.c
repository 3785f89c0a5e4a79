#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Needed by libc in any thread: memory, locks, time, ending, and our log. */
static const int sandbox_common[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(read),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(time),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/*
 * The main thread serves devices, consoles, back-ends and the control socket. All that listens does
 * so before; epoll, timers and eventfds reach nothing outside.
 */
static const int sandbox_main[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(fstat),
	SCMP_SYS(getrandom),
	SCMP_SYS(getsockopt),
	SCMP_SYS(io_uring_enter), /* of the rings that there are, see dev/disk_ring.h */
	SCMP_SYS(lseek),
	SCMP_SYS(newfstatat),
	SCMP_SYS(poll),
	SCMP_SYS(pread64),
	SCMP_SYS(readlink), /* a console's link: is it still ours? */
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
};

static const int sandbox_disk[] = {
	SCMP_SYS(fallocate),
	SCMP_SYS(fdatasync),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev2),
};

static const int sandbox_closer[] = {
	SCMP_SYS(close),
	SCMP_SYS(timer_delete), /* the one that it has */
	SCMP_SYS(timer_settime),
};

/* Commands of fcntl(): nothing about owners, which would send signals, nor about leases. */
static const uint32_t sandbox_main_fcntls[] = {
	F_DUPFD_CLOEXEC,
	F_GETFD,
	F_GETFL,
	F_SETFD,
	F_SETFL,
};

/* Interrupts and doorbells; the state of chips and vCPUs, which a reset puts back; terminals. */
static const uint32_t sandbox_main_ioctls[] = {
	KVM_GET_SREGS, KVM_IOEVENTFD, KVM_IRQFD, KVM_IRQ_LINE, KVM_KVMCLOCK_CTRL, KVM_SET_DEBUGREGS,
	KVM_SET_FPU, KVM_SET_GSI_ROUTING, KVM_SET_IRQCHIP, KVM_SET_LAPIC, KVM_SET_MP_STATE,
	KVM_SET_MSRS, KVM_SET_PIT2, KVM_SET_REGS, KVM_SET_SREGS, KVM_SET_VCPU_EVENTS, KVM_SET_XCRS,
	TCGETS, TCSETSW, /* our terminal gets its modes back */
};

static const uint32_t sandbox_vcpu_ioctls[] = {
	KVM_GET_REGS,
	KVM_IOEVENTFD,
	KVM_IRQFD,
	KVM_IRQ_LINE,
	KVM_RUN,
	KVM_SET_GSI_ROUTING,
};

#define SANDBOX_MALLOC_POOLS 8

#define N(list) (sizeof(list) / sizeof((list)[0]))

static int allow_call(scmp_filter_ctx filter, const int *calls, size_t n_calls)
{
	int r = 0;

	for (size_t i = 0; !r && i < n_calls; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* Allow a call whose second argument is one of a list; the kernel takes 32 bits of it. */
static int allow_commands(scmp_filter_ctx filter, int call, const uint32_t *commands,
	size_t n_commands)
{
	int r = 0;

	for (size_t i = 0; !r && i < n_commands; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, commands[i]));
	return r;
}

static int allow_common(scmp_filter_ctx filter)
{
	/* Signals to ourselves only: the kick of a vCPU, Ctrl-A x. */
	static const int to_process[] = {SCMP_SYS(kill), SCMP_SYS(tgkill)};
	static const int with_protection[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int r = allow_call(filter, sandbox_common, N(sandbox_common));

	for (size_t i = 0; !r && i < N(to_process); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, to_process[i], 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	for (size_t i = 0; !r && i < N(with_protection); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, with_protection[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* Stream sockets only: a datagram reaches any address without connect(). */
static int allow_unix_stream(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
		SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK),
			SOCK_STREAM));
}

static int allow_main(scmp_filter_ctx filter, const struct sandbox_needs *needs)
{
	static const int removals[] = {SCMP_SYS(unlink), SCMP_SYS(unlinkat)};
	int r = allow_call(filter, sandbox_main, N(sandbox_main));

	if (!r)
		r = allow_commands(filter, SCMP_SYS(fcntl), sandbox_main_fcntls,
			N(sandbox_main_fcntls));
	if (!r)
		r = allow_commands(filter, SCMP_SYS(ioctl), sandbox_main_ioctls,
			N(sandbox_main_ioctls));
	if (!r) /* unix_conn_receive_inline() */
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
			SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2(SCMP_CMP_EQ, SO_OOBINLINE));
	if (!r) /* the channel on which a vhost-user back-end talks to us */
		r = allow_unix_stream(filter, SCMP_SYS(socketpair));
	if (!r) /* send(): no address */
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1,
			SCMP_A4(SCMP_CMP_EQ, 0));
	if (!r && needs->connects) {
		r = allow_unix_stream(filter, SCMP_SYS(socket));
		if (!r)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
	}
	for (size_t i = 0; !r && i < N(removals); i++)
		r = seccomp_rule_add(filter,
			needs->removes_files ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES), removals[i],
			0);
	return r;
}

static int allow_vcpu(scmp_filter_ctx filter)
{
	int r = allow_commands(filter, SCMP_SYS(ioctl), sandbox_vcpu_ioctls,
		N(sandbox_vcpu_ioctls));

	/* Each exit of the guest goes through the filter: KVM_RUN is looked for first. */
	return r ? r : seccomp_syscall_priority(filter, SCMP_SYS(ioctl), UINT8_MAX);
}

static int allow_kind(scmp_filter_ctx filter, enum sandbox_kind kind,
	const struct sandbox_needs *needs)
{
	switch (kind) {
	case SANDBOX_MAIN:
		return allow_main(filter, needs);
	case SANDBOX_DISK:
		return allow_call(filter, sandbox_disk, N(sandbox_disk));
	case SANDBOX_CLOSER:
		return allow_call(filter, sandbox_closer, N(sandbox_closer));
	case SANDBOX_VCPU:
		return allow_vcpu(filter);
	}
	return -EINVAL;
}

int sandbox_enter(enum sandbox_kind kind, const struct sandbox_needs *needs)
{
	static const struct sandbox_needs no_needs;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int r;

	if (!filter)
		return -ENOMEM;
	r = allow_common(filter);
	if (!r)
		r = allow_kind(filter, kind, needs ? needs : &no_needs);
	if (!r)
		r = seccomp_load(filter); /* sets no_new_privs first */
	seccomp_release(filter);
	return r;
}

/* Async-signal-safe: the digits of value before end. Returns where they begin. */
static char *format_number(char *end, unsigned long value, unsigned base)
{
	do {
		*--end = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	return end;
}

static void say_text(const char *text, size_t len)
{
	(void)!write(STDERR_FILENO, text, len); /* nobody left to tell */
}

/* Async-signal-safe: only write(2) and _exit(2). */
static void on_sigsys(int signo, siginfo_t *info, void *context)
{
	static const char text[] = "vmm: error: sandbox: system call number ";
	static const char command[] = ", command 0x";
	static const char hint[] =
		" is not allowed\nvmm: hint: this is a bug; --no-seccomp avoids it\n";
	const ucontext_t *registers = context;
	char digits[24], *end = digits + sizeof(digits);
	char *at = format_number(end, (unsigned)info->si_syscall, 10);

	say_text(text, sizeof(text) - 1);
	say_text(at, (size_t)(end - at));
	if (info->si_syscall == SCMP_SYS(ioctl) || info->si_syscall == SCMP_SYS(fcntl)) {
		at = format_number(end, (unsigned long)registers->uc_mcontext.gregs[REG_RSI], 16);
		say_text(command, sizeof(command) - 1);
		say_text(at, (size_t)(end - at));
	}
	say_text(hint, sizeof(hint) - 1);
	_exit(EXIT_FAILURE);
}

void sandbox_init(void)
{
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	(void)sigaction(SIGSYS, &action, NULL); /* cannot fail for a valid signal */
	/*
	 * Or malloc() opens a file of /sys, to count processors, when the ninth thread wants a
	 * pool.
	 */
	(void)mallopt(M_ARENA_MAX, SANDBOX_MALLOC_POOLS);
	tzset(); /* or gmtime_r() opens the time zone's file when a guest first asks for the time */
}
