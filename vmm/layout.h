/**
 * layout: the guest-physical and port address map of the machine, in one place.
 *
 *   0x0000_0000  low RAM, up to LAYOUT_LOW_RAM_END (the BIOS area below 1 MiB is plain RAM)
 *   0xc000_0000  32-bit PCI window, where every BAR starts out
 *   0xe000_0000  PCI configuration space (ECAM), 256 buses
 *   0xfec0_0000  I/O APIC            0xfee0_0000  local APIC
 *   0xfeff_c000  pages that KVM needs on Intel: identity map, then TSS
 *   0x1_0000_0000  high RAM: what did not fit below
 */
#ifndef WEFT_VMM_LAYOUT_H
#define WEFT_VMM_LAYOUT_H

#define LAYOUT_LOW_RAM_END   0xc0000000ull
#define LAYOUT_HIGH_RAM_BASE 0x100000000ull
#define LAYOUT_PCI_MEM_BASE  0xc0000000ull
#define LAYOUT_PCI_MEM_SIZE  0x20000000ull
#define LAYOUT_ECAM_BASE     0xe0000000ull
#define LAYOUT_ECAM_SIZE     0x10000000ull
#define LAYOUT_IOAPIC_BASE   0xfec00000ull
#define LAYOUT_LAPIC_BASE    0xfee00000ull
#define LAYOUT_IDENTITY_MAP  0xfeffc000ull
#define LAYOUT_TSS           0xfeffd000ull

/** I/O ports. The PM block has the offsets that firmware expects from PM base 0x600. */
#define LAYOUT_PIO_PCI_BASE 0x6000
#define LAYOUT_PIO_PCI_SIZE 0xa000
#define LAYOUT_PIO_PM_BASE  0x600
#define LAYOUT_PIO_SERIAL   0x3f8

/** Interrupt lines (GSIs). PCI INTA..D pins of the slots share LAYOUT_GSI_PCI..+7. */
#define LAYOUT_GSI_SERIAL 4
#define LAYOUT_GSI_RTC    8
#define LAYOUT_GSI_SCI    9
#define LAYOUT_GSI_PCI    16
#define LAYOUT_N_PCI_GSIS 8
#define LAYOUT_N_LINES    24

/** Below 1 MiB: where a direct boot leaves what the guest reads first. */
#define LAYOUT_GDT         0x00000500ull
#define LAYOUT_BOOT_PARAMS 0x00007000ull
#define LAYOUT_PVH_INFO    0x00006000ull
#define LAYOUT_BOOT_STACK  0x00008ff0ull
#define LAYOUT_PAGE_TABLES 0x00009000ull
#define LAYOUT_USER_TSS    0x00010000ull
#define LAYOUT_CMDLINE     0x00020000ull
#define LAYOUT_CMDLINE_MAX 0x00010000ull
#define LAYOUT_EBDA        0x0009fc00ull
#define LAYOUT_ACPI_BASE   0x000e0000ull
#define LAYOUT_ACPI_SIZE   0x00010000ull
#define LAYOUT_SMBIOS_BASE 0x000f0000ull
#define LAYOUT_SMBIOS_SIZE 0x00010000ull
#define LAYOUT_KERNEL      0x00100000ull

#endif
