#include "cmocka_all.h"

#include "layout.h"
#include "mem.h"
#include "x86/acpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t *tables; /* the area at LAYOUT_ACPI_BASE */

static const uint8_t *table_at(uint64_t gpa)
{
	assert_in_range(gpa, LAYOUT_ACPI_BASE, LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE - 64);
	return tables + (gpa - LAYOUT_ACPI_BASE);
}

static uint64_t get(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static uint8_t sum(const uint8_t *at, size_t len)
{
	uint8_t total = 0;

	for (size_t i = 0; i < len; i++)
		total = (uint8_t)(total + at[i]);
	return total;
}

/* The table that XSDT lists under signature. */
static const uint8_t *find(const char *signature)
{
	const uint8_t *xsdt = table_at(get(tables + 24, 8));
	size_t n = (get(xsdt + 4, 4) - 36) / 8;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *t = table_at(get(xsdt + 36 + 8 * i, 8));

		if (!memcmp(t, signature, 4))
			return t;
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static int setup(void **state)
{
	static struct mem *mem;
	uint64_t rsdp = 0;
	void *hva;

	assert_int_equal(mem_create(MEM_MIN_BYTES, false, &mem, NULL), 0);
	assert_int_equal(acpi_write(mem, 5, &rsdp), 0);
	assert_int_equal(rsdp, LAYOUT_ACPI_BASE);
	assert_int_equal(mem_gpa_to_hva(mem, LAYOUT_ACPI_BASE, LAYOUT_ACPI_SIZE, &hva), 0);
	tables = hva;
	return 0;
}

static void checksums_are_right(void **state)
{
	static const char *const names[] = {"FACP", "APIC", "MCFG"};
	const uint8_t *dsdt;

	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint8_t *t = find(names[i]);

		if (sum(t, get(t + 4, 4)))
			fail_msg("checksum of %s", names[i]);
	}
	dsdt = table_at(get(find("FACP") + 140, 8));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, get(dsdt + 4, 4)), 0);
}

static void every_cpu_is_listed(void **state)
{
	const uint8_t *madt = find("APIC");
	size_t len = get(madt + 4, 4);
	unsigned n_cpus = 0, n_ioapics = 0;
	size_t at;

	assert_int_equal(get(madt + 36, 4), LAYOUT_LAPIC_BASE);
	for (at = 44; at + 2 <= len; at += madt[at + 1]) {
		assert_int_not_equal(madt[at + 1], 0);
		if (madt[at] == 0) {
			assert_int_equal(madt[at + 3], n_cpus); /* APIC id */
			assert_int_equal(get(madt + at + 4, 4), 1);
			n_cpus++;
		}
		n_ioapics += madt[at] == 1;
	}
	assert_int_equal(at, len);
	assert_int_equal(n_cpus, 5);
	assert_int_equal(n_ioapics, 1);
}

static void fixed_hardware_is_where_devices_are(void **state)
{
	const uint8_t *fadt = find("FACP");

	assert_int_equal(get(fadt + 46, 2), LAYOUT_GSI_SCI);
	assert_int_equal(get(fadt + 56, 4), LAYOUT_PIO_PM_BASE);
	assert_int_equal(get(fadt + 64, 4), LAYOUT_PIO_PM_BASE + 4);
	assert_int_equal(get(fadt + 76, 4), LAYOUT_PIO_PM_BASE + 8);
	assert_int_equal(get(fadt + 120, 8), 0xcf9);
	assert_int_equal(fadt[128], 6);
	assert_int_equal(get(find("MCFG") + 44, 8), LAYOUT_ECAM_BASE);
}

static void disassemble(const uint8_t *table, const char *dir)
{
	char path[128], command[300];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%.4s", dir, (const char *)table);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(table, get(table + 4, 4), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(command, sizeof(command),
		"cd %s && mv %.4s %.4s.dat && iasl -d %.4s.dat >%.4s.out 2>&1"
		" && ! grep -iE 'error|invalid|warning' %.4s.out %.4s.dsl",
		dir, (const char *)table, (const char *)table, (const char *)table,
		(const char *)table, (const char *)table, (const char *)table);
	if (system(command))
		fail_msg("iasl does not like %.4s", (const char *)table);
}

static void iasl_disassembles_all(void **state)
{
	char dir[] = "/tmp/acpi-test-XXXXXX", command[200];

	if (system("command -v iasl >/dev/null"))
		skip();
	assert_non_null(mkdtemp(dir));
	disassemble(find("FACP"), dir);
	disassemble(find("APIC"), dir);
	disassemble(find("MCFG"), dir);
	disassemble(table_at(get(find("FACP") + 140, 8)), dir);
	/* What it disassembled to must compile again. */
	(void)snprintf(command, sizeof(command), "cd %s && iasl -p again DSDT.dsl >again.out 2>&1",
		dir);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_right),
		cmocka_unit_test(every_cpu_is_listed),
		cmocka_unit_test(fixed_hardware_is_where_devices_are),
		cmocka_unit_test(iasl_disassembles_all),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
