/**
 * aml: write ACPI machine language, as much of it as a DSDT of ours needs.
 *
 * Data model: a fixed buffer that is appended to; a block (scope, device, package, ...) is begun
 * and ended, which fills in its length. Writing past the end sets `full` and drops the rest, so
 * that callers check once.
 * Pure; belongs to one thread.
 * Source: ACPI 6.4, 20 "ACPI Machine Language (AML) Specification"; 6.4 "Resource Data Types".
 */
#ifndef WEFT_VMM_X86_AML_H
#define WEFT_VMM_X86_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *bytes;
	size_t size;
	size_t len;
	bool full;
};

/** A block that was begun: where its length goes. */
struct aml_block {
	size_t at;
};

static inline struct aml aml_init(void *bytes, size_t size)
{
	return (struct aml){.bytes = bytes, .size = size};
}

/** Blocks. name: up to four characters per segment, "\\_SB" or "PCI0". */
struct aml_block aml_begin_scope(struct aml *aml, const char *name);
struct aml_block aml_begin_device(struct aml *aml, const char *name);
/** An unnamed package of n_elements, to follow aml_name() or in another package. */
struct aml_block aml_begin_package(struct aml *aml, uint8_t n_elements);
void aml_end(struct aml *aml, struct aml_block block);

/** Name (name, ...): the value follows. */
void aml_name(struct aml *aml, const char *name);
void aml_integer(struct aml *aml, uint64_t value);
/** A PnP id such as "PNP0A08", compressed. */
void aml_eisaid(struct aml *aml, const char *id);

/** A resource template (the value of _CRS), with the descriptors in between. */
struct aml_resources {
	struct aml_block block;
	size_t size_at;
};
struct aml_resources aml_begin_resources(struct aml *aml);
void aml_end_resources(struct aml *aml, struct aml_resources resources);
void aml_res_io(struct aml *aml, uint16_t base, uint8_t len);
void aml_res_irq(struct aml *aml, uint8_t irq);
void aml_res_fixed_memory(struct aml *aml, uint32_t base, uint32_t len);
void aml_res_bus_window(struct aml *aml, uint16_t first, uint16_t last);
void aml_res_io_window(struct aml *aml, uint16_t first, uint16_t last);
void aml_res_memory_window(struct aml *aml, uint32_t first, uint32_t last);

#endif
