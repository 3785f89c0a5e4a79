#include "vcpu.h"

#include "boot.h"
#include "bus.h"
#include "err.h"
#include "kvm.h"
#include "log.h"
#include "x86/cpuid.h"
#include "x86/msrs.h"
#include "x86/regs.h"
#include "x86/state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

LOG_MODULE("vcpu");

#define VCPU_KICK_SIGNAL SIGUSR1

enum vcpus_mode { VCPUS_PARKED, VCPUS_RUNNING, VCPUS_QUIT };

struct vcpu {
	struct vcpus *set;
	unsigned id;
	int fd;
	struct kvm_run *run;
	struct state_vcpu *power_on;
	pthread_t thread;
	bool has_thread;
	bool parked; /* under set->lock */
};

struct vcpus {
	struct vcpus_config config;
	size_t run_size;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* mode changed, or a thread parked */
	enum vcpus_mode mode;   /* under lock */
	unsigned n_entered;     /* threads that called enter_fn; under lock */
	int enter_code;         /* what it said where it failed; under lock */
	unsigned n_vcpus;       /* created */
	struct vcpu vcpus[];
};

/* Exits */

static uint64_t load_value(const uint8_t *data, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, data, size);
	return value;
}

static void handle_pio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct bus *pio = vcpu->set->config.pio;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;

	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			bus_write(pio, run->io.port, size, load_value(data, size));
		} else {
			uint64_t value = bus_read(pio, run->io.port, size);

			memcpy(data, &value, size);
		}
	}
}

/* KVM hands over 1..8 bytes; odd lengths become aligned powers of two. */
static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct bus *mmio = vcpu->set->config.mmio;
	unsigned len = run->mmio.len <= 8 ? run->mmio.len : 8;

	for (unsigned at = 0, size; at < len; at += size) {
		uint64_t addr = run->mmio.phys_addr + at;

		for (size = 8; size > len - at || (size > 1 && len != size && addr & (size - 1));
			size /= 2)
			;
		if (run->mmio.is_write) {
			bus_write(mmio, addr, size, load_value(run->mmio.data + at, size));
		} else {
			uint64_t value = bus_read(mmio, addr, size);

			memcpy(run->mmio.data + at, &value, size);
		}
	}
}

static void report_event(struct vcpu *vcpu, enum vcpu_event event, const char *reason)
{
	struct vcpus *set = vcpu->set;

	set->config.event_fn(set->config.ctx, event, reason);
	vcpus_hold(set);
}

static void report_failure(struct vcpu *vcpu, const char *what, uint64_t detail)
{
	struct kvm_regs regs = {0};
	char reason[160];

	(void)ioctl(vcpu->fd, KVM_GET_REGS, &regs); /* best effort: for the message */
	(void)snprintf(reason, sizeof(reason), "vCPU %u: %s (0x%llx) at rip 0x%llx", vcpu->id, what,
		(unsigned long long)detail, (unsigned long long)regs.rip);
	report_event(vcpu, VCPU_FAIL, reason);
}

/* Returns 0, or -ECANCELED after an exit behind which this vCPU cannot go on as it is. */
static int handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_pio(vcpu);
		return 0;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		return 0;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_HLT:
		return 0;
	case KVM_EXIT_SHUTDOWN:
		/* Without registers: on AMD they are the processor's after its own reset. */
		report_event(vcpu, VCPU_RESET, "triple fault");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		report_event(vcpu, VCPU_RESET, "system event");
		break;
	case KVM_EXIT_FAIL_ENTRY:
		report_failure(vcpu, "the processor refused to enter the guest",
			run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		report_failure(vcpu,
			run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
				? "KVM cannot emulate an instruction"
				: "KVM internal error",
			run->internal.suberror);
		break;
	default:
		report_failure(vcpu, "unknown exit from KVM", run->exit_reason);
		break;
	}
	return -ECANCELED;
}

/* One KVM_RUN. Returns 0 after an exit that was handled, -EINTR when kicked, else it was reported.
 */
static int run_once(struct vcpu *vcpu)
{
	int r = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;

	if (!r) {
		r = handle_exit(vcpu);
	} else if (r == -EAGAIN) {
		r = 0; /* an application processor was woken by INIT */
	} else if (r != -EINTR) {
		report_failure(vcpu, strerror(-r), (uint64_t)-r);
	}
	return r;
}

/* Thread */

