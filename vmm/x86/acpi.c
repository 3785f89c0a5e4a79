#include "acpi.h"

#include "aml.h"
#include "layout.h"
#include "mem.h"
#include "pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PM_EVENT_PORT   (LAYOUT_PIO_PM_BASE + 0)
#define PM_CONTROL_PORT (LAYOUT_PIO_PM_BASE + 4)
#define PM_TIMER_PORT   (LAYOUT_PIO_PM_BASE + 8)
#define RESET_PORT      0xcf9
#define RESET_VALUE     0x06

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.4, table 5.4");

struct acpi_gas {
	uint8_t space; /* 1 = system I/O */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_gpa;
	uint32_t length;
	uint64_t xsdt_gpa;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.4, table 5.3");

struct acpi_fadt {
	struct acpi_header header;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr;
	struct acpi_gas x_gpe0, x_gpe1, sleep_control, sleep_status;
	uint64_t hypervisor_id;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 6.4, table 5.9");

#define FADT_WBINVD           (1u << 0)
#define FADT_PROC_C1          (1u << 2)
#define FADT_SLEEP_BUTTON_OFF (1u << 5)
#define FADT_TMR_VAL_EXT      (1u << 8) /* 32-bit timer */
#define FADT_RESET_REG        (1u << 10)
#define BOOT_ARCH_LEGACY      (1u << 0)
#define BOOT_ARCH_NO_VGA      (1u << 2)
#define BOOT_ARCH_NO_ASPM     (1u << 4)
#define ACPI_ENABLED_CPU      1u
#define MADT_PCAT_COMPAT      1u /* two 8259 are there */

struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint8_t rest[56];
} __attribute__((packed));

struct acpi_madt_head {
	struct acpi_header header;
	uint32_t lapic_gpa;
	uint32_t flags;
} __attribute__((packed));

struct acpi_madt_lapic {
	uint8_t type, length, processor_uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct acpi_madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t gpa;
	uint32_t gsi_base;
} __attribute__((packed));

struct acpi_madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct acpi_madt_nmi {
	uint8_t type, length, processor_uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

struct acpi_mcfg {
	struct acpi_header header;
	uint64_t reserved;
	uint64_t gpa;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved1;
} __attribute__((packed));

/* The area that tables are laid into, one after the other. */
struct acpi_area {
	uint8_t *bytes;
	size_t size;
	size_t len;
	uint64_t gpa;
};

static uint8_t checksum_of(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + at[i]);
	return (uint8_t)-sum;
}

/* Room for a table, aligned as FACS wants it. NULL when the area is full. */
static void *reserve_bytes(struct acpi_area *area, size_t len, uint64_t *ret_gpa)
{
	size_t at = (area->len + 63) & ~(size_t)63;

	if (at > area->size || len > area->size - at)
		return NULL;
	area->len = at + len;
	*ret_gpa = area->gpa + at;
	return area->bytes + at;
}

static void finish_table(struct acpi_header *header, const char *signature, uint8_t revision,
	size_t len)
{
	memcpy(header->signature, signature, 4);
	header->length = (uint32_t)len;
	header->revision = revision;
	header->checksum = 0;
	memcpy(header->oem_id, "WEFT  ", 6);
	memcpy(header->oem_table_id, "WEFTVMM ", 8);
	header->oem_revision = 1;
	memcpy(header->creator_id, "WEFT", 4);
	header->creator_revision = 1;
	header->checksum = checksum_of(header, len);
}

/* DSDT */

static void add_routing(struct aml *aml)
{
	struct aml_block table;

	aml_name(aml, "_PRT");
	table = aml_begin_package(aml, PCI_MAX_SLOTS - 1);
	for (unsigned slot = 1; slot < PCI_MAX_SLOTS; slot++) {
		struct aml_block entry = aml_begin_package(aml, 4);

		aml_integer(aml, (uint64_t)slot << 16 | 0xffff);
		aml_integer(aml, 0); /* INTA */
		aml_integer(aml, 0); /* no link device: the next one is a GSI */
		aml_integer(aml, pci_intx_gsi(slot));
		aml_end(aml, entry);
	}
	aml_end(aml, table);
}

static void add_pci_root(struct aml *aml)
{
	struct aml_block device = aml_begin_device(aml, "PCI0");
	struct aml_resources crs;

	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0A08");
	aml_name(aml, "_CID");
	aml_eisaid(aml, "PNP0A03");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_SEG");
	aml_integer(aml, 0);
	aml_name(aml, "_BBN");
	aml_integer(aml, 0);
	aml_name(aml, "_CCA");
	aml_integer(aml, 1);
	aml_name(aml, "_CRS");
	crs = aml_begin_resources(aml);
	aml_res_bus_window(aml, 0, 255);
	aml_res_io(aml, 0xcf8, 8);
	aml_res_io_window(aml, 0, 0xcf7);
	aml_res_io_window(aml, 0xd00, 0xffff);
	aml_res_memory_window(aml, LAYOUT_PCI_MEM_BASE,
		LAYOUT_PCI_MEM_BASE + LAYOUT_PCI_MEM_SIZE - 1);
	aml_end_resources(aml, crs);
	add_routing(aml);
	aml_end(aml, device);
}

/* A fixed device with one port range and, where irq is not 0, an interrupt. */
static void add_legacy(struct aml *aml, const char *name, const char *hid, uint64_t uid,
	uint16_t port, uint8_t n_ports, uint8_t irq)
{
	struct aml_block device = aml_begin_device(aml, name);
	struct aml_resources crs;

	aml_name(aml, "_HID");
	aml_eisaid(aml, hid);
	aml_name(aml, "_UID");
	aml_integer(aml, uid);
	aml_name(aml, "_CRS");
	crs = aml_begin_resources(aml);
	aml_res_io(aml, port, n_ports);
	if (irq)
		aml_res_irq(aml, irq);
	aml_end_resources(aml, crs);
	aml_end(aml, device);
}

/* What belongs to the board itself, so that a guest gives it to nobody else. */
static void add_board(struct aml *aml)
{
	struct aml_block device = aml_begin_device(aml, "BRD0");
	struct aml_resources crs;

	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0C02");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	crs = aml_begin_resources(aml);
	aml_res_fixed_memory(aml, LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE);
	aml_res_io(aml, LAYOUT_PIO_PM_BASE, 16);
	aml_end_resources(aml, crs);
	aml_end(aml, device);
}

/* returns the number of bytes of AML, or 0 if it did not fit */
static size_t fill_dsdt(uint8_t *bytes, size_t size)
{
	struct aml aml = aml_init(bytes, size);
	struct aml_block scope = aml_begin_scope(&aml, "\\_SB");
	struct aml_block package;

	add_pci_root(&aml);
	add_board(&aml);
	add_legacy(&aml, "COM1", "PNP0501", 1, LAYOUT_PIO_SERIAL, 8, LAYOUT_GSI_SERIAL);
	add_legacy(&aml, "RTC0", "PNP0B00", 0, 0x70, 2, LAYOUT_GSI_RTC);
	aml_end(&aml, scope);
	aml_name(&aml, "\\_S5"); /* the sleep type that dev/pm.c takes for "off" */
	package = aml_begin_package(&aml, 4);
	aml_integer(&aml, 5);
	aml_integer(&aml, 5);
	aml_integer(&aml, 0);
	aml_integer(&aml, 0);
	aml_end(&aml, package);
	return aml.full ? 0 : aml.len;
}

static int add_dsdt(struct acpi_area *area, uint64_t *ret_gpa)
{
	size_t max = 8192;
	struct acpi_header *table = reserve_bytes(area, sizeof(*table) + max, ret_gpa);
	size_t len = table ? fill_dsdt((uint8_t *)(table + 1), max) : 0;

	if (!len)
		return -ENOSPC;
	finish_table(table, "DSDT", 2, sizeof(*table) + len);
	area->len -= max - len;
	return 0;
}

/* FADT and FACS */

static struct acpi_gas gas_of_port(uint16_t port, uint8_t n_bytes)
{
	return (struct acpi_gas){
		.space = 1,
		.bit_width = (uint8_t)(n_bytes * 8),
		.access_size = n_bytes == 4 ? 3 : n_bytes,
		.address = port,
	};
}

static int add_fadt(struct acpi_area *area, uint64_t dsdt_gpa, uint64_t *ret_gpa)
{
	uint64_t facs_gpa = 0;
	struct acpi_facs *facs = reserve_bytes(area, sizeof(*facs), &facs_gpa);
	struct acpi_fadt *fadt = reserve_bytes(area, sizeof(*fadt), ret_gpa);

	if (!facs || !fadt)
		return -ENOSPC;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->rest[24] = 2; /* version */
	*fadt = (struct acpi_fadt){
		.facs = (uint32_t)facs_gpa,
		.dsdt = (uint32_t)dsdt_gpa,
		.x_dsdt = dsdt_gpa,
		.sci_int = LAYOUT_GSI_SCI,
		.pm1a_evt = PM_EVENT_PORT,
		.pm1a_cnt = PM_CONTROL_PORT,
		.pm_tmr = PM_TIMER_PORT,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.pm_tmr_len = 4,
		.p_lvl2_lat = 0xffff, /* no C2, no C3 */
		.p_lvl3_lat = 0xffff,
		.century = 0x32,
		/*
		 * No 8042: what answers at its ports knows the reset only, so nobody need probe it.
		 */
		.boot_arch = BOOT_ARCH_LEGACY | BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_ASPM,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLEEP_BUTTON_OFF | FADT_TMR_VAL_EXT |
			 FADT_RESET_REG,
		.reset_reg = gas_of_port(RESET_PORT, 1),
		.reset_value = RESET_VALUE,
		.minor_version = 4,
		.x_pm1a_evt = gas_of_port(PM_EVENT_PORT, 4),
		.x_pm1a_cnt = gas_of_port(PM_CONTROL_PORT, 2),
		.x_pm_tmr = gas_of_port(PM_TIMER_PORT, 4),
	};
	fadt->x_pm1a_evt.access_size = 2; /* two registers of 16 bits */
	finish_table(&fadt->header, "FACP", 6, sizeof(*fadt));
	return 0;
}

/* MADT and MCFG */

static int add_madt(struct acpi_area *area, unsigned n_vcpus, uint64_t *ret_gpa)
{
	size_t len = sizeof(struct acpi_madt_head) + n_vcpus * sizeof(struct acpi_madt_lapic) +
		     sizeof(struct acpi_madt_ioapic) + sizeof(struct acpi_madt_override) +
		     sizeof(struct acpi_madt_nmi);
	struct acpi_madt_head *head = reserve_bytes(area, len, ret_gpa);
	struct acpi_madt_override *sci;
	struct acpi_madt_ioapic *ioapic;
	struct acpi_madt_lapic *lapic;
	struct acpi_madt_nmi *nmi;

	if (!head)
		return -ENOSPC;
	head->lapic_gpa = LAYOUT_LAPIC_BASE;
	head->flags = MADT_PCAT_COMPAT;
	lapic = (struct acpi_madt_lapic *)(head + 1);
	for (unsigned i = 0; i < n_vcpus; i++) {
		*lapic++ = (struct acpi_madt_lapic){
			.type = 0,
			.length = sizeof(*lapic),
			.processor_uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = ACPI_ENABLED_CPU,
		};
	}
	ioapic = (struct acpi_madt_ioapic *)lapic;
	*ioapic = (struct acpi_madt_ioapic){
		.type = 1,
		.length = sizeof(*ioapic),
		.gpa = LAYOUT_IOAPIC_BASE,
	};
	sci = (struct acpi_madt_override *)(ioapic + 1);
	*sci = (struct acpi_madt_override){
		.type = 2,
		.length = sizeof(*sci),
		.source = LAYOUT_GSI_SCI,
		.gsi = LAYOUT_GSI_SCI,
		.flags = 0xd, /* level, active high */
	};
	nmi = (struct acpi_madt_nmi *)(sci + 1);
	*nmi = (struct acpi_madt_nmi){
		.type = 4,
		.length = sizeof(*nmi),
		.processor_uid = 0xff,
		.lint = 1,
	};
	finish_table(&head->header, "APIC", 5, len);
	return 0;
}

static int add_mcfg(struct acpi_area *area, uint64_t *ret_gpa)
{
	struct acpi_mcfg *mcfg = reserve_bytes(area, sizeof(*mcfg), ret_gpa);

	if (!mcfg)
		return -ENOSPC;
	mcfg->gpa = LAYOUT_ECAM_BASE;
	mcfg->last_bus = 255;
	finish_table(&mcfg->header, "MCFG", 1, sizeof(*mcfg));
	return 0;
}

static int add_xsdt(struct acpi_area *area, const uint64_t *gpas, size_t n_gpas, uint64_t *ret_gpa)
{
	size_t len = sizeof(struct acpi_header) + n_gpas * sizeof(gpas[0]);
	struct acpi_header *xsdt = reserve_bytes(area, len, ret_gpa);

	if (!xsdt)
		return -ENOSPC;
	memcpy(xsdt + 1, gpas, n_gpas * sizeof(gpas[0]));
	finish_table(xsdt, "XSDT", 1, len);
	return 0;
}

static void fill_rsdp(struct acpi_rsdp *rsdp, uint64_t xsdt_gpa)
{
	*rsdp = (struct acpi_rsdp){
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem_id = {'W', 'E', 'F', 'T', ' ', ' '},
		.revision = 2,
		.length = sizeof(*rsdp),
		.xsdt_gpa = xsdt_gpa,
	};
	rsdp->checksum = checksum_of(rsdp, 20);
	rsdp->extended_checksum = checksum_of(rsdp, sizeof(*rsdp));
}

static int fill_tables(struct acpi_area *area, unsigned n_vcpus)
{
	uint64_t rsdp_gpa = 0, dsdt_gpa = 0, xsdt_gpa = 0, gpas[3] = {0};
	/* First of all, where a guest that searches for it begins. */
	struct acpi_rsdp *rsdp = reserve_bytes(area, sizeof(*rsdp), &rsdp_gpa);
	int r = rsdp ? add_dsdt(area, &dsdt_gpa) : -ENOSPC;

	if (!r)
		r = add_fadt(area, dsdt_gpa, &gpas[0]);
	if (!r)
		r = add_madt(area, n_vcpus, &gpas[1]);
	if (!r)
		r = add_mcfg(area, &gpas[2]);
	if (!r)
		r = add_xsdt(area, gpas, 3, &xsdt_gpa);
	if (!r)
		fill_rsdp(rsdp, xsdt_gpa);
	return r;
}

int acpi_write(struct mem *mem, unsigned n_vcpus, uint64_t *ret_rsdp_gpa)
{
	struct acpi_area area = {
		.bytes = calloc(1, LAYOUT_ACPI_SIZE),
		.size = LAYOUT_ACPI_SIZE,
		.gpa = LAYOUT_ACPI_BASE,
	};
	int r = area.bytes ? fill_tables(&area, n_vcpus) : -ENOMEM;

	if (!r)
		r = mem_write(mem, area.gpa, area.bytes, area.len);
	free(area.bytes);
	*ret_rsdp_gpa = LAYOUT_ACPI_BASE;
	return r;
}
