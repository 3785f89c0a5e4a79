/**
 * regs: the first vCPU's registers for each way to boot, and the tables in RAM that they need.
 *
 * Threads: main, while the vCPU does not run.
 */
#ifndef WEFT_VMM_X86_REGS_H
#define WEFT_VMM_X86_REGS_H

struct boot_entry;
struct mem;

/**
 * Write GDT and, for long mode, page tables that map the first 4 GiB one to one; for user mode also
 *  a TSS that lets it use every port.
 */
int regs_write_tables(struct mem *mem, const struct boot_entry *entry);
/** Set registers of a vCPU in its reset state. Returns 0 or -errno. */
int regs_set_entry(int vcpu_fd, const struct boot_entry *entry);

#endif