static bool wait_to_run(struct vcpu *vcpu)
{
	struct vcpus *set = vcpu->set;
	bool quit;

	(void)pthread_mutex_lock(&set->lock);
	while (set->mode == VCPUS_PARKED) {
		vcpu->parked = true;
		(void)pthread_cond_broadcast(&set->changed);
		(void)pthread_cond_wait(&set->changed, &set->lock);
	}
	vcpu->parked = false;
	vcpu->run->immediate_exit = 0;
	quit = set->mode == VCPUS_QUIT;
	(void)pthread_mutex_unlock(&set->lock);
	return !quit;
}

/* Let KVM finish the instruction whose I/O we answered: the flag is up, so it does only that. */
static void finish_io(struct vcpu *vcpu)
{
	while (vcpu->run->immediate_exit && run_once(vcpu) == 0)
		;
}

static int enter_thread(struct vcpus *set)
{
	int r = set->config.enter_fn ? set->config.enter_fn(set->config.ctx) : 0;

	(void)pthread_mutex_lock(&set->lock);
	set->n_entered++;
	if (r < 0)
		set->enter_code = r;
	(void)pthread_cond_broadcast(&set->changed);
	(void)pthread_mutex_unlock(&set->lock);
	return r;
}

static void *run_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vcpus *set = vcpu->set;

	if (enter_thread(set) < 0)
		return NULL;
	while (wait_to_run(vcpu)) {
		while (!*(volatile uint8_t *)&vcpu->run->immediate_exit)
			(void)run_once(vcpu); /* failures were reported and raise the flag */
		finish_io(vcpu);
	}
	return NULL;
}

/* Until every thread of n_threads is confined: none runs a guest beside one that is not. */
static int vcpus_wait_entered(struct vcpus *set, unsigned n_threads, struct err *err)
{
	int r;

	(void)pthread_mutex_lock(&set->lock);
	while (set->n_entered < n_threads)
		(void)pthread_cond_wait(&set->changed, &set->lock);
	r = set->enter_code;
	(void)pthread_mutex_unlock(&set->lock);
	return r < 0 ? err_set(err, r, "vCPU threads: cannot be confined: %s", strerror(-r)) : 0;
}

static void ignore_kick(int signo)
{
}

int vcpus_start_threads(struct vcpus *set, struct err *err)
{
	struct sigaction action = {.sa_handler = ignore_kick};
	sigset_t all, before;
	int r = 0;

	(void)sigaction(VCPU_KICK_SIGNAL, &action, NULL);
	/* Signals for the process are the event loop's; a vCPU thread takes the kick only. */
	(void)sigfillset(&all);
	(void)sigdelset(&all, VCPU_KICK_SIGNAL);
	(void)sigdelset(&all, SIGSYS);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; !r && i < set->n_vcpus; i++) {
		char name[16];

		r = -pthread_create(&set->vcpus[i].thread, NULL, run_thread, &set->vcpus[i]);
		if (r < 0)
			break;
		set->vcpus[i].has_thread = true;
		(void)snprintf(name, sizeof(name), "vcpu%u", i);
		(void)pthread_setname_np(set->vcpus[i].thread, name);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? err_set(err, r, "vCPU threads: cannot start: %s", strerror(-r))
		     : vcpus_wait_entered(set, set->n_vcpus, err);
}

/* Holding and letting go */

static void vcpus_set_mode_locked(struct vcpus *set, enum vcpus_mode mode)
{
	set->mode = mode;
	(void)pthread_cond_broadcast(&set->changed);
	if (mode == VCPUS_RUNNING)
		return;
	for (unsigned i = 0; i < set->n_vcpus; i++) {
		struct vcpu *vcpu = &set->vcpus[i];

		vcpu->run->immediate_exit = 1;
		if (vcpu->has_thread && !vcpu->parked)
			(void)pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
	}
}

static void vcpus_set_mode(struct vcpus *set, enum vcpus_mode mode)
{
	(void)pthread_mutex_lock(&set->lock);
	vcpus_set_mode_locked(set, mode);
	(void)pthread_mutex_unlock(&set->lock);
}

void vcpus_run(struct vcpus *set)
{
	vcpus_set_mode(set, VCPUS_RUNNING);
}

void vcpus_hold(struct vcpus *set)
{
	(void)pthread_mutex_lock(&set->lock);
	if (set->mode == VCPUS_RUNNING)
		vcpus_set_mode_locked(set, VCPUS_PARKED);
	(void)pthread_mutex_unlock(&set->lock);
}

