#include "check.h"

#include "dev/disk_ring.h"
#include "err.h"
#include "kvm.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#define CHECK_GUEST_BYTES       4096
#define CHECK_IDENTITY_MAP      0xfeffc000ull
#define CHECK_TSS               0xfeffd000ull
#define CHECK_LOOP_INSTRUCTIONS 2 /* per count of eax */

/* inc eax; jmp -3: in 32-bit protected mode without paging. */
static const uint8_t check_code[] = {0x40, 0xeb, 0xfd};

struct check_guest {
	int kvm_fd, vm_fd, vcpu_fd;
	void *ram;
	struct kvm_run *run;
	size_t run_size;
};

static struct kvm_run *volatile check_alarm_run; /* what the alarm stops */

static void on_alarm(int signo)
{
	if (check_alarm_run)
		check_alarm_run->immediate_exit = 1;
}

static int set_registers(int vcpu_fd)
{
	struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 0xb,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
	struct kvm_regs regs = {.rflags = 2};
	struct kvm_segment data = code;
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	data.selector = 16;
	data.type = 3;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1; /* protected mode */
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

static int build_guest(struct check_guest *g)
{
	uint64_t identity_map = CHECK_IDENTITY_MAP;
	struct kvm_userspace_memory_region slot = {.memory_size = CHECK_GUEST_BYTES};
	int run_size, r;

	g->vm_fd = kvm_ioctl(g->kvm_fd, KVM_CREATE_VM, 0);
	if (g->vm_fd < 0)
		return g->vm_fd;
	r = kvm_ioctl(g->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, (uintptr_t)&identity_map);
	if (!r)
		r = kvm_ioctl(g->vm_fd, KVM_SET_TSS_ADDR, CHECK_TSS);
	if (r < 0)
		return r;
	g->ram = mmap(NULL, CHECK_GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (g->ram == MAP_FAILED) {
		g->ram = NULL;
		return -errno;
	}
	memcpy(g->ram, check_code, sizeof(check_code));
	slot.userspace_addr = (uintptr_t)g->ram;
	r = kvm_ioctl(g->vm_fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&slot);
	if (r < 0)
		return r;
	g->vcpu_fd = kvm_ioctl(g->vm_fd, KVM_CREATE_VCPU, 0);
	if (g->vcpu_fd < 0)
		return g->vcpu_fd;
	run_size = kvm_ioctl(g->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < 0)
		return run_size;
	g->run_size = (size_t)run_size;
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu_fd, 0);
	if (g->run == MAP_FAILED) {
		g->run = NULL;
		return -errno;
	}
	return set_registers(g->vcpu_fd);
}

static void free_guest(struct check_guest *g)
{
	if (g->run)
		(void)munmap(g->run, g->run_size);
	if (g->vcpu_fd >= 0)
		(void)close(g->vcpu_fd);
	if (g->vm_fd >= 0)
		(void)close(g->vm_fd);
	if (g->ram)
		(void)munmap(g->ram, CHECK_GUEST_BYTES);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static int count_exits(const struct check_guest *g, uint32_t *ret_count)
{
	struct kvm_regs regs;

	if (ioctl(g->vcpu_fd, KVM_GET_REGS, &regs) < 0)
		return -errno;
	*ret_count = (uint32_t)regs.rax;
	return 0;
}

/* Run until the alarm. Anything but an interruption means that this KVM cannot run the loop. */
static int run_slice(struct check_guest *g, uint64_t *ret_mips)
{
	static const struct itimerval alarm_off;
	/* It goes on ringing, in case the first ring comes before KVM_RUN was entered. */
	static const struct itimerval alarm_on = {
		.it_value = {.tv_usec = CHECK_SLICE_US},
		.it_interval = {.tv_usec = CHECK_SLICE_US},
	};
	uint32_t before, after = 0;
	uint64_t start_ns, spent_ns;
	int r = count_exits(g, &before);

	if (r < 0)
		return r;
	g->run->immediate_exit = 0;
	check_alarm_run = g->run;
	start_ns = now_ns();
	(void)setitimer(ITIMER_REAL, &alarm_on, NULL);
	r = ioctl(g->vcpu_fd, KVM_RUN, 0) < 0 ? -errno : -EIO;
	(void)setitimer(ITIMER_REAL, &alarm_off, NULL);
	spent_ns = now_ns() - start_ns;
	check_alarm_run = NULL;
	if (r != -EINTR)
		return r;
	r = count_exits(g, &after);
	*ret_mips = (uint64_t)(uint32_t)(after - before) * CHECK_LOOP_INSTRUCTIONS * 1000 /
		    (spent_ns ? spent_ns : 1);
	return r;
}

/*
 * The fastest slice counts: whoever is kept from running by others is not slow. A slice is shorter
 * than a processor is given to somebody at a time, so that one is whole even on a machine that is
 * very busy.
 */
static int run_loop(struct check_guest *g, uint64_t *ret_mips)
{
	struct sigaction action = {.sa_handler = on_alarm}, before;
	uint64_t mips = 0;
	int r = 0;

	*ret_mips = 0;
	(void)sigaction(SIGALRM, &action, &before);
	for (unsigned i = 0; !r && i < CHECK_MAX_SLICES; i++) {
		if (i >= CHECK_SLICES && *ret_mips >= CHECK_MIN_MIPS)
			break;
		r = run_slice(g, &mips);
		if (!r && mips > *ret_mips)
			*ret_mips = mips;
	}
	(void)sigaction(SIGALRM, &before, NULL);
	return r;
}

static int measure_guest(int kvm_fd, uint64_t *ret_mips)
{
	struct check_guest g = {.kvm_fd = kvm_fd, .vm_fd = -1, .vcpu_fd = -1};
	int r = build_guest(&g);

	if (!r)
		r = run_loop(&g, ret_mips);
	free_guest(&g);
	return r;
}

/* The flags line of the first processor names svm or vmx. */
static bool read_processor(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (file && !found && getline(&line, &size, file) > 0) {
		char *save = NULL;

		if (strncmp(line, "flags", 5))
			continue;
		for (char *word = strtok_r(line, " \t\n", &save); word && !found;
			word = strtok_r(NULL, " \t\n", &save))
			found = !strcmp(word, "svm") || !strcmp(word, "vmx");
		break;
	}
	free(line);
	if (file)
		(void)fclose(file);
	return found;
}

static int explain_slow(const struct check_result *r, struct err *err)
{
	(void)err_set(err, -ENOTSUP,
		"KVM here is too slow: guest kernel code runs at %llu million instructions a "
		"second, %u are needed%s",
		(unsigned long long)r->mips, CHECK_MIN_MIPS,
		r->hw_virt ? "" : "; the processor has no hardware virtualization");
	err_hint(err, "use a machine with VT-x or AMD-V (a virtual one needs nested "
		      "virtualization), or --slow-kvm to run all the same");
	return -ENOTSUP;
}

int check_kvm(struct check_result *r, struct err *err)
{
	struct stat st;
	int kvm_fd, code;

	*r = (struct check_result){
		.present = stat("/dev/kvm", &st) == 0,
		.hw_virt = read_processor(),
		.landlock_version = sandbox_landlock_version(),
		.has_uring = !disk_ring_probe(),
	};
	code = kvm_open(&kvm_fd, err);
	if (code < 0)
		return code;
	r->permitted = true;
	code = measure_guest(kvm_fd, &r->mips);
	(void)close(kvm_fd);
	if (code < 0)
		return err_set(err, code, "KVM cannot run a guest: %s", strerror(-code));
	r->measured = true;
	r->fit = r->mips >= CHECK_MIN_MIPS;
	return r->fit ? 0 : explain_slow(r, err);
}

int check_kvm_quick(struct err *err)
{
	struct check_result result;

	return read_processor() ? 0 : check_kvm(&result, err);
}

static void print_json(FILE *out, const struct check_result *r, const struct err *err)
{
	json_t *json = json_pack("{s:b, s:b, s:b, s:b, s:i, s:b}", "fit", r->fit, "present",
		r->present, "permitted", r->permitted, "hardware_virtualization", r->hw_virt,
		"landlock", (int)r->landlock_version, "io_uring", r->has_uring);

	if (json && r->measured)
		(void)json_object_set_new(json, "guest_mips", json_integer((json_int_t)r->mips));
	if (json && !r->fit) {
		(void)json_object_set_new(json, "reason", json_string(err->msg));
		if (err->hint[0])
			(void)json_object_set_new(json, "hint", json_string(err->hint));
	}
	if (json)
		(void)json_dumpf(json, out, JSON_INDENT(2));
	(void)fputc('\n', out);
	json_decref(json);
}

void check_print(FILE *out, const struct check_result *r, const struct err *err, bool json)
{
	if (json) {
		print_json(out, r, err);
		return;
	}
	(void)fprintf(out, "/dev/kvm present            %s\n", r->present ? "yes" : "no");
	(void)fprintf(out, "permitted                   %s\n", r->permitted ? "yes" : "no");
	(void)fprintf(out, "hardware virtualization     %s\n", r->hw_virt ? "yes" : "no");
	if (r->measured)
		(void)fprintf(out, "guest kernel instructions   %llu million a second\n",
			(unsigned long long)r->mips);
	if (r->landlock_version)
		(void)fprintf(out, "Landlock confines files     version %u\n", r->landlock_version);
	else
		(void)fprintf(out, "Landlock confines files     no\n");
	(void)fprintf(out, "io_uring for disks          %s\n", r->has_uring ? "yes" : "no");
	(void)fprintf(out, "verdict                     %s\n", r->fit ? "fit" : "unfit");
	if (!r->fit)
		(void)fprintf(out, "reason                      %s\n", err->msg);
	if (!r->fit && err->hint[0])
		(void)fprintf(out, "hint                        %s\n", err->hint);
}
