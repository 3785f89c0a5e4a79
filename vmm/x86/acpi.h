/**
 * acpi: the tables that describe the machine, made in one place for every way to boot.
 *
 * RSDP, XSDT, FADT (PM block and timer of dev/pm.h), FACS, MADT, MCFG, DSDT (PCI root with its
 * windows and interrupt routing, serial port, RTC, S5). Pure: configuration in, guest RAM out.
 * Threads: main, while no vCPU runs.
 * Source: ACPI 6.4, 5.2 "ACPI System Description Tables"; PCI Firmware Specification 3.2, 4.1.2
 * MCFG.
 */
#ifndef WEFT_VMM_X86_ACPI_H
#define WEFT_VMM_X86_ACPI_H

#include <stdint.h>

struct mem;

/**
 * Write the tables for n_vcpus (1..CONFIG_MAX_VCPUS) CPUs at LAYOUT_ACPI_BASE.
 * returns  0 with ret_rsdp_gpa, -ENOSPC if they do not fit, -ERANGE if there is no RAM
 */
int acpi_write(struct mem *mem, unsigned n_vcpus, uint64_t *ret_rsdp_gpa);

#endif
