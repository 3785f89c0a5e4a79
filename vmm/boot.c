#include "boot.h"

#include "boot_linux.h"
#include "boot_pvh.h"
#include "config.h"
#include "err.h"
#include "layout.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct boot_file {
	const char *path; /* in config */
	int fd;           /* -1 = none */
	uint64_t size_bytes;
};

struct boot {
	struct boot_file kernel;
	struct boot_file initrd;
	const char *cmdline;
};

unsigned boot_memory_map(const struct mem *mem, struct boot_range ranges[BOOT_MAX_RANGES])
{
	const struct mem_region *regions;
	unsigned n_regions = mem_regions(mem, &regions);
	unsigned n = 0;

	ranges[n++] = (struct boot_range){0, LAYOUT_EBDA, BOOT_RANGE_RAM};
	ranges[n++] = (struct boot_range){LAYOUT_EBDA, 0xa0000 - LAYOUT_EBDA, BOOT_RANGE_RESERVED};
	ranges[n++] = (struct boot_range){
		LAYOUT_ACPI_BASE, LAYOUT_KERNEL - LAYOUT_ACPI_BASE, BOOT_RANGE_RESERVED};
	ranges[n++] = (struct boot_range){
		LAYOUT_KERNEL, regions[0].size_bytes - LAYOUT_KERNEL, BOOT_RANGE_RAM};
	/* Linux takes ECAM only if firmware says that the window belongs to nobody else. */
	ranges[n++] = (struct boot_range){LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE, BOOT_RANGE_RESERVED};
	for (unsigned i = 1; i < n_regions; i++)
		ranges[n++] =
			(struct boot_range){regions[i].gpa, regions[i].size_bytes, BOOT_RANGE_RAM};
	return n;
}

int boot_place_initrd(const struct mem *mem, uint64_t initrd_bytes, uint64_t floor_gpa,
	uint64_t limit_gpa, uint64_t *ret_gpa, struct err *err)
{
	const struct mem_region *low;
	uint64_t top;

	*ret_gpa = 0;
	if (!initrd_bytes)
		return 0;
	(void)mem_regions(mem, &low);
	top = low->size_bytes - 1 < limit_gpa ? low->size_bytes : limit_gpa + 1;
	if (top < floor_gpa || initrd_bytes > top - floor_gpa ||
		((top - initrd_bytes) & ~0xfffull) < floor_gpa) {
		(void)err_set(err, -ENOSPC,
			"initrd of %llu KiB does not fit into guest memory beside the kernel (%llu "
			"MiB)",
			(unsigned long long)(initrd_bytes >> 10),
			(unsigned long long)(mem_size_bytes(mem) >> 20));
		err_hint(err, "give the guest more memory");
		return -ENOSPC;
	}
	*ret_gpa = (top - initrd_bytes) & ~0xfffull;
	return 0;
}

static int open_file(const char *what, const char *path, struct boot_file *file, struct err *err)
{
	struct stat st;
	int r;

	file->path = path;
	file->fd = -1;
	if (!path[0])
		return 0;
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0) {
		r = -errno;
		return err_set_field(err, r, what, "%s '%s': cannot open it: %s", what, path,
			strerror(-r));
	}
	if (fstat(file->fd, &st) < 0) {
		r = -errno;
		return err_set_field(err, r, what, "%s '%s': %s", what, path, strerror(-r));
	}
	if (!S_ISREG(st.st_mode))
		return err_set_field(err, -EINVAL, what, "%s '%s': not a regular file", what, path);
	if (!st.st_size)
		return err_set_field(err, -EINVAL, what, "%s '%s': file is empty", what, path);
	file->size_bytes = (uint64_t)st.st_size;
	return 0;
}

int boot_open(const struct config *config, struct boot **ret_boot, struct err *err)
{
	struct boot *boot = calloc(1, sizeof(*boot));
	int r;

	if (!boot)
		return err_set(err, -ENOMEM, "kernel: out of memory");
	boot->initrd.fd = -1;
	boot->cmdline = config->cmdline;
	r = open_file("kernel", config->kernel, &boot->kernel, err);
	if (!r && boot->kernel.size_bytes > BOOT_MAX_KERNEL_BYTES)
		r = err_set_field(err, -EFBIG, "kernel", "kernel '%s': larger than %u MiB",
			config->kernel, BOOT_MAX_KERNEL_BYTES >> 20);
	if (!r)
		r = open_file("initrd", config->initrd, &boot->initrd, err);
	if (r < 0) {
		boot_close(boot);
		return r;
	}
	*ret_boot = boot;
	return 0;
}

void boot_close(struct boot *boot)
{
	if (!boot)
		return;
	if (boot->kernel.fd >= 0)
		(void)close(boot->kernel.fd);
	if (boot->initrd.fd >= 0)
		(void)close(boot->initrd.fd);
	free(boot);
}

/* The file may have shrunk since it was opened: a short read is an error, not a fault. */
static int read_file(const struct boot_file *file, void *dst, struct err *err)
{
	uint64_t done = 0;

	while (done < file->size_bytes) {
		ssize_t n = pread(file->fd, (uint8_t *)dst + done, file->size_bytes - done,
			(off_t)done);
		int r = n < 0 ? -errno : -EIO;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, r, "'%s': cannot read it: %s", file->path,
				n ? strerror(-r) : "file became shorter");
		done += (uint64_t)n;
	}
	return 0;
}

static const struct boot_ops *const boot_formats[] = {&boot_linux_ops, &boot_pvh_ops};

static int load_kernel(struct boot *boot, struct mem *mem, const uint8_t *image,
	const struct boot_request *request, struct boot_plan *plan, struct err *err)
{
	size_t len = boot->kernel.size_bytes;
	int r;

	for (size_t i = 0; i < sizeof(boot_formats) / sizeof(boot_formats[0]); i++) {
		if (!boot_formats[i]->probe(image, len))
			continue;
		r = boot_formats[i]->load(mem, image, len, request, plan, err);
		return r < 0 ? err_prefix(err, "kernel '%s'", boot->kernel.path) : 0;
	}
	(void)err_set(err, -ENOEXEC, "neither a Linux bzImage nor an ELF file with a PVH entry");
	return err_prefix(err, "kernel '%s'", boot->kernel.path);
}

int boot_load(struct boot *boot, struct mem *mem, uint64_t rsdp_gpa, struct boot_entry *ret_entry,
	struct err *err)
{
	struct boot_request request = {
		.cmdline = boot->cmdline,
		.initrd_bytes = boot->initrd.size_bytes,
		.rsdp_gpa = rsdp_gpa,
	};
	struct boot_plan plan;
	void *image, *hva;
	int r;

	/* Mapped, not allocated, so that its pages go back at once. */
	image = mmap(NULL, boot->kernel.size_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (image == MAP_FAILED)
		return err_set(err, -ENOMEM, "kernel '%s': out of memory", boot->kernel.path);
	r = read_file(&boot->kernel, image, err);
	if (!r)
		r = load_kernel(boot, mem, image, &request, &plan, err);
	(void)munmap(image, boot->kernel.size_bytes);
	if (!r && request.initrd_bytes) {
		r = mem_gpa_to_hva(mem, plan.initrd_gpa, request.initrd_bytes, &hva);
		r = r < 0 ? err_set(err, r, "initrd '%s': does not fit", boot->initrd.path)
			  : read_file(&boot->initrd, hva, err);
	}
	if (!r)
		*ret_entry = plan.entry;
	return r;
}
