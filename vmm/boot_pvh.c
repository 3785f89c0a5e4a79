#include "boot_pvh.h"

#include "err.h"
#include "layout.h"
#include "mem.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define HVM_START_MAGIC          0x336ec578u
#define PVH_MAX_PHDRS            64
#define PVH_MAX_NOTES            256

struct hvm_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t n_modules;
	uint64_t modlist_gpa;
	uint64_t cmdline_gpa;
	uint64_t rsdp_gpa;
	uint64_t memmap_gpa;
	uint32_t n_memmap;
	uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "hvm_start_info version 1");

struct hvm_modlist_entry {
	uint64_t gpa;
	uint64_t size_bytes;
	uint64_t cmdline_gpa;
	uint64_t reserved;
};

struct hvm_memmap_entry {
	uint64_t gpa;
	uint64_t size_bytes;
	uint32_t type;
	uint32_t reserved;
};

/* What lies at LAYOUT_PVH_INFO. */
struct pvh_info {
	struct hvm_start_info start;
	struct hvm_modlist_entry initrd;
	struct hvm_memmap_entry memmap[BOOT_MAX_RANGES];
};

/* A program header, 32- or 64-bit alike. */
struct pvh_phdr {
	uint32_t type;
	uint64_t offset;
	uint64_t gpa;
	uint64_t file_bytes;
	uint64_t mem_bytes;
	uint64_t align;
};

struct pvh_elf {
	const uint8_t *image;
	size_t len;
	bool is64;
	uint64_t phdrs_offset;
	unsigned n_phdrs;
};

static bool probe_image(const uint8_t *image, size_t len)
{
	return len >= sizeof(Elf32_Ehdr) && !memcmp(image, ELFMAG, SELFMAG);
}

static bool inside(uint64_t len, uint64_t offset, uint64_t bytes)
{
	return offset <= len && bytes <= len - offset;
}

static int open_elf(const uint8_t *image, size_t len, struct pvh_elf *elf, struct err *err)
{
	unsigned machine, phdr_bytes, want_bytes;

	if (!probe_image(image, len) || image[EI_DATA] != ELFDATA2LSB ||
		(image[EI_CLASS] != ELFCLASS64 && image[EI_CLASS] != ELFCLASS32))
		return err_set(err, -ENOEXEC, "not a little-endian ELF file");
	*elf = (struct pvh_elf){.image = image, .len = len, .is64 = image[EI_CLASS] == ELFCLASS64};
	if (elf->is64) {
		Elf64_Ehdr h;

		if (len < sizeof(h))
			return err_set(err, -ENOEXEC, "truncated ELF header");
		memcpy(&h, image, sizeof(h));
		elf->phdrs_offset = h.e_phoff;
		elf->n_phdrs = h.e_phnum;
		machine = h.e_machine;
		phdr_bytes = h.e_phentsize;
		want_bytes = sizeof(Elf64_Phdr);
	} else {
		Elf32_Ehdr h;

		memcpy(&h, image, sizeof(h));
		elf->phdrs_offset = h.e_phoff;
		elf->n_phdrs = h.e_phnum;
		machine = h.e_machine;
		phdr_bytes = h.e_phentsize;
		want_bytes = sizeof(Elf32_Phdr);
	}
	if (machine != EM_X86_64 && machine != EM_386)
		return err_set(err, -ENOEXEC, "ELF file is for machine %u, not for x86", machine);
	if (!elf->n_phdrs || elf->n_phdrs > PVH_MAX_PHDRS || phdr_bytes != want_bytes ||
		!inside(len, elf->phdrs_offset, (uint64_t)elf->n_phdrs * want_bytes))
		return err_set(err, -ENOEXEC, "ELF program headers are broken or too many (%u)",
			elf->n_phdrs);
	return 0;
}