void vcpus_park(struct vcpus *set)
{
	(void)pthread_mutex_lock(&set->lock);
	vcpus_set_mode_locked(set, VCPUS_PARKED);
	for (unsigned i = 0; i < set->n_vcpus; i++) {
		while (set->vcpus[i].has_thread && !set->vcpus[i].parked)
			(void)pthread_cond_wait(&set->changed, &set->lock);
	}
	(void)pthread_mutex_unlock(&set->lock);
}

/* Creation */

static int create_vcpu(struct vcpus *set, unsigned id, const struct cpuid_table *supported,
	bool tsc_deadline, struct err *err)
{
	struct vcpu *vcpu = &set->vcpus[id];
	struct cpuid_table *cpuid;
	struct msrs_table msrs;
	int r;

	vcpu->set = set;
	vcpu->id = id;
	vcpu->fd = kvm_ioctl(set->config.vm_fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		return err_set(err, vcpu->fd, "vCPU %u: KVM cannot create it: %s", id,
			strerror(-vcpu->fd));
	vcpu->run = mmap(NULL, set->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		r = -errno;
		vcpu->run = NULL;
		(void)close(vcpu->fd);
		return err_set(err, r, "vCPU %u: cannot map its state: %s", id, strerror(-r));
	}
	set->n_vcpus = id + 1;
	cpuid = malloc(sizeof(*cpuid));
	if (!cpuid)
		return err_set(err, -ENOMEM, "vCPU %u: out of memory", id);
	*cpuid = *supported;
	cpuid_fill(cpuid, id, set->config.n_vcpus, tsc_deadline);
	r = cpuid_apply(vcpu->fd, cpuid);
	msrs_fill(cpuid, &msrs);
	free(cpuid);
	if (r < 0)
		return err_set(err, r, "vCPU %u: KVM refuses its CPUID: %s", id, strerror(-r));
	if (msrs_apply(vcpu->fd, &msrs) < 0) /* slower for the guest, and no reason not to run */
		log_warn("vCPU %u: KVM refuses what firmware sets up, such as memory types", id);
	r = state_vcpu_save(set->config.kvm_fd, vcpu->fd, &vcpu->power_on);
	if (r < 0)
		return err_set(err, r, "vCPU %u: cannot read its state: %s", id, strerror(-r));
	return 0;
}

int vcpus_create(const struct vcpus_config *config, struct vcpus **ret_vcpus, struct err *err)
{
	bool tsc_deadline =
		ioctl(config->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	struct vcpus *set = calloc(1, sizeof(*set) + config->n_vcpus * sizeof(set->vcpus[0]));
	struct cpuid_table *supported = calloc(1, sizeof(*supported));
	int run_size = ioctl(config->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int r;

	if (!set || !supported || run_size < (int)sizeof(struct kvm_run)) {
		free(supported);
		free(set);
		return err_set(err, -ENOMEM, "vCPUs: out of memory");
	}
	set->config = *config;
	set->run_size = (size_t)run_size;
	(void)pthread_mutex_init(&set->lock, NULL);
	(void)pthread_cond_init(&set->changed, NULL);
	r = cpuid_read_supported(config->kvm_fd, supported, err);
	for (unsigned i = 0; !r && i < config->n_vcpus; i++)
		r = create_vcpu(set, i, supported, tsc_deadline, err);
	free(supported);
	if (r < 0) {
		vcpus_destroy(set);
		return r;
	}
	*ret_vcpus = set;
	return 0;
}

void vcpus_destroy(struct vcpus *set)
{
	if (!set)
		return;
	vcpus_set_mode(set, VCPUS_QUIT);
	for (unsigned i = 0; i < set->n_vcpus; i++) {
		struct vcpu *vcpu = &set->vcpus[i];

		if (vcpu->has_thread)
			(void)pthread_join(vcpu->thread, NULL);
		state_vcpu_free(vcpu->power_on);
		(void)munmap(vcpu->run, set->run_size);
		(void)close(vcpu->fd);
	}
	(void)pthread_cond_destroy(&set->changed);
	(void)pthread_mutex_destroy(&set->lock);
	free(set);
}

int vcpus_reset(struct vcpus *set, const struct boot_entry *entry)
{
	int r = 0;

	for (unsigned i = 0; !r && i < set->n_vcpus; i++)
		r = state_vcpu_restore(set->vcpus[i].fd, set->vcpus[i].power_on);
	if (!r)
		r = regs_set_entry(set->vcpus[0].fd, entry);
	return r;
}

void vcpus_note_pause(struct vcpus *set)
{
	for (unsigned i = 0; i < set->n_vcpus; i++)
		(void)ioctl(set->vcpus[i].fd, KVM_KVMCLOCK_CTRL,
			0); /* refused where there is no kvmclock */
}
