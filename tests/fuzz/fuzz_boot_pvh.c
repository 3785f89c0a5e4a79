/* An ELF kernel from outside: whatever it says, nothing outside guest RAM is touched. */
#include "fuzz.h"

#include "boot_pvh.h"
#include "err.h"
#include "mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct boot_request request = {
		.cmdline = "console=ttyS0",
		.initrd_bytes = 12345,
		.rsdp_gpa = 0xe0000,
	};
	static struct mem *mem;
	struct boot_plan plan;
	struct err err = {0};
	void *hva;

	if (!mem && mem_create(MEM_MIN_BYTES, false, &mem, &err) < 0)
		abort();
	if (boot_pvh_load(mem, data, size, &request, &plan, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort(); /* a refusal says why */
		return 0;
	}
	/* What was accepted can be started: entry, start info and initrd are in RAM. */
	if (mem_gpa_to_hva(mem, plan.entry.rip_gpa, 1, &hva) < 0 ||
		mem_gpa_to_hva(mem, plan.entry.arg_gpa, 56, &hva) < 0 ||
		mem_gpa_to_hva(mem, plan.initrd_gpa, request.initrd_bytes, &hva) < 0)
		abort();
	return 0;
}