static struct pvh_phdr get_phdr(const struct pvh_elf *elf, unsigned i)
{
	if (elf->is64) {
		Elf64_Phdr p;

		memcpy(&p, elf->image + elf->phdrs_offset + i * sizeof(p), sizeof(p));
		return (struct pvh_phdr){
			p.p_type, p.p_offset, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
	}
	Elf32_Phdr p;

	memcpy(&p, elf->image + elf->phdrs_offset + i * sizeof(p), sizeof(p));
	return (struct pvh_phdr){p.p_type, p.p_offset, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
}

/* Look through one PT_NOTE segment for the address that a note holds. */
static bool find_note(const struct pvh_elf *elf, const struct pvh_phdr *ph, const char *name,
	uint32_t type, uint64_t *ret_gpa)
{
	uint64_t at = ph->offset, end = ph->offset + ph->file_bytes;
	uint64_t align = ph->align == 8 ? 8 : 4;

	for (unsigned n = 0; n < PVH_MAX_NOTES && inside(end, at, sizeof(Elf64_Nhdr)); n++) {
		uint64_t name_at, desc_at;
		Elf64_Nhdr note;

		memcpy(&note, elf->image + at, sizeof(note));
		name_at = at + sizeof(note);
		desc_at = name_at + ((note.n_namesz + align - 1) & ~(align - 1));
		if (!inside(end, name_at, note.n_namesz) || !inside(end, desc_at, note.n_descsz))
			return false;
		if (note.n_type == type && note.n_namesz == strlen(name) + 1 &&
			!memcmp(elf->image + name_at, name, note.n_namesz) &&
			(note.n_descsz == 4 || note.n_descsz == 8)) {
			*ret_gpa = 0;
			memcpy(ret_gpa, elf->image + desc_at, note.n_descsz);
			return true;
		}
		at = desc_at + ((note.n_descsz + align - 1) & ~(align - 1));
	}
	return false;
}

static int load_segment(struct mem *mem, const struct pvh_elf *elf, unsigned i,
	const struct pvh_phdr *ph, uint64_t *kernel_end, struct err *err)
{
	void *hva;

	if (!ph->mem_bytes)
		return 0;
	if (ph->file_bytes > ph->mem_bytes || !inside(elf->len, ph->offset, ph->file_bytes))
		return err_set(err, -ENOEXEC,
			"ELF segment %u: file range runs past the end of the file", i);
	if (ph->gpa < LAYOUT_KERNEL)
		return err_set(err, -ENOEXEC, "ELF segment %u: load address 0x%llx is below 1 MiB",
			i, (unsigned long long)ph->gpa);
	if (mem_gpa_to_hva(mem, ph->gpa, ph->mem_bytes, &hva) < 0) {
		(void)err_set(err, -ENOSPC,
			"ELF segment %u: 0x%llx bytes at 0x%llx are not in guest RAM", i,
			(unsigned long long)ph->mem_bytes, (unsigned long long)ph->gpa);
		err_hint(err, "give the guest more memory");
		return -ENOSPC;
	}
	memcpy(hva, elf->image + ph->offset, ph->file_bytes);
	memset((uint8_t *)hva + ph->file_bytes, 0, ph->mem_bytes - ph->file_bytes);
	if (ph->gpa + ph->mem_bytes > *kernel_end)
		*kernel_end = ph->gpa + ph->mem_bytes;
	return 0;
}

/* Where a kernel begins, by its notes. */
struct pvh_entries {
	bool has_kernel, has_user;
	uint64_t kernel_gpa, user_gpa;
};

static int check_entry(const char *what, uint64_t gpa, uint64_t kernel_end, struct err *err)
{
	if (gpa >= LAYOUT_KERNEL && gpa < kernel_end)
		return 0;
	return err_set(err, -ENOEXEC, "%s entry point 0x%llx is outside the kernel", what,
		(unsigned long long)gpa);
}

static int load_segments(struct mem *mem, const struct pvh_elf *elf, struct pvh_entries *entries,
	uint64_t *ret_kernel_end, struct err *err)
{
	uint64_t budget =
		mem_size_bytes(mem); /* segments that overlap could fill RAM many times over */

	for (unsigned i = 0; i < elf->n_phdrs; i++) {
		struct pvh_phdr ph = get_phdr(elf, i);
		int r;

		if (ph.type == PT_NOTE && inside(elf->len, ph.offset, ph.file_bytes)) {
			if (!entries->has_kernel)
				entries->has_kernel = find_note(elf, &ph, "Xen",
					XEN_ELFNOTE_PHYS32_ENTRY, &entries->kernel_gpa);
			if (!entries->has_user)
				entries->has_user = find_note(elf, &ph, "Weft", BOOT_PVH_USER_NOTE,
					&entries->user_gpa);
		}
		if (ph.type != PT_LOAD)
			continue;
		if (ph.mem_bytes > budget)
			return err_set(err, -ENOSPC, "ELF segments are larger than guest RAM");
		budget -= ph.mem_bytes;
		r = load_segment(mem, elf, i, &ph, ret_kernel_end, err);
		if (r < 0)
			return r;
	}
	if (!entries->has_kernel)
		return err_set(err, -ENOEXEC,
			"ELF file has no PVH entry point (note Xen/PHYS32_ENTRY)");
	if (entries->has_user)
		return check_entry("user", entries->user_gpa, *ret_kernel_end, err);
	return check_entry("PVH", entries->kernel_gpa, *ret_kernel_end, err);
}

static void fill_info(const struct mem *mem, const struct boot_request *request,
	uint64_t initrd_gpa, struct pvh_info *info)
{
	struct boot_range ranges[BOOT_MAX_RANGES];
	unsigned n_ranges = boot_memory_map(mem, ranges);

	for (unsigned i = 0; i < n_ranges; i++) {
		info->memmap[i] = (struct hvm_memmap_entry){
			.gpa = ranges[i].gpa,
			.size_bytes = ranges[i].size_bytes,
			.type = ranges[i].type,
		};
	}
	info->initrd = (struct hvm_modlist_entry){
		.gpa = initrd_gpa,
		.size_bytes = request->initrd_bytes,
	};
	info->start = (struct hvm_start_info){
		.magic = HVM_START_MAGIC,
		.version = 1,
		.n_modules = request->initrd_bytes ? 1 : 0,
		.modlist_gpa = LAYOUT_PVH_INFO + offsetof(struct pvh_info, initrd),
		.cmdline_gpa = LAYOUT_CMDLINE,
		.rsdp_gpa = request->rsdp_gpa,
		.memmap_gpa = LAYOUT_PVH_INFO + offsetof(struct pvh_info, memmap),
		.n_memmap = n_ranges,
	};
}

/* Linux copies as many bytes as it has room for, the NUL or not: it would die before it can say a
 * word. A PVH file does not tell how many these are; on x86 it has always been COMMAND_LINE_SIZE,
 * 2048. */
static int check_cmdline(size_t len, struct err *err)
{
	enum { LINUX_MAX = 2047 };

	if (len <= LINUX_MAX)
		return 0;
	(void)err_set_field(err, -E2BIG, "cmdline",
		"kernel command line of %zu bytes is longer than the %d that a Linux kernel takes",
		len, LINUX_MAX);
	err_hint(err, "of a node, every address is a part of it");
	return -E2BIG;
}

int boot_pvh_load(struct mem *mem, const uint8_t *image, size_t len,
	const struct boot_request *request, struct boot_plan *ret_plan, struct err *err)
{
	uint64_t kernel_end = 0, initrd_gpa = 0;
	struct pvh_entries entries = {0};
	size_t cmdline_len = strlen(request->cmdline);
	struct pvh_info info = {0};
	struct pvh_elf elf = {0};
	int r = open_elf(image, len, &elf, err);

	if (r < 0)
		return r;
	if (cmdline_len >= LAYOUT_CMDLINE_MAX)
		return err_set_field(err, -E2BIG, "cmdline",
			"kernel command line of %zu bytes is too long", cmdline_len);
	r = load_segments(mem, &elf, &entries, &kernel_end, err);
	if (r == 0 && !entries.has_user)
		r = check_cmdline(cmdline_len, err);
	if (r < 0)
		return r;
	r = boot_place_initrd(mem, request->initrd_bytes, kernel_end, UINT32_MAX, &initrd_gpa, err);
	if (r < 0)
		return r;
	fill_info(mem, request, initrd_gpa, &info);
	r = mem_write(mem, LAYOUT_PVH_INFO, &info, sizeof(info));
	if (!r)
		r = mem_write(mem, LAYOUT_CMDLINE, request->cmdline, cmdline_len + 1);
	if (r < 0)
		return err_set(err, r, "boot information does not fit into guest memory");
	*ret_plan = (struct boot_plan){
		.entry = {.mode = entries.has_user ? BOOT_USER64 : BOOT_PVH,
			.rip_gpa = entries.has_user ? entries.user_gpa : entries.kernel_gpa,
			.arg_gpa = LAYOUT_PVH_INFO},
		.initrd_gpa = initrd_gpa,
	};
	return 0;
}

const struct boot_ops boot_pvh_ops = {.probe = probe_image, .load = boot_pvh_load};
