/* Lab files: whatever the bytes are, parsing ends, and a lab without errors can be planned. */
#include "fuzz.h"

#include "plan.h"
#include "topo.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = {.file = "fuzz", .text = (const char *)data, .size = size};
	struct state wanted = {0}, nothing = {0};
	struct plan plan = {0};
	struct topo topo;
	struct err err;

	if (!topo_parse("/", false, &diag, &topo)) {
		if (!state_from_topo(&topo, "/run", &wanted, &err) &&
			!plan_make(&wanted, &nothing, "/run", &plan, &err)) {
			struct plan again;

			plan_done(&plan);
			/* What is as wanted needs nothing. */
			if (!plan_make(&wanted, &wanted, "/run", &again, &err) && again.n_ops)
				abort();
			plan_done(&again);
		}
		state_done(&wanted);
	} else {
		FILE *out = fopen("/dev/null", "w");

		if (out) {
			diag_print(&diag, out);
			fclose(out);
		}
	}
	topo_done(&topo);
	return 0;
}
