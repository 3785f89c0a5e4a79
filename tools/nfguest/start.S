/* Into C at CPL 3. Our VMM enters at `user` with an identity map already (note "Weft", boot_pvh.h);
 * others enter at `entry` as PVH has it, which needs a KVM with hardware virtualization. Its tables are
 * laid out by the assembler: not an instruction is spent on making them.
 * Source: xen/include/public/arch-x86/hvm/start_info.h; Intel SDM 3A, 10.8.5 "Initializing IA-32e
 * Mode". */

#define CODE64	0x08
#define DATA	0x10
#define USER_DATA (0x18 | 3)
#define USER_CODE (0x20 | 3)
#define CR4_PAE	0x20
#define CR0_PG	0x80000000
#define EFER	0xc0000080
#define EFER_LME 0x100
#define USER_FLAGS 0x3002	/* IOPL 3: ports without asking; no interrupts */
#define STACK_SIZE 16384

	.section .note.Xen, "a", @note
	.align 4
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long entry
	.long 5, 4, 1		/* BOOT_PVH_USER_NOTE */
	.asciz "Weft"
	.align 4
	.long user

	.section .text.start, "ax"
	.code32
	.globl entry
entry:	movl $pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $CODE64, $long_mode

	.code64
long_mode:
	movl $USER_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl $stack_top, %esp
	movl %ebx, %edi		/* start info */
	pushq $USER_DATA
	pushq $stack_top
	pushq $USER_FLAGS
	pushq $USER_CODE
	pushq $user
	iretq

user:	movl $stack_top, %esp
	xorl %ebp, %ebp
	call nfguest_main
hang:	pause
	jmp hang

	.section .data, "aw"
	.align 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* code, long mode */
	.quad 0x00cf93000000ffff	/* data */
	.quad 0x00cff3000000ffff	/* data, CPL 3 */
	.quad 0x00affb000000ffff	/* code, long mode, CPL 3 */
gdt_pointer:
	.word . - gdt - 1
	.quad gdt

	/* The first 4 GiB one to one, in pages of 2 MiB, for CPL 3 as well. */
	.align 4096
pml4:	.quad pdpt + 7
	.fill 511, 8, 0
pdpt:	.quad pds + 7, pds + 0x1007, pds + 0x2007, pds + 0x3007
	.fill 508, 8, 0
pds:
	.set page, 0
	.rept 2048
	.quad page + 0x87
	.set page, page + 0x200000
	.endr

	.section .bss, "aw", @nobits
	.align 16
	.skip STACK_SIZE
stack_top:
	.section .note.GNU-stack, "", @progbits
