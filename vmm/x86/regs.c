#include "regs.h"

#include "boot.h"
#include "layout.h"
#include "mem.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_PE   (1ull << 0)
#define CR0_ET   (1ull << 4)
#define CR0_NE   (1ull << 5)
#define CR0_PG   (1ull << 31)
#define CR4_PAE  (1ull << 5)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)

#define PTE_PRESENT 1ull
#define PTE_WRITE   2ull
#define PTE_USER    4ull
#define PTE_LARGE   0x80ull
#define PT_ENTRIES  512
#define MAPPED_GIB  4
#define PAGE        4096ull
#define LARGE_PAGE  (2ull << 20)

/* Selectors that the Linux boot protocol asks for: __BOOT_CS and __BOOT_DS. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS  0x20
/* And for user mode those that Linux itself has: __USER_DS and __USER_CS. */
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define N_DESCRIPTORS      7

#define TSS_IO_MAP       104
#define TSS_IO_MAP_BYTES (65536 / 8)
#define TSS_USER_BYTES   (TSS_IO_MAP + TSS_IO_MAP_BYTES + 1)

#define FLAGS_FIXED 2ull
#define FLAGS_IOPL3 0x3000ull

#define TYPE_CODE 0xb /* execute, read, accessed */
#define TYPE_DATA 0x3 /* read, write, accessed */
#define TYPE_TSS  0xb /* busy 32/64-bit TSS */

static struct kvm_segment make_segment(uint16_t selector, uint8_t type, bool is_long)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.db = !is_long,
		.l = is_long,
		.g = 1,
	};
}

static struct kvm_segment make_user(struct kvm_segment segment)
{
	segment.dpl = 3;
	return segment;
}

/* The descriptor as the CPU would read it. */
static uint64_t descriptor_of(const struct kvm_segment *s)
{
	uint64_t limit = s->g ? s->limit >> 12 : s->limit;
	uint64_t flags = (uint64_t)s->type | (uint64_t)s->s << 4 | (uint64_t)s->dpl << 5 |
			 (uint64_t)s->present << 7 | (uint64_t)s->avl << 12 | (uint64_t)s->l << 13 |
			 (uint64_t)s->db << 14 | (uint64_t)s->g << 15;

	return (limit & 0xffff) | (limit & 0xf0000) << 32 | (s->base & 0xffffff) << 16 |
	       (s->base & 0xff000000) << 32 | flags << 40;
}

static int write_gdt(struct mem *mem, bool is_long)
{
	struct kvm_segment code = make_segment(SELECTOR_CODE, TYPE_CODE, is_long);
	struct kvm_segment data = make_segment(SELECTOR_DATA, TYPE_DATA, false);
	struct kvm_segment user_data =
		make_user(make_segment(SELECTOR_USER_DATA, TYPE_DATA, false));
	struct kvm_segment user_code = make_user(make_segment(SELECTOR_USER_CODE, TYPE_CODE, true));
	uint64_t gdt[N_DESCRIPTORS] = {0, 0, descriptor_of(&code), descriptor_of(&data), 0,
		descriptor_of(&user_data), descriptor_of(&user_code)};

	return mem_write(mem, LAYOUT_GDT, gdt, sizeof(gdt));
}

/* A KVM without hardware virtualization forgets IOPL when user mode runs, and asks the TSS. */
static int write_user_tss(struct mem *mem)
{
	static const struct {
		uint8_t unused[102];
		uint16_t io_map_base;
		uint8_t io_map[TSS_IO_MAP_BYTES]; /* a bit a port: 0 lets it pass */
		uint8_t end;
	} __attribute__((packed)) tss = {.io_map_base = TSS_IO_MAP, .end = 0xff};

	_Static_assert(sizeof(tss) == TSS_USER_BYTES, "Intel SDM 1, 19.5.2");
	return mem_write(mem, LAYOUT_USER_TSS, &tss, sizeof(tss));
}

int regs_write_tables(struct mem *mem, const struct boot_entry *entry)
{
	uint64_t pml4 = LAYOUT_PAGE_TABLES, pdpt = pml4 + PAGE, pd = pdpt + PAGE;
	uint64_t table[PT_ENTRIES] = {pdpt | PTE_PRESENT | PTE_WRITE | PTE_USER};
	int r = write_gdt(mem, true);

	if (!r && entry->mode == BOOT_USER64)
		r = write_user_tss(mem);

	if (!r)
		r = mem_write(mem, pml4, table, sizeof(table));
	memset(table, 0, sizeof(table));
	for (unsigned i = 0; i < MAPPED_GIB; i++)
		table[i] = (pd + i * PAGE) | PTE_PRESENT | PTE_WRITE | PTE_USER;
	if (!r)
		r = mem_write(mem, pdpt, table, sizeof(table));
	for (unsigned i = 0; !r && i < MAPPED_GIB; i++) {
		for (unsigned j = 0; j < PT_ENTRIES; j++)
			table[j] = (i * (uint64_t)PT_ENTRIES + j) * LARGE_PAGE | PTE_PRESENT |
				   PTE_WRITE | PTE_USER | PTE_LARGE;
		r = mem_write(mem, pd + i * PAGE, table, sizeof(table));
	}
	return r;
}

static void fill_sregs(struct kvm_sregs *s, bool is_long)
{
	s->cs = make_segment(SELECTOR_CODE, TYPE_CODE, is_long);
	s->ds = s->es = s->fs = s->gs = s->ss = make_segment(SELECTOR_DATA, TYPE_DATA, false);
	s->tr = (struct kvm_segment){
		.limit = 0x67,
		.selector = SELECTOR_TSS,
		.type = TYPE_TSS,
		.present = 1,
	};
	s->gdt = (struct kvm_dtable){.base = LAYOUT_GDT, .limit = N_DESCRIPTORS * 8 - 1};
	s->idt = (struct kvm_dtable){0};
	s->cr0 = CR0_PE | CR0_ET | CR0_NE;
	s->cr4 = 0;
	s->efer = 0;
	if (is_long) {
		s->cr0 |= CR0_PG;
		s->cr3 = LAYOUT_PAGE_TABLES;
		s->cr4 = CR4_PAE;
		s->efer = EFER_LME | EFER_LMA;
	}
}

int regs_set_entry(int vcpu_fd, const struct boot_entry *entry)
{
	bool is_long = entry->mode != BOOT_PVH, is_user = entry->mode == BOOT_USER64;
	struct kvm_regs regs = {.rflags = is_user ? FLAGS_FIXED | FLAGS_IOPL3 : FLAGS_FIXED,
		.rip = entry->rip_gpa,
		.rsp = LAYOUT_BOOT_STACK};
	struct kvm_sregs sregs;

	if (is_user)
		regs.rdi = entry->arg_gpa;
	else if (is_long)
		regs.rsi = entry->arg_gpa;
	else
		regs.rbx = entry->arg_gpa;
	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	fill_sregs(&sregs, is_long);
	if (is_user) {
		sregs.cs = make_user(make_segment(SELECTOR_USER_CODE, TYPE_CODE, true));
		sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss =
			make_user(make_segment(SELECTOR_USER_DATA, TYPE_DATA, false));
		sregs.tr.base = LAYOUT_USER_TSS;
		sregs.tr.limit = TSS_USER_BYTES - 1;
	}
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}
